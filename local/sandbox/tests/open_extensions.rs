//! Open extensions of users.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use http::Method;
use serde_json::{Value, json};
use support::{Edge, Reply, prompt, target};
use usher_sandbox::{FaultKind, NewSignUp, UPN_CLIENT_ID};
use uuid::Uuid;

const NAME: &str = "com.example.usher";

fn extension(more: Value) -> Value {
    let mut body = json!({ "@odata.type": "microsoft.graph.openTypeExtension", "stripeCustomerId": "cus_1" });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

async fn make(edge: &Edge, user: Uuid, body: Value) -> Reply {
    edge.graph(Method::POST, &format!("/users/{user}/extensions"), Some(body)).await
}

async fn change(edge: &Edge, user: Uuid, name: &str, body: Value) -> Reply {
    edge.graph(Method::PATCH, &format!("/users/{user}/extensions/{name}"), Some(body)).await
}

#[tokio::test(start_paused = true)]
async fn an_extension_is_made_once_and_then_changed() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    assert_eq!(change(&edge, user, NAME, extension(json!({}))).await.status, 404);
    let made = make(&edge, user, extension(json!({ "extensionName": NAME }))).await;
    assert_eq!((made.status, &made.body["id"]), (201, &json!(NAME)), "{made:?}");
    for _ in 0..8 {
        let again = make(&edge, user, extension(json!({ "extensionName": NAME }))).await;
        assert!(matches!(again.status, 400 | 409), "{again:?}");
        assert!(again.error()["message"].as_str().unwrap().contains("already exists"), "{again:?}");
    }
    assert_eq!(change(&edge, user, NAME, extension(json!({}))).await.status, 204);
}

#[tokio::test(start_paused = true)]
async fn what_graph_does_not_take_is_refused() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    for body in [
        json!([]),
        json!({ "extensionName": NAME, "stripeCustomerId": "cus_1" }),
        json!({ "@odata.type": "microsoft.graph.user", "extensionName": NAME, "stripeCustomerId": "cus_1" }),
        json!({ "@odata.type": "microsoft.graph.openTypeExtension", "extensionName": NAME }),
        extension(json!({})),
        extension(json!({ "extensionName": "com.microsoft.usher" })),
        extension(json!({ "extensionName": "com/example" })),
        extension(json!({ "extensionName": NAME, "nested": { "a": 1 } })),
        extension(json!({ "extensionName": NAME, "long": "x".repeat(2_048) })),
    ] {
        let reply = make(&edge, user, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}");
    }
    assert_eq!(make(&edge, Uuid::nil(), extension(json!({ "extensionName": NAME }))).await.status, 404);
    for name in ["com.example.a", "com.example.b"] {
        assert_eq!(make(&edge, user, extension(json!({ "extensionName": name }))).await.status, 201);
    }
    let third = make(&edge, user, extension(json!({ "extensionName": "com.example.c" }))).await;
    assert_eq!(third.status, 400);
    let renamed = change(&edge, user, "com.example.a", extension(json!({ "extensionName": "b" }))).await;
    assert_eq!(renamed.status, 400);
}

#[tokio::test(start_paused = true)]
async fn it_is_a_call_that_can_fail_and_is_counted() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    edge.sandbox.faults().next(target("graph.set_extension"), 1, FaultKind::Status(503));
    assert_eq!(make(&edge, user, extension(json!({ "extensionName": NAME }))).await.status, 503);
    assert_eq!(make(&edge, user, extension(json!({ "extensionName": NAME }))).await.status, 201);
    assert_eq!(edge.sandbox.effects().totals.calls["graph.set_extension"], 2);
}

#[tokio::test(start_paused = true)]
async fn an_app_needs_the_right_to_write_users() {
    let mut settings = prompt();
    for app in settings.apps.iter_mut().filter(|app| app.id == UPN_CLIENT_ID) {
        app.permissions.clear();
    }
    let edge = Edge::new(settings);
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let token = edge.token_of(UPN_CLIENT_ID, usher_sandbox::UPN_CLIENT_SECRET).await;
    let body = extension(json!({ "extensionName": NAME }));
    let path = format!("/users/{user}/extensions");
    let reply = edge.try_graph_as(&token, Method::POST, &path, Some(body)).await.unwrap();
    assert_eq!(reply.status, 403);
}
