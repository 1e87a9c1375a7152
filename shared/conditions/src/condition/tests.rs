use serde_json::{Value, json};
use uuid::uuid;

use super::*;
use crate::testing::{APP, conditions, federated, local, user};

async fn holds(when: &str, properties: Value, app: SignUpApp) -> Option<bool> {
    let user = user(properties).await;
    conditions(when).hold(&Facts::new(&user, app))
}

#[tokio::test(start_paused = true)]
async fn each_condition_holds_for_those_it_is_meant_for() {
    let attribute = |value: Value| json!({ "extension_a_Kind": value });
    let signs_in = |identities: Value| json!({ "identities": identities });
    let equals = r#"{ attribute = "extension_a_Kind", equals = "business" }"#;
    let one_of = r#"{ attribute = "extension_a_Kind", one_of = ["business", "charity"] }"#;
    let domain = r#"{ email_domain = "Contoso.com" }"#;
    let domains = r#"{ email_domain = ["contoso.com", "fabrikam.com"] }"#;
    let google = r#"{ identity_provider = "google.com" }"#;
    let tenant = r#"{ identity_provider = "seats.onmicrosoft.com" }"#;
    let rows = [
        (equals, attribute(json!("business")), true),
        (equals, attribute(json!("Business")), false),
        (equals, attribute(json!("private")), false),
        (equals, attribute(Value::Null), false),
        (equals, json!({}), false),
        (one_of, attribute(json!("charity")), true),
        (one_of, attribute(json!("private")), false),
        (r#"{ attribute = "extension_a_Kind", equals = true }"#, attribute(json!(true)), true),
        (r#"{ attribute = "extension_a_Kind", equals = true }"#, attribute(json!("true")), false),
        (r#"{ attribute = "extension_a_Kind", equals = 3 }"#, attribute(json!(3)), true),
        (domain, signs_in(local("ada@contoso.COM")), true),
        (domain, signs_in(local("ada@sub.contoso.com")), false),
        (domain, signs_in(local("ada@contoso.com.evil.example")), false),
        (domain, signs_in(local("ada@contoso.com@evil.example")), false),
        (domain, json!({ "mail": "ada@contoso.com", "identities": federated("google.com") }), false),
        (domains, signs_in(local("ada@fabrikam.com")), true),
        (google, signs_in(federated("google.com")), true),
        (google, signs_in(federated("Google.com")), true),
        (google, signs_in(federated("facebook.com")), false),
        (google, signs_in(local("ada@google.com")), false),
        (tenant, signs_in(local("ada@contoso.com")), true),
        (tenant, signs_in(federated("google.com")), false),
    ];
    for (when, properties, expected) in rows {
        let found = holds(when, properties.clone(), SignUpApp::Unknown).await;
        assert_eq!(found, Some(expected), "{when} of {properties}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_app_of_the_sign_up_is_known_or_not() {
    let by_app = format!("{{ app_id = \"{APP}\" }}");
    let other = uuid!("33333333-0000-4000-8000-00000000000f");
    let rows = [
        (SignUpApp::Id(APP), Some(true)),
        (SignUpApp::Id(other), Some(false)),
        (SignUpApp::NotInTheLog, Some(false)),
        (SignUpApp::Unknown, None),
    ];
    for (app, expected) in rows {
        assert_eq!(holds(&by_app, json!({}), app).await, expected, "{app:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_conditions_must_hold_and_none_at_all_is_for_everybody() {
    let both = format!("{{ identity_provider = \"google.com\", app_id = \"{APP}\" }}");
    let google = json!({ "identities": federated("google.com") });
    assert_eq!(holds(&both, google.clone(), SignUpApp::Id(APP)).await, Some(true));
    assert_eq!(holds(&both, google.clone(), SignUpApp::NotInTheLog).await, Some(false));
    assert_eq!(holds(&both, google, SignUpApp::Unknown).await, None);
    assert_eq!(holds(&both, json!({}), SignUpApp::Unknown).await, Some(false), "whatever the app was");
    let somebody = user(json!({})).await;
    assert_eq!(Conditions::default().hold(&Facts::new(&somebody, SignUpApp::Unknown)), Some(true));
}
