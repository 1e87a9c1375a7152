//! The receiver of the webhook.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use base64::{Engine, prelude::BASE64_STANDARD};
use http::{Method, Request};
use ring::hmac;
use serde_json::{Value, json};
use support::{Edge, START, prompt};
use usher_sandbox::{Misuse, NewSignUp, Verdict, WEBHOOK_PATH, WEBHOOK_SECRET, WEBHOOK_URL};
use uuid::Uuid;

fn edge() -> Edge {
    Edge::new(prompt())
}

fn event(id: &str, user: Uuid) -> Value {
    json!({ "id": id, "data": { "userId": user } })
}

/// A request as the specification says, signed by this secret at this time.
fn signed(method: Method, id: &str, body: &str, secret: &str, at: i64) -> http::request::Builder {
    let secret = BASE64_STANDARD.decode(secret.trim_start_matches("whsec_")).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
    let signature = BASE64_STANDARD.encode(hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes()));
    Request::builder()
        .method(method)
        .uri(format!("{WEBHOOK_URL}{WEBHOOK_PATH}"))
        .header("webhook-id", id)
        .header("webhook-timestamp", at)
        .header("webhook-signature", format!("v1,AAAA v1,{signature}"))
}

async fn post(edge: &Edge, id: &str, event: &Value) -> u16 {
    let body = event.to_string();
    let request = signed(Method::POST, id, &body, WEBHOOK_SECRET, START.unix_timestamp());
    edge.send(request, body).await.unwrap().status
}

fn misuses(edge: &Edge) -> u64 {
    edge.sandbox.effects().totals.misuses.get(&Misuse::BadSignature).copied().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_delivery_and_its_repeats_are_one_and_another_id_is_one_too_many() {
    let edge = edge();
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let verdict = || edge.sandbox.effects().of(user).unwrap().webhook.clone();
    assert_eq!(verdict().verdict, Verdict::Pending);
    assert_eq!(post(&edge, "one", &event("one", user)).await, 204);
    assert_eq!(post(&edge, "one", &event("one", user)).await, 204);
    assert_eq!((verdict().verdict, verdict().ids, verdict().deliveries), (Verdict::Exact, 1, 2));
    assert_eq!(post(&edge, "two", &event("two", user)).await, 204);
    assert_eq!(verdict().verdict, Verdict::Doubled);
    assert_eq!(misuses(&edge), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_signed_as_it_should_be_is_refused_and_counted() {
    let edge = edge();
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let body = event("one", user).to_string();
    let now = START.unix_timestamp();
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let (late, early) = (now - 301, now + 301);
    let unsigned = Request::post(format!("{WEBHOOK_URL}{WEBHOOK_PATH}"));
    let post = |secret, at| signed(Method::POST, "one", &body, secret, at);
    let attempts = [unsigned, post(other, now), post(WEBHOOK_SECRET, late), post(WEBHOOK_SECRET, early)];
    for request in attempts {
        assert_eq!(edge.send(request, body.clone()).await.unwrap().status, 401);
    }
    let tampered = edge.send(post(WEBHOOK_SECRET, now), body.replace("one", "two")).await.unwrap();
    assert_eq!(tampered.status, 401);
    assert_eq!(misuses(&edge), 5);
    assert_eq!(edge.sandbox.effects().of(user).unwrap().webhook.ids, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_about_nobody_is_refused_or_counted_as_such() {
    let edge = edge();
    let stranger = Uuid::from_u128(7);
    assert_eq!(post(&edge, "one", &event("another", stranger)).await, 400);
    assert_eq!(post(&edge, "one", &json!("hush")).await, 400);
    assert_eq!(post(&edge, "one", &event("one", stranger)).await, 204);
    assert_eq!(edge.sandbox.effects().totals.unknown_deliveries, 1);
}

#[tokio::test(start_paused = true)]
async fn a_probe_is_answered_if_it_is_signed_and_leaves_nothing() {
    let edge = edge();
    let probe = |secret| signed(Method::OPTIONS, "usher-probe", "", secret, START.unix_timestamp());
    assert_eq!(edge.send(probe(WEBHOOK_SECRET), "").await.unwrap().status, 204);
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    assert_eq!(edge.send(probe(other), "").await.unwrap().status, 401);
    assert_eq!(edge.sandbox.effects().totals.unknown_deliveries, 0);
}
