use std::time::Duration;

use tokio::time::advance;

use super::*;
use crate::testing::{BUSINESS, Entra, MEMBERS, NOON, USER, event, gone, sign_up};

fn add_to(group: Uuid) -> String {
    format!("/groups/{group}/members/$ref")
}

fn assign() -> String {
    format!("/users/{USER}/appRoleAssignments")
}

/// A tenant in which adding the user to the members is answered so, and what comes of the event.
async fn outcome_of(status: u16, code: &str, message: &str) -> Outcome {
    let entra = Entra::new();
    let birthrights = entra.birthrights();
    birthrights.probe().await.unwrap();
    entra.answer(add_to(MEMBERS), status, code, message);
    birthrights.handle(&event()).await
}

#[tokio::test(start_paused = true)]
async fn a_sign_up_gets_what_the_rules_give_in_one_batch() {
    let entra = Entra::new();
    let birthrights = entra.birthrights();
    birthrights.probe().await.unwrap();
    entra.forget();
    assert_eq!(birthrights.handle(&event()).await, Outcome::Done);
    let expected = [
        format!("GET /users/{USER}"),
        "POST /$batch".to_owned(),
        format!("POST {}", add_to(MEMBERS)),
        format!("POST {}", add_to(BUSINESS)),
        format!("POST {}", assign()),
    ];
    assert_eq!(entra.asked(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_the_user_is_now_decides_and_not_what_the_event_says() {
    let entra = Entra::new();
    entra.tenant().user = Some(serde_json::json!({ "id": USER, testing::COMPANY_TYPE: "private" }));
    let claim = [(testing::COMPANY_TYPE.to_owned(), "business".into())].into();
    let event = Event::new(usher_event::UserSignedUp { attributes: claim, ..sign_up() });
    assert_eq!(entra.birthrights().handle(&event).await, Outcome::Done);
    let asked_for = |group| entra.count(&format!("POST {}", add_to(group)));
    assert_eq!((asked_for(BUSINESS), asked_for(MEMBERS)), (1, 2), "the probe's, for nobody, and the user's");
}

#[tokio::test(start_paused = true)]
async fn whom_no_rule_is_for_is_skipped() {
    let entra = Entra::new();
    let mut birthrights = entra.birthrights();
    birthrights.rules = testing::rules_when("{ identity_provider = \"google.com\" }");
    assert_eq!(birthrights.handle(&event()).await, Outcome::Skipped("no-rule"));
}

#[tokio::test(start_paused = true)]
async fn a_second_delivery_finds_it_done() {
    const MEMBER: &str =
        "One or more added object references already exist for the following modified properties: 'members'.";
    assert_eq!(outcome_of(400, "Request_BadRequest", MEMBER).await, Outcome::Done);
    let entra = Entra::new();
    entra.answer(
        assign(),
        400,
        "Request_BadRequest",
        "Permission being assigned already exists on the object",
    );
    assert_eq!(entra.birthrights().handle(&event()).await, Outcome::Done);
}

#[tokio::test(start_paused = true)]
async fn each_answer_to_a_grant_has_its_outcome() {
    for (status, code) in [
        (400, "Directory_ConcurrencyViolation"),
        (409, "Conflict"),
        (429, "TooManyRequests"),
        (500, "InternalServerError"),
        (503, "ServiceUnavailable"),
    ] {
        assert!(matches!(outcome_of(status, code, "").await, Outcome::Retry(_)), "{status} {code}");
    }
    for (status, class) in
        [(400, FailureClass::Refused), (401, FailureClass::Unauthorized), (403, FailureClass::Unauthorized)]
    {
        let outcome = outcome_of(status, "SomeCode", "ada@contoso.com is odd").await;
        let Outcome::Unavailable { vendor: "Entra", failure } = outcome else {
            panic!("{status}: {outcome:?}")
        };
        assert_eq!(failure.class, class, "{status}");
        assert_eq!(failure.to_string(), format!("{status} SomeCode rule=\"members\""));
    }
}

#[tokio::test(start_paused = true)]
async fn a_grant_refused_to_everybody_is_the_rules_fault_and_one_refused_to_a_user_the_messages() {
    for (path, is_rules_fault) in [(add_to(BUSINESS), true), (assign(), false)] {
        let entra = Entra::new();
        let birthrights = entra.birthrights();
        birthrights.probe().await.unwrap();
        entra.answer(path.clone(), 400, "Request_BadRequest", "");
        let outcome = birthrights.handle(&event()).await;
        let Outcome::Unavailable { failure, .. } = outcome else { panic!("{path}: {outcome:?}") };
        assert_eq!(failure.class, FailureClass::Refused, "dead-lettered if the probe passes");
        assert_eq!(birthrights.probe().await.is_err(), is_rules_fault, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_longest_wait_asked_for_is_kept_and_comes_before_a_refusal() {
    let entra = Entra::new();
    let birthrights = entra.birthrights();
    birthrights.probe().await.unwrap();
    entra.answer(add_to(MEMBERS), 429, "TooManyRequests", "");
    entra.answer(add_to(BUSINESS), 429, "TooManyRequests", "");
    entra.answer(assign(), 400, "Request_BadRequest", "");
    entra.tenant().retry_after = [(add_to(MEMBERS), 3), (add_to(BUSINESS), 11)].into();
    let Outcome::Retry(failure) = birthrights.handle(&event()).await else { panic!("more may be granted") };
    assert_eq!(failure.retry_after, Some(Duration::from_secs(11)));
}

#[tokio::test(start_paused = true)]
async fn a_user_who_is_not_there_is_waited_for_and_then_gone() {
    let entra = Entra::new();
    entra.tenant().user = None;
    let birthrights = entra.birthrights();
    assert!(matches!(birthrights.handle(&event()).await, Outcome::Retry(_)));
    advance(usher_entra::READABLE_WITHIN + Duration::from_secs(1)).await;
    assert_eq!(birthrights.handle(&event()).await, Outcome::Skipped("user-gone"));
}

#[tokio::test(start_paused = true)]
async fn a_user_who_goes_meanwhile_is_told_from_a_group_that_is_gone() {
    let outcome = outcome_of(404, "Request_ResourceNotFound", &gone(USER)).await;
    assert!(matches!(outcome, Outcome::Retry(_)), "another replica may not have the user yet: {outcome:?}");

    let outcome = outcome_of(404, "Request_ResourceNotFound", &gone(MEMBERS)).await;
    let Outcome::Retry(failure) = outcome else { panic!("a replica may lag: {outcome:?}") };
    assert_eq!((failure.class, failure.status), (FailureClass::Transient, Some(404)));
    assert_eq!(failure.to_string(), "404 Request_ResourceNotFound rule=\"members\"");

    assert!(matches!(outcome_of(404, "", "Not found.").await, Outcome::Retry(_)), "it may be either");
}

#[tokio::test(start_paused = true)]
async fn long_after_the_sign_up_a_404_that_names_nobody_is_the_groups() {
    let entra = Entra::new();
    let birthrights = entra.birthrights();
    birthrights.probe().await.unwrap();
    let old = usher_event::UserSignedUp { signed_up_at: NOON - Duration::from_secs(3600), ..sign_up() };
    entra.answer(add_to(MEMBERS), 404, "Request_ResourceNotFound", &gone(USER));
    assert_eq!(birthrights.handle(&Event::new(old.clone())).await, Outcome::Skipped("user-gone"));
    entra.answer(add_to(MEMBERS), 404, "", "Not found.");
    let outcome = birthrights.handle(&Event::new(old)).await;
    let Outcome::Retry(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.code.as_deref(), Some("rule=\"members\""));
}

#[tokio::test(start_paused = true)]
async fn a_replica_that_does_not_have_a_group_yet_costs_a_delivery_one_more_attempt() {
    let entra = Entra::new();
    let birthrights = entra.birthrights();
    birthrights.probe().await.unwrap();
    entra.answer(add_to(MEMBERS), 404, "Request_ResourceNotFound", &gone(MEMBERS));
    assert!(matches!(birthrights.handle(&event()).await, Outcome::Retry(_)));
    entra.tenant().instead.clear();
    assert_eq!(birthrights.handle(&event()).await, Outcome::Done);
    assert_eq!(entra.count("GET /groups"), 4, "the groups were looked at again");
}

#[tokio::test(start_paused = true)]
async fn the_attempt_after_a_groups_404_looks_again_and_so_does_the_probe() {
    let entra = Entra::new();
    let birthrights = entra.birthrights();
    birthrights.probe().await.unwrap();
    entra.tenant().groups.remove(&MEMBERS);
    birthrights.probe().await.expect("an earlier probe's word is taken for some minutes");
    entra.answer(add_to(MEMBERS), 404, "Request_ResourceNotFound", &gone(MEMBERS));
    assert!(matches!(birthrights.handle(&event()).await, Outcome::Retry(_)));
    let outcome = birthrights.handle(&event()).await;
    let Outcome::Unavailable { failure, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.class, FailureClass::Refused);
    let down = birthrights.probe().await.unwrap_err();
    assert_eq!((down.setting, down.failure.class), ("BIRTHRIGHTS_RULES", FailureClass::Refused));
    assert_eq!(down.failure.to_string(), format!("rule \"members\": there is no group {MEMBERS}"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_granted_before_the_groups_were_looked_up() {
    let entra = Entra::new();
    entra.tenant().groups.get_mut(&BUSINESS).unwrap()["isAssignableToRole"] = true.into();
    let birthrights = entra.birthrights();
    let outcome = birthrights.handle(&event()).await;
    let Outcome::Unavailable { failure, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(failure.class, FailureClass::Refused);
    assert_eq!(entra.count("POST"), 0);

    entra.answer(format!("/groups/{MEMBERS}"), 503, "ServiceUnavailable", "");
    assert!(matches!(birthrights.handle(&event()).await, Outcome::Retry(_)), "Graph can't tell now");
    entra.tenant().unreachable = true;
    assert!(matches!(birthrights.handle(&event()).await, Outcome::Unavailable { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_attribute_that_users_do_not_have_is_the_rules_fault() {
    let entra = Entra::new();
    let birthrights = entra.birthrights();
    birthrights.probe().await.unwrap();
    for id in [USER, Uuid::nil()] {
        entra.answer(format!("/users/{id}"), 400, "BadRequest", "Could not find a property.");
    }
    let outcome = birthrights.handle(&event()).await;
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "no message's fault: {outcome:?}");
    assert_eq!(birthrights.probe().await.unwrap_err().setting, "BIRTHRIGHTS_RULES");
}

#[tokio::test(start_paused = true)]
async fn a_whole_batch_that_fails_goes_by_its_status() {
    let entra = Entra::new();
    let birthrights = entra.birthrights();
    birthrights.probe().await.unwrap();
    let outcome = async |status| {
        entra.answer("/$batch", status, "", "");
        birthrights.handle(&event()).await
    };
    assert!(matches!(outcome(400).await, Outcome::Reject(_)));
    assert!(matches!(outcome(403).await, Outcome::Unavailable { .. }));
    assert!(matches!(outcome(429).await, Outcome::Retry(_)));
    assert!(matches!(outcome(503).await, Outcome::Retry(_)));
}

/// The tenant's answers to what a check asks.
fn holding(groups: &[Uuid], roles: serde_json::Value) -> Entra {
    let entra = Entra::new();
    let groups = serde_json::json!({ "value": groups });
    entra.tenant().instead.insert(format!("/users/{USER}/checkMemberGroups"), (200, groups));
    let roles = serde_json::json!({ "value": roles });
    entra.tenant().instead.insert(assign(), (200, roles));
    entra
}

#[tokio::test(start_paused = true)]
async fn a_check_tells_who_has_all_that_the_rules_give_and_grants_nothing() {
    let role = serde_json::json!([{ "resourceId": testing::RESOURCE, "appRoleId": testing::ROLE }]);
    let whole = holding(&[MEMBERS, BUSINESS], role.clone());
    assert_eq!(whole.birthrights().presence(&event()).await, Ok(Presence::Present));
    for lacking in [holding(&[MEMBERS], role), holding(&[MEMBERS, BUSINESS], serde_json::json!([]))] {
        let presence = lacking.birthrights().presence(&event()).await;
        assert_eq!(presence, Ok(Presence::Missing("not-all-granted")));
        assert_eq!(lacking.count(&format!("POST {}", add_to(MEMBERS))), 0);
    }
    let gone = Entra::new();
    gone.tenant().user = None;
    assert_eq!(gone.birthrights().presence(&event()).await, Ok(Presence::NotExpected("user-gone")));
}
