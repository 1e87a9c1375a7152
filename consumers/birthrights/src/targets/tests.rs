use serde_json::json;
use tokio::time::advance;
use usher_subscriber::Handler;

use super::*;
use crate::testing::{BUSINESS, Entra, MEMBERS, RESOURCE, ROLE};

/// What a probe says of a tenant that is not as the rules think.
async fn problem(change: impl FnOnce(&Entra)) -> String {
    let entra = Entra::new();
    change(&entra);
    let down = entra.birthrights().probe().await.unwrap_err();
    assert_eq!((down.setting, down.failure.class), ("BIRTHRIGHTS_RULES", FailureClass::Refused));
    down.failure.to_string()
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_a_birthright_is_named_with_its_rule() {
    let powerful = problem(|entra| {
        entra.tenant().groups.get_mut(&BUSINESS).unwrap()["isAssignableToRole"] = json!(true);
    });
    let expected = format!("rule \"business customers\": group {BUSINESS} is role-assignable");
    assert!(powerful.await.starts_with(&expected));
    let dynamic = problem(|entra| {
        entra.tenant().groups.get_mut(&MEMBERS).unwrap()["groupTypes"] = json!(["DynamicMembership"]);
    });
    assert!(dynamic.await.starts_with(&format!("rule \"members\": group {MEMBERS} is dynamic")));
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_named_with_its_rule() {
    let group = problem(|entra| _ = entra.tenant().groups.remove(&BUSINESS)).await;
    assert_eq!(group, format!("rule \"business customers\": there is no group {BUSINESS}"));
    let role = problem(|entra| entra.tenant().roles = json!([])).await;
    assert_eq!(role, format!("rule \"portal\": resource {RESOURCE} has no app role {ROLE} for users"));
    let resource = problem(|entra| entra.answer(format!("/servicePrincipals/{RESOURCE}"), 404, "", "")).await;
    assert!(resource.starts_with(&format!("rule \"portal\": there is no resource {RESOURCE}")), "{resource}");
}

#[tokio::test(start_paused = true)]
async fn each_is_looked_up_once_and_again_after_some_minutes() {
    let entra = Entra::new();
    let birthrights = entra.birthrights();
    for _ in 0..3 {
        birthrights.probe().await.unwrap();
    }
    assert_eq!((entra.count("GET /groups"), entra.count("GET /servicePrincipals")), (2, 1));
    assert_eq!(entra.count("GET /users"), 3, "that Graph is there is asked each time");
    advance(HOLDS).await;
    birthrights.probe().await.unwrap();
    assert_eq!(entra.count("GET /groups"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_look_that_was_overtaken_by_a_doubt_does_not_count() {
    let entra = Entra::new();
    let (graph, rules) = (entra.graph(), crate::testing::RULES.parse().unwrap());
    let targets = Targets::default();
    let look = targets.check(&graph, &rules);
    tokio::pin!(look);
    // Under way: the doubt is cast before the answers are in.
    assert!(futures_util::poll!(&mut look).is_pending());
    targets.doubt();
    look.await.unwrap();
    targets.check(&graph, &rules).await.unwrap();
    assert_eq!(entra.count("GET /groups"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_permission_that_we_lack_is_found_before_any_sign_up() {
    let entra = Entra::new();
    // Of the second group alone: each is tried.
    entra.answer(format!("/groups/{BUSINESS}/members/$ref"), 403, "Authorization_RequestDenied", "");
    let down = entra.birthrights().probe().await.unwrap_err();
    assert_eq!((down.setting, down.failure.class), ("ENTRA_CLIENT_ID", FailureClass::Unauthorized));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_takes_nobody_in_is_named_with_its_rule() {
    let refused = problem(|entra| {
        entra.answer(format!("/groups/{BUSINESS}/members/$ref"), 400, "Request_BadRequest", "");
    });
    let expected =
        format!("rule \"business customers\": Graph refuses to grant {BUSINESS}: 400 Request_BadRequest");
    assert_eq!(refused.await, expected);
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_down_is_not_the_settings_fault() {
    let entra = Entra::new();
    entra.tenant().unreachable = true;
    let down = entra.birthrights().probe().await.unwrap_err();
    assert_eq!(down.failure.class, FailureClass::Unreachable);
    entra.tenant().unreachable = false;
    entra.answer(format!("/groups/{MEMBERS}"), 429, "TooManyRequests", "");
    let down = entra.birthrights().probe().await.unwrap_err();
    assert_eq!(down.failure.class, FailureClass::Transient);
}
