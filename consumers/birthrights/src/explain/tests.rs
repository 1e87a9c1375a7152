use serde_json::json;
use usher_service::Failure as Ended;

use super::*;
use crate::testing::{APP, BUSINESS, COMPANY_TYPE, Entra, MEMBERS, RESOURCE, ROLE, RULES, USER, user};

fn rules() -> Rules {
    RULES.parse().unwrap()
}

async fn run_in(entra: &Entra) -> Result<(), Ended> {
    run(&entra.graph(), &rules(), &Command::Explain { user_id: USER, app_id: None }, std::io::sink()).await
}

#[tokio::test(start_paused = true)]
async fn each_rule_is_told_with_the_condition_that_decided() {
    let user = user(json!({ COMPANY_TYPE: "private" })).await;
    let expected = format!(
        "rule \"members\" holds: it is for everybody\n\
         rule \"business customers\" does not hold\n  attribute {COMPANY_TYPE}: differs\n\
         rule \"portal\" is not known to hold\n  app_id {APP}: only the sign-up's event says; tell it by --app-id\n\
         \nWould be given:\n  group {MEMBERS}, by \"members\"\n\
         \nWould be given if what is not known holds:\n  app role {ROLE} of {RESOURCE}, by \"portal\"\n"
    );
    assert_eq!(explanation(&rules(), &user, None), expected);
}

#[tokio::test(start_paused = true)]
async fn with_the_app_all_is_known() {
    let user = user(json!({ COMPANY_TYPE: "business" })).await;
    let text = explanation(&rules(), &user, Some(APP));
    assert!(
        text.contains(&format!("rule \"business customers\" holds\n  attribute {COMPANY_TYPE}: equals\n"))
    );
    assert!(text.contains("rule \"portal\" holds") && !text.contains("not known"), "{text}");
    assert!(text.contains(&format!("group {BUSINESS}, by \"business customers\"")), "{text}");
}

#[tokio::test(start_paused = true)]
async fn the_users_values_are_not_shown() {
    let user = user(json!({
        COMPANY_TYPE: "hush-hush", "mail": "ada@contoso.com", "identities": crate::testing::local("ada@contoso.com"),
    }));
    let rules = crate::testing::rules_when("{ email_domain = \"contoso.com\" }");
    let text = explanation(&rules, &user.await, None);
    assert!(text.contains("email_domain contoso.com: verified by the tenant"), "{text}");
    assert!(!text.contains("ada") && !text.contains("hush"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn it_only_reads() {
    let entra = Entra::new();
    run_in(&entra).await.unwrap();
    assert!(entra.asked().iter().all(|asked| asked.starts_with("GET ")), "{:?}", entra.asked());
    assert_eq!(entra.asked().len(), 4, "the user, two groups and the application: {:?}", entra.asked());
}

#[tokio::test(start_paused = true)]
async fn how_it_ends_says_what_is_wrong() {
    let entra = Entra::new();
    entra.tenant().groups.clear();
    let Err(Ended::Setting { setting, problem }) = run_in(&entra).await else {
        panic!("the rules are wrong")
    };
    assert_eq!(setting, "BIRTHRIGHTS_RULES");
    assert!(problem.contains(&format!("rule \"members\": there is no group {MEMBERS}")), "{problem}");

    entra.tenant().user = None;
    let nobody = run_in(&entra).await.unwrap_err();
    assert!(
        matches!(&nobody, Ended::Negative(why) if why == &format!("there is no user {USER}")),
        "{nobody}"
    );

    entra.tenant().unreachable = true;
    assert!(matches!(run_in(&entra).await, Err(Ended::Unavailable(_))));
}
