//! Users, alone and in batches.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use http::Method;
use serde_json::{Value, json};
use support::{Edge, Reply, pass, prompt, seconds};
use usher_sandbox::{
    FaultKind, NewSignUp, Target, marketing_consent_attribute, stripe_customer_id_attribute,
};
use uuid::Uuid;

async fn get(edge: &Edge, user: Uuid, query: &str) -> Reply {
    edge.graph(Method::GET, &format!("/users/{user}{query}"), None).await
}

async fn patch(edge: &Edge, user: Uuid, body: Value) -> Reply {
    edge.graph(Method::PATCH, &format!("/users/{user}"), Some(body)).await
}

#[tokio::test(start_paused = true)]
async fn a_new_user_is_not_found_until_replicated_and_a_deleted_one_stays_so() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp {
        replication_lag: Some(seconds(20)),
        deleted_after: Some(seconds(60)),
        ..NewSignUp::default()
    });
    let reply = get(&edge, user, "").await;
    assert_eq!((reply.status, reply.error()["code"].as_str()), (404, Some("Request_ResourceNotFound")));
    pass(seconds(20)).await;
    assert_eq!(get(&edge, user, "").await.status, 200);
    pass(seconds(40)).await;
    assert_eq!(get(&edge, user, "").await.status, 404);
    assert_eq!(patch(&edge, user, json!({"city": "Kraków"})).await.status, 404);
    pass(seconds(3600)).await;
    assert_eq!(get(&edge, user, "").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn select_shows_what_was_asked_for_and_refuses_what_it_does_not_know() {
    let edge = Edge::new(prompt());
    let who = NewSignUp {
        display_name: Some("Łukasz".into()),
        marketing_consent: Some(true),
        ..NewSignUp::default()
    };
    let user = edge.sandbox.sign_up(who);
    let (consent, stripe) = (marketing_consent_attribute(), stripe_customer_id_attribute());

    let reply = get(&edge, user, &format!("?$select=id,displayName,city,{consent},{stripe}")).await;
    assert_eq!(reply.body["id"], user.to_string());
    assert_eq!(reply.body["displayName"], "Łukasz");
    assert_eq!(reply.body["city"], Value::Null);
    assert_eq!(reply.body[&consent], true);
    assert!(reply.body.get(&stripe).is_none(), "a custom attribute without a value is left out");
    assert!(reply.body.get("mail").is_none());

    assert_eq!(get(&edge, user, "?$select=nickname").await.status, 400);
    assert_eq!(get(&edge, user, "?$expand=manager").await.status, 400);
}

#[tokio::test(start_paused = true)]
async fn identities_tell_a_verified_address_from_an_account_elsewhere() {
    let edge = Edge::new(prompt());
    let identities = async |who| {
        let user = edge.sandbox.sign_up(who);
        get(&edge, user, "?$select=identities,mail").await.body
    };
    let google = NewSignUp { identity_provider: Some("google.com".into()), ..NewSignUp::default() };
    let google = identities(google).await;
    assert_eq!(google["identities"][0]["signInType"], "federated");
    assert_eq!(google["identities"][0]["issuer"], "google.com");
    assert!(google["mail"].is_string());

    let local =
        NewSignUp { refused_email: true, email: Some("ada@example.com".into()), ..NewSignUp::default() };
    let local = identities(local).await;
    assert_eq!(local["identities"][0]["signInType"], "emailAddress");
    assert_eq!(local["identities"][0]["issuerAssignedId"], "ada@example.com");
    assert_eq!(local["identities"][1]["signInType"], "userPrincipalName");
}

#[tokio::test(start_paused = true)]
async fn a_patch_changes_what_can_be_written_and_answers_without_a_body() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let attribute = stripe_customer_id_attribute();

    let reply = patch(&edge, user, json!({&attribute: "cus_1", "displayName": "Ada"})).await;
    assert_eq!((reply.status, &reply.body), (204, &Value::Null));
    let read = get(&edge, user, &format!("?$select=displayName,{attribute}")).await.body;
    assert_eq!((&read["displayName"], &read[&attribute]), (&json!("Ada"), &json!("cus_1")));

    patch(&edge, user, json!({&attribute: "cus_1"})).await;
    assert_eq!(edge.sandbox.effects().of(user).unwrap().writes, 1, "the same value again is no effect");
    patch(&edge, user, json!({&attribute: "cus_2"})).await;
    patch(&edge, user, json!({&attribute: null})).await;
    let line = edge.sandbox.effects().of(user).unwrap().clone();
    assert_eq!((line.writes, line.customer_id), (3, None));
}

