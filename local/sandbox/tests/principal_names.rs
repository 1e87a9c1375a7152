//! User principal names and the name as shown.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use http::Method;
use serde_json::{Value, json};
use support::{Edge, Reply, pass, prompt, seconds};
use usher_sandbox::{CUSTOM_DOMAIN, NewSignUp, TENANT_DOMAIN};
use uuid::Uuid;

async fn rename(edge: &Edge, user: Uuid, name: &str) -> Reply {
    let body = json!({"userPrincipalName": name});
    edge.graph(Method::PATCH, &format!("/users/{user}"), Some(body)).await
}

async fn read(edge: &Edge, user: Uuid) -> Value {
    let select = "?$select=userPrincipalName,displayName,identities";
    edge.graph(Method::GET, &format!("/users/{user}{select}"), None).await.body
}

#[tokio::test(start_paused = true)]
async fn a_sign_up_has_a_generated_name_and_can_be_given_another() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    assert_eq!(read(&edge, user).await["userPrincipalName"], format!("{user}@{TENANT_DOMAIN}"));
    assert!(edge.effect(user).upn.is_generated_default);

    let name = format!("O'Brien.x_1!#^~-@{CUSTOM_DOMAIN}");
    assert_eq!(rename(&edge, user, &name).await.status, 204);
    let now = read(&edge, user).await;
    assert_eq!(now["userPrincipalName"], name);
    let identity = now["identities"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&identity["signInType"], &identity["issuerAssignedId"]),
        (&json!("userPrincipalName"), &json!(name))
    );

    rename(&edge, user, &name).await;
    let effect = edge.effect(user).upn;
    assert_eq!((effect.upn_changes, effect.is_generated_default), (1, false), "the same again is no change");
}

#[tokio::test(start_paused = true)]
async fn a_name_is_one_persons_whatever_its_case() {
    let edge = Edge::new(prompt());
    let [first, second] = [(); 2].map(|()| edge.sandbox.sign_up(NewSignUp::default()));
    rename(&edge, first, &format!("ada@{CUSTOM_DOMAIN}")).await;
    let taken = rename(&edge, second, &format!("ADA@{}", CUSTOM_DOMAIN.to_uppercase())).await;
    assert_eq!((taken.status, taken.error()["code"].as_str()), (400, Some("Request_BadRequest")));
    let message = "Another object with the same value for property userPrincipalName already exists.";
    assert_eq!(
        taken.error()["details"],
        json!([{"code": "ObjectConflict", "message": message, "target": "userPrincipalName"}])
    );
    assert_eq!(edge.effect(second).upn.upn_changes, 0);
    assert_eq!(rename(&edge, first, &format!("Ada@{CUSTOM_DOMAIN}")).await.status, 204, "one's own is free");
}

