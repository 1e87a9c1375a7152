use http::Method;
use serde_json::json;
use time::Duration;
use usher_http::TransportError;

use super::*;
use crate::testing::{ADA, Answer, EVE, TENANT, Tenant, json_answer, problem, signed_up, taken};

const A_MINUTE: Duration = Duration::MINUTE;

async fn handle(tenant: &Tenant, user: Uuid) -> Outcome {
    tenant.consumer(&[]).handle(&signed_up(user, A_MINUTE)).await
}

#[tokio::test(start_paused = true)]
async fn a_sign_up_gets_a_readable_name_and_a_display_name_in_one_request() {
    let tenant = Tenant::default().with(ADA, "Łukasz", "Żółć", "unknown");
    assert_eq!(handle(&tenant, ADA).await, Outcome::Done);
    assert_eq!(tenant.upn(ADA), "lukasz.zolc@contoso.com");
    assert_eq!(tenant.display_name(ADA), "Łukasz Żółć");
    assert_eq!(tenant.patches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_display_name_that_is_there_stays() {
    let tenant = Tenant::default().with(ADA, "Ada", "King", "The Countess");
    assert_eq!(handle(&tenant, ADA).await, Outcome::Done);
    assert_eq!(tenant.patches(), [json!({ "userPrincipalName": "ada.king@contoso.com" })]);
}

#[tokio::test(start_paused = true)]
async fn a_repeated_delivery_changes_nothing_more() {
    let tenant = Tenant::default().with(ADA, "Ada", "King", "unknown");
    for _ in 0..3 {
        assert_eq!(handle(&tenant, ADA).await, Outcome::Done);
    }
    assert_eq!(tenant.patches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_took_effect_unheard_is_found_done() {
    let tenant = Tenant::default().with(ADA, "Ada", "King", "unknown");
    assert_eq!(handle(&tenant, ADA).await, Outcome::Done);
    let tenant =
        tenant.with_user(EVE, "ada.king-9999@contoso.com", &json!({ "givenName": "Ada", "surname": "King" }));
    assert_eq!(handle(&tenant, EVE).await, Outcome::Done, "the second choice of this user");
    assert_eq!(tenant.patches().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn of_two_users_who_race_for_a_name_one_gets_it_and_the_other_gets_it_with_a_suffix() {
    let tenant = Tenant::default().with(ADA, "Ada", "King", "").with(EVE, "Áda", "King", "");
    let (one, other) = tokio::join!(handle(&tenant, EVE), handle(&tenant, ADA));
    assert_eq!((one, other), (Outcome::Done, Outcome::Done));
    let mut upns = [tenant.upn(ADA), tenant.upn(EVE)];
    upns.sort();
    let suffixed = ["ada.king-4c5d@contoso.com", "ada.king-9999@contoso.com"];
    assert!(suffixed.contains(&upns[0].as_str()) && upns[1] == "ada.king@contoso.com", "{upns:?}");
    assert_eq!(tenant.patches().len(), 3, "both tried the same name first");
    assert_eq!((tenant.display_name(ADA), tenant.display_name(EVE)), ("Ada King".into(), "Áda King".into()));
}

#[tokio::test(start_paused = true)]
async fn the_suffix_grows_until_a_name_is_free() {
    let tenant = Tenant::default().with(ADA, "Ada", "King", "A");
    let tenant = (0..3).fold(tenant, |tenant, _| tenant.answers(Method::PATCH, taken()));
    assert_eq!(handle(&tenant, ADA).await, Outcome::Done);
    assert_eq!(tenant.upn(ADA), "ada.king-0e1f2a3b4c5d@contoso.com");
    assert_eq!(tenant.patches().len(), 4);
}

/// It may take effect late; and by then the name before it may be free, and would be a second change.
#[tokio::test(start_paused = true)]
async fn a_second_choice_whose_answer_is_lost_is_asked_for_again_before_any_other() {
    let tenant = Tenant::default().with(ADA, "Ada", "King", "A").answers(Method::PATCH, taken());
    let tenant = tenant.answers(Method::PATCH, Err(TransportError::Timeout));
    let tenant = tenant.answers(Method::PATCH, problem(503, "ServiceUnavailable"));
    assert_eq!(handle(&tenant, ADA).await, Outcome::Done);
    let asked: Vec<_> = tenant.patches().iter().map(|it| it["userPrincipalName"].clone()).collect();
    let second = "ada.king-4c5d@contoso.com";
    assert_eq!(asked, ["ada.king@contoso.com", second, second, second]);
}

#[tokio::test(start_paused = true)]
async fn a_user_whose_names_are_all_taken_is_rejected_with_that_reason() {
    let tenant = Tenant::default().with(ADA, "Ada", "King", "A");
    let tenant = (0..4).fold(tenant, |tenant, _| tenant.answers(Method::PATCH, taken()));
    assert!(
        matches!(handle(&tenant, ADA).await, Outcome::Reject(rejection) if rejection.reason == "UpnTaken")
    );
}

#[tokio::test(start_paused = true)]
async fn a_name_that_somebody_chose_is_left_alone() {
    for upn in
        ["countess@contoso.com", "ada.king@fabrikam.com", "0b9e3a52-7d0c-4a4c-9d3a-2f5a8a6f1c11@contoso.com"]
    {
        let names = json!({ "givenName": "Ada", "surname": "King", "displayName": "unknown" });
        let tenant = Tenant::default().with_user(ADA, upn, &names);
        assert_eq!(handle(&tenant, ADA).await, Outcome::Skipped("upn-not-default"), "{upn}");
        assert!(tenant.patches().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_whom_the_template_has_no_name_for_is_left_alone() {
    let tenant = Tenant::default().with(ADA, "🎭", "", "unknown");
    let consumer = tenant.consumer(&["--upn-template", "{given}|{display}"]);
    assert_eq!(consumer.handle(&signed_up(ADA, A_MINUTE)).await, Outcome::Skipped("no-name"));
}

#[tokio::test(start_paused = true)]
async fn the_address_is_nowhere_in_what_is_written() {
    let tenant = Tenant::default().with(ADA, "ada@example.com", "", "ada@example.com");
    assert_eq!(handle(&tenant, ADA).await, Outcome::Done);
    assert_eq!(tenant.patches(), [json!({ "userPrincipalName": "customer-4c5d@contoso.com" })]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_the_users_own_address_is_passed_over() {
    let identity = |kind: &str, id: &str| json!([{ "signInType": kind, "issuerAssignedId": id }]);
    for addresses in [
        json!({ "mail": "Ada.King@Contoso.com" }),
        json!({ "identities": identity("emailAddress", "ada.king@contoso.com") }),
        json!({ "identities": identity("federated", "ada.king@contoso.com") }),
    ] {
        let mut ada = json!({ "givenName": "Ada", "surname": "King", "displayName": "A" });
        ada.as_object_mut().unwrap().extend(addresses.as_object().unwrap().clone());
        let tenant = Tenant::default().with_user(ADA, &format!("{ADA}@contoso.onmicrosoft.com"), &ada);
        for _ in 0..2 {
            assert_eq!(handle(&tenant, ADA).await, Outcome::Done, "{addresses}");
        }
        assert_eq!(tenant.patches(), [json!({ "userPrincipalName": "ada.king-4c5d@contoso.com" })]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_who_cannot_be_found_is_waited_for_and_then_gone() {
    let consumer = Tenant::default().consumer(&[]);
    let young = consumer.handle(&signed_up(ADA, Duration::minutes(15))).await;
    assert!(matches!(young, Outcome::Retry(failure) if failure.status == Some(404)));
    let old = consumer.handle(&signed_up(ADA, Duration::minutes(16))).await;
    assert_eq!(old, Outcome::Skipped("user-gone"));
}

#[tokio::test(start_paused = true)]
async fn a_user_who_goes_between_reading_and_writing_is_treated_alike() {
    for (ago, expected) in [(Duration::minutes(1), None), (Duration::minutes(16), Some("user-gone"))] {
        let tenant = Tenant::default().with(ADA, "Ada", "King", "A");
        let tenant = tenant.answers(Method::PATCH, problem(404, "Request_ResourceNotFound"));
        match (tenant.consumer(&[]).handle(&signed_up(ADA, ago)).await, expected) {
            (Outcome::Retry(failure), None) => assert_eq!(failure.status, Some(404)),
            (Outcome::Skipped(why), Some(expected)) => assert_eq!(why, expected),
            (outcome, _) => panic!("{outcome:?}"),
        }
    }
}

/// The outcome of a write that is answered so each time.
async fn answered(answer: &Answer) -> Outcome {
    let tenant = Tenant::default().with(ADA, "Ada", "King", "A");
    // Twice: after a 401 the client asks once more, with a fresh token.
    let tenant = (0..2).fold(tenant, |tenant, _| tenant.answers(Method::PATCH, answer.clone()));
    handle(&tenant, ADA).await
}

#[tokio::test(start_paused = true)]
async fn each_answer_to_a_write_has_its_outcome() {
    for (status, code, expected) in [
        (400, "Request_BadRequest", "reject"),
        (400, "Directory_ConcurrencyViolation", "retry"),
        (401, "InvalidAuthenticationToken", "unavailable"),
        (403, "Authorization_RequestDenied", "unavailable"),
        (409, "Request_Conflict", "retry"),
        (423, "Locked", "retry"),
        (429, "TooManyRequests", "retry"),
        (500, "InternalServerError", "retry"),
        (502, "", "retry"),
        (503, "Directory_ReplicaUnavailable", "retry"),
        (504, "", "retry"),
    ] {
        let outcome = answered(&problem(status, code)).await;
        let named = match outcome {
            Outcome::Retry(_) => "retry",
            Outcome::Reject(_) => "reject",
            Outcome::Unavailable { vendor: "Entra", .. } => "unavailable",
            other => panic!("{status} {code}: {other:?}"),
        };
        assert_eq!(named, expected, "{status} {code}");
    }
    assert!(matches!(answered(&Err(TransportError::Connect)).await, Outcome::Unavailable { .. }));
    for passing in [TransportError::Timeout, TransportError::Broken] {
        assert!(matches!(answered(&Err(passing)).await, Outcome::Retry(_)), "{passing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_points_at_the_domain_and_quotes_nothing() {
    let Outcome::Reject(rejection) = answered(&problem(400, "Request_BadRequest")).await else {
        panic!("not rejected");
    };
    assert_eq!(rejection.reason, "EntraRejected");
    assert_eq!(rejection.detail, "status=400 code=Request_BadRequest hint=is-UPN_DOMAIN-a-verified-domain");
}

#[tokio::test(start_paused = true)]
async fn the_probe_touches_nobody_and_names_the_setting_that_is_refused() {
    let tenant = Tenant::default();
    assert_eq!(tenant.consumer(&[]).probe().await, Ok(()));
    let refused = tenant.answers(Method::GET, json_answer(403, &json!({})));
    let down = refused.consumer(&[]).probe().await.unwrap_err();
    assert_eq!((down.vendor, down.setting, down.failure.status), ("Entra", "ENTRA_CLIENT_ID", Some(403)));
    assert_eq!(refused.consumer(&[]).tenant_id(), TENANT);
}

#[tokio::test(start_paused = true)]
async fn a_check_tells_who_has_a_readable_name_and_changes_nothing() {
    let chosen = json!({ "givenName": "Eve" });
    let tenant = Tenant::default().with(ADA, "Ada", "King", "A").with_user(EVE, "eve@contoso.org", &chosen);
    let presence = async |user| tenant.consumer(&[]).presence(&signed_up(user, A_MINUTE)).await;
    assert_eq!(presence(ADA).await, Ok(Presence::Missing("generated-name")));
    assert_eq!(presence(EVE).await, Ok(Presence::NotExpected("upn-not-default")));
    assert_eq!(presence(TENANT).await, Ok(Presence::NotExpected("user-gone")));
    assert!(tenant.patches().is_empty());
    assert_eq!(handle(&tenant, ADA).await, Outcome::Done);
    assert_eq!(presence(ADA).await, Ok(Presence::Present));
}