#[tokio::test(start_paused = true)]
async fn a_patch_that_graph_would_refuse_changes_nothing() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let unregistered = stripe_customer_id_attribute().replace("StripeCustomerId", "Shoe");
    for body in [
        json!({"city": "Oslo", "nickname": "x"}),
        json!({"city": "Oslo", unregistered: "42"}),
        json!({"city": "Oslo", marketing_consent_attribute(): "yes"}),
        json!({"city": "Oslo", stripe_customer_id_attribute(): 7}),
        json!({"city": "Oslo", "displayName": ""}),
        json!({"city": "Oslo", "givenName": "x".repeat(65)}),
        json!({"city": "Oslo", "id": user}),
    ] {
        let reply = patch(&edge, user, body.clone()).await;
        assert_eq!(
            (reply.status, reply.error()["code"].as_str()),
            (400, Some("Request_BadRequest")),
            "{body}"
        );
    }
    assert_eq!(patch(&edge, user, json!({})).await.status, 400);
    assert_eq!(get(&edge, user, "?$select=city").await.body["city"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn writes_beyond_the_apps_quota_are_throttled() {
    let mut settings = prompt();
    settings.directory_writes = (2, seconds(150));
    let edge = Edge::new(settings);
    let user = edge.sandbox.sign_up(NewSignUp::default());
    for expected in [204, 204, 429] {
        assert_eq!(patch(&edge, user, json!({"city": "Oslo"})).await.status, expected);
    }
    assert_eq!(get(&edge, user, "").await.status, 200, "reads have no part in it");
    pass(seconds(150)).await;
    assert_eq!(patch(&edge, user, json!({"city": "Oslo"})).await.status, 204);
}

async fn batch(edge: &Edge, requests: Value) -> Reply {
    edge.graph(Method::POST, "/$batch", Some(json!({"requests": requests}))).await
}

fn inner<'r>(reply: &'r Reply, id: &str) -> &'r Value {
    reply.body["responses"].as_array().unwrap().iter().find(|response| response["id"] == id).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_batch_answers_each_request_by_itself_and_in_any_order() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let requests: Vec<_> = (0..20)
        .map(|i| {
            let id = if i % 2 == 0 { user } else { Uuid::nil() };
            json!({"id": i.to_string(), "method": "GET", "url": format!("/users/{id}?$select=id")})
        })
        .collect();

    let reply = batch(&edge, json!(requests)).await;
    assert_eq!(reply.status, 200);
    for i in 0..20 {
        let response = inner(&reply, &i.to_string());
        assert_eq!(response["status"], if i % 2 == 0 { 200 } else { 404 });
        assert_eq!(response["headers"]["Content-Type"], "application/json");
    }
    assert_eq!(inner(&reply, "0")["body"]["id"], user.to_string());
    let order: Vec<_> = reply.body["responses"].as_array().unwrap().iter().map(|r| r["id"].clone()).collect();
    assert_ne!(order, (0..20).map(|i| json!(i.to_string())).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn inside_a_batch_a_request_can_be_throttled_or_fail_for_what_it_depends_on() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let order = Target::try_from("graph.patch_user".to_owned()).unwrap();
    edge.sandbox.faults().next(order, 1, FaultKind::Status(429));
    let step = |id: &str, after: &[&str]| {
        json!({
            "id": id, "method": "PATCH", "url": format!("/users/{user}"), "dependsOn": after,
            "headers": {"Content-Type": "application/json"}, "body": {"city": "Oslo"},
        })
    };

    let reply =
        batch(&edge, json!([step("1", &[]), step("2", &["1"]), step("3", &["2"]), step("4", &[])])).await;
    let statuses: Vec<_> =
        ["1", "2", "3", "4"].map(|id| inner(&reply, id)["status"].as_u64().unwrap()).into();
    assert_eq!(statuses, [429, 424, 424, 204]);
    assert_eq!(inner(&reply, "1")["body"]["error"]["code"], "TooManyRequests");
    assert!(inner(&reply, "4").get("body").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_malformed_batch_is_refused_as_a_whole() {
    let edge = Edge::new(prompt());
    let get = |id: &str| json!({"id": id, "method": "GET", "url": "/users/x"});
    for requests in [
        json!([]),
        json!([get("1"), get("1")]),
        json!([get("")]),
        json!((0..21).map(|i| get(&i.to_string())).collect::<Vec<_>>()),
        json!([{"id": 1, "method": "GET", "url": "/users/x"}]),
        json!([{"id": "1", "method": "GET", "url": "/users/x", "colour": "red"}]),
        json!([{"id": "1", "method": "GET", "url": "/users/x", "dependsOn": ["2"]}]),
    ] {
        assert_eq!(batch(&edge, requests.clone()).await.status, 400, "{requests}");
    }
    let without_type = json!([{"id": "1", "method": "PATCH", "url": "/users/x", "body": {}}]);
    assert_eq!(inner(&batch(&edge, without_type).await, "1")["status"], 400);
    let elsewhere = json!([{"id": "1", "method": "GET", "url": "/shoes/x"}]);
    assert_eq!(inner(&batch(&edge, elsewhere).await, "1")["status"], 400);
}

#[tokio::test(start_paused = true)]
async fn paths_and_methods_that_graph_does_not_have_are_refused_in_its_own_shape() {
    let edge = Edge::new(prompt());
    let reply = edge.graph(Method::GET, "/shoes", None).await;
    assert_eq!((reply.status, reply.error()["code"].as_str()), (400, Some("BadRequest")));
    let reply = edge.graph(Method::PUT, "/users/x", None).await;
    assert_eq!((reply.status, reply.error()["code"].as_str()), (405, Some("Request_BadRequest")));
}