#[tokio::test(start_paused = true)]
async fn a_name_that_was_given_up_or_whose_owner_is_gone_is_free() {
    let edge = Edge::new(prompt());
    let [first, second, third] = [(); 3].map(|()| edge.sandbox.sign_up(NewSignUp::default()));
    let name = format!("ada@{CUSTOM_DOMAIN}");
    rename(&edge, first, &name).await;
    rename(&edge, first, &format!("ada.l@{CUSTOM_DOMAIN}")).await;
    assert_eq!(rename(&edge, second, &name).await.status, 204);
    edge.sandbox.delete_user(second);
    assert_eq!(rename(&edge, third, &name).await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_not_legal_or_in_another_domain_is_refused() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    for (name, message) in [
        ("zoë@seats.example", "Property userPrincipalName is invalid."),
        ("a+b@seats.example", "Property userPrincipalName is invalid."),
        ("ada", "Property userPrincipalName is invalid."),
        (&format!("{}@seats.example", "a".repeat(65)), "Property userPrincipalName is invalid."),
        ("ada@example.com", "The domain portion of the userPrincipalName property is invalid."),
    ] {
        let refused = rename(&edge, user, name).await;
        assert_eq!(refused.status, 400, "{name}");
        assert!(refused.error()["message"].as_str().unwrap().starts_with(message), "{refused:?}");
        let detail = &refused.error()["details"][0];
        assert_eq!(
            (&detail["code"], &detail["target"]),
            (&json!("InvalidValue"), &json!("userPrincipalName"))
        );
    }
    let mixed = json!({"displayName": "Ada", "userPrincipalName": null});
    assert_eq!(edge.graph(Method::PATCH, &format!("/users/{user}"), Some(mixed)).await.status, 400);
    assert!(edge.effect(user).upn.is_generated_default);
    assert_ne!(read(&edge, user).await["displayName"], "Ada", "all of it or nothing");
}

#[tokio::test(start_paused = true)]
async fn a_name_as_shown_holds_no_control_characters_and_only_so_many_others() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp { display_name: Some(String::new()), ..NewSignUp::default() });
    assert_eq!(read(&edge, user).await["displayName"], Value::Null, "an empty name is none");
    for (name, status) in [
        ("Ada\r\nLovelace", 400),
        (&*"x".repeat(257), 400),
        ("\u{202E}adA", 204),
        ("'); DROP TABLE users;--", 204),
    ] {
        let body = json!({"displayName": name});
        let reply = edge.graph(Method::PATCH, &format!("/users/{user}"), Some(body)).await;
        assert_eq!(reply.status, status, "{name:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_read_late_from_some_replicas_and_in_the_end_from_all() {
    let mut settings = prompt();
    settings.read_lag = seconds(5)..=seconds(5);
    let edge = Edge::new(settings);
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let name = format!("ada@{CUSTOM_DOMAIN}");
    rename(&edge, user, &name).await;
    let mut seen = Vec::new();
    for _ in 0..20 {
        seen.push(read(&edge, user).await["userPrincipalName"] == name);
    }
    assert!(seen.contains(&true) && seen.contains(&false), "{seen:?}");
    pass(seconds(5)).await;
    for _ in 0..20 {
        assert_eq!(read(&edge, user).await["userPrincipalName"], name);
    }
}

#[tokio::test(start_paused = true)]
async fn two_requests_that_write_one_user_within_a_moment_are_in_each_others_way() {
    let mut settings = prompt();
    settings.write_moment = seconds(1);
    let edge = Edge::new(settings);
    let write = async |user: Uuid, city: &str| {
        let body = json!({"city": city});
        edge.graph(Method::PATCH, &format!("/users/{user}"), Some(body)).await
    };
    let mut statuses = std::collections::BTreeSet::new();
    for _ in 0..20 {
        let [one, other] = [(); 2].map(|()| edge.sandbox.sign_up(NewSignUp::default()));
        assert_eq!(write(one, "Oslo").await.status, 204);
        assert_eq!(write(other, "Oslo").await.status, 204, "another user is another matter");
        let refused = write(one, "Bergen").await;
        assert_eq!(refused.error()["code"], "Directory_ConcurrencyViolation");
        statuses.insert(refused.status);
        pass(seconds(1)).await;
        assert_eq!(write(one, "Bergen").await.status, 204);
    }
    assert_eq!(statuses, [400, 409].into());
}

#[tokio::test(start_paused = true)]
async fn all_users_are_listed_in_pages_by_links_that_are_followed_as_they_are() {
    let mut settings = prompt();
    settings.user_page_size = 2;
    let edge = Edge::new(settings);
    let mut expected: Vec<_> =
        (0..5).map(|_| edge.sandbox.sign_up(NewSignUp::default()).to_string()).collect();
    expected.sort_unstable();
    edge.sandbox.sign_up(NewSignUp { replication_lag: Some(seconds(60)), ..NewSignUp::default() });

    let (mut seen, mut pages) = (Vec::new(), 0);
    let mut next = Some("/users?$select=id,userPrincipalName&$top=100".to_owned());
    while let Some(url) = next {
        let page = edge.graph(Method::GET, &url, None).await;
        assert_eq!(page.status, 200, "{page:?}");
        pages += 1;
        for user in page.body["value"].as_array().unwrap() {
            assert!(user["userPrincipalName"].is_string() && user.get("mail").is_none());
            seen.push(user["id"].as_str().unwrap().to_owned());
        }
        next = page.body["@odata.nextLink"].as_str().map(str::to_owned);
    }
    assert_eq!((seen, pages), (expected, 3));

    for wrong in ["$top=0", "$top=1000", "$skiptoken=x", "$select=shoes", "$expand=manager"] {
        assert_eq!(edge.graph(Method::GET, &format!("/users?{wrong}"), None).await.status, 400, "{wrong}");
    }
}
