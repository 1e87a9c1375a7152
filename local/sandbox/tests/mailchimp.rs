//! The Mailchimp list.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use http::{Method, Request};
use serde_json::{Value, json};
use support::{Edge, Reply, basic, pass, prompt, seconds, target};
use usher_http::TransportError;
use usher_sandbox::{
    FaultKind, MAILCHIMP_KEY, MAILCHIMP_LIST_ID, MAILCHIMP_PERMISSION_ID, MAILCHIMP_URL,
    MAILCHIMP_WELCOME_TAG, MemberStatus, Misuse, NewSignUp, Past, SandboxSettings, Vendor,
};
use uuid::Uuid;

/// The hash of `ada@example.com`.
const ADA: &str = "3e3417d7ef77d5932a6734b916515ed5";

fn body() -> Value {
    json!({"email_address": "Ada@Example.com", "status_if_new": "subscribed"})
}

async fn put(edge: &Edge, body: Value) -> Reply {
    edge.mailchimp(Method::PUT, &format!("/members/{}", hash_of(&body)), Some(body)).await
}

async fn tag(edge: &Edge, tags: Value) -> u16 {
    edge.mailchimp(Method::POST, &format!("/members/{ADA}/tags"), Some(tags)).await.status
}

fn welcome_tag(status: &str) -> Value {
    json!({"tags": [{"name": MAILCHIMP_WELCOME_TAG, "status": status}]})
}

/// As a client computes it.
fn hash_of(body: &Value) -> String {
    use md5::{Digest, Md5};
    let email = body["email_address"].as_str().unwrap_or_default().to_lowercase();
    Md5::digest(email).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn ada(edge: &Edge, past: Option<Past>) -> Uuid {
    edge.sandbox.sign_up(NewSignUp {
        email: Some("ada@example.com".into()),
        marketing_consent: Some(true),
        mailchimp: past,
        ..NewSignUp::default()
    })
}

#[tokio::test(start_paused = true)]
async fn only_a_good_key_in_basic_authentication_gets_in() {
    let edge = Edge::new(prompt());
    let get = async |authorization: &str| {
        let request = Request::get(format!("{MAILCHIMP_URL}/3.0/lists/{MAILCHIMP_LIST_ID}"));
        edge.send(request.header("authorization", authorization), "").await.unwrap()
    };
    assert_eq!(get(&basic(MAILCHIMP_KEY)).await.status, 200);
    for wrong in ["", &format!("Bearer {MAILCHIMP_KEY}"), &basic("wrong-us1"), "Basic !"] {
        let reply = get(wrong).await;
        assert_eq!(reply.status, 401, "{wrong}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json; charset=utf-8"));
        assert!(reply.body["title"].as_str().unwrap().starts_with("API Key "));
        assert!(!reply.body.to_string().contains("wrong-us1"), "a key is never repeated");
    }
}

#[tokio::test(start_paused = true)]
async fn there_is_one_list_and_it_can_be_asked_for_its_id() {
    let edge = Edge::new(prompt());
    let reply = edge.mailchimp(Method::GET, "?fields=id,name", None).await;
    assert_eq!((reply.status, reply.body), (200, json!({"id": MAILCHIMP_LIST_ID, "name": "Seats"})));
    assert_eq!(edge.mailchimp(Method::GET, "?colour=red", None).await.status, 400);
    assert_eq!(edge.mailchimp(Method::GET, "0", None).await.body["title"], "Resource Not Found");
    assert_eq!(edge.mailchimp(Method::DELETE, "", None).await.status, 405);
    assert_eq!(edge.mailchimp(Method::GET, "/shoes/1", None).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_put_adds_a_member_and_fills_in_one_who_is_there() {
    let edge = Edge::new(prompt());
    let user = ada(&edge, None);
    let mut with_names = body();
    with_names["merge_fields"] = json!({"FNAME": "Ada"});
    with_names["marketing_permissions"] =
        json!([{"marketing_permission_id": MAILCHIMP_PERMISSION_ID, "enabled": true}]);

    let added = put(&edge, with_names).await;
    assert_eq!(
        (added.status, &added.body["id"], &added.body["status"]),
        (200, &json!(ADA), &json!("subscribed"))
    );
    assert_eq!(added.body["marketing_permissions"][0]["enabled"], true);
    let again = put(&edge, json!({"email_address": "ada@example.com", "status_if_new": "pending"})).await;
    assert_eq!(again.body["status"], "subscribed", "somebody who is there keeps their status");
    assert_eq!(again.body["merge_fields"], json!({"FNAME": "Ada"}), "what is not sent stays");
    let effect = edge.effect(user).email;
    assert_eq!((effect.member, effect.members, effect.welcomed), (Some(MemberStatus::Subscribed), 1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_the_list_does_not_take_is_an_invalid_resource() {
    let edge = Edge::new(prompt());
    let mut settings = vec![
        json!({"email_address": "ada@example.com"}),
        json!({"status_if_new": "subscribed"}),
        json!({"email_address": "ada@example.com", "status_if_new": "asked"}),
        json!({"email_address": "ada..l@example.com", "status_if_new": "subscribed"}),
    ];
    let with = |field: &str, value: Value| {
        let mut body = body();
        body[field] = value;
        body
    };
    settings.push(with("shoe_size", json!(42)));
    settings.push(with("merge_fields", json!({"SHOES": "42"})));
    settings.push(with("merge_fields", json!({"FNAME": null})));
    settings.push(with("merge_fields", json!({"FNAME": "x".repeat(256)})));
    settings.push(with("marketing_permissions", json!([{"marketing_permission_id": "0", "enabled": true}])));
    settings
        .push(with("marketing_permissions", json!([{"marketing_permission_id": MAILCHIMP_PERMISSION_ID}])));
    for body in settings {
        let reply = put(&edge, body.clone()).await;
        assert_eq!((reply.status, reply.body["title"].as_str()), (400, Some("Invalid Resource")), "{body}");
    }
    let elsewhere = edge.mailchimp(Method::PUT, &format!("/members/{}", "0".repeat(32)), Some(body())).await;
    assert_eq!((elsewhere.status, &elsewhere.body["errors"][0]["field"]), (400, &json!("email_address")));
    assert_eq!(edge.sandbox.effects().totals.members, 0);
}

#[tokio::test(start_paused = true)]
async fn a_merge_field_that_the_list_requires_must_be_there_unless_told_otherwise() {
    let mut settings = prompt();
    settings.mailchimp.merge_fields = vec![("FNAME".into(), true)];
    let edge = Edge::new(settings);
    assert_eq!(put(&edge, body()).await.status, 400);
    let path = format!("/members/{ADA}?skip_merge_validation=true");
    assert_eq!(edge.mailchimp(Method::PUT, &path, Some(body())).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn addresses_with_a_past_are_refused_each_in_its_own_words() {
    for (past, title) in [
        (Past::InCompliance, "Member In Compliance State"),
        (Past::Forgotten, "Forgotten Email Not Subscribed"),
        (Past::Fake, "Invalid Resource"),
    ] {
        let edge = Edge::new(prompt());
        ada(&edge, Some(past));
        let reply = put(&edge, body()).await;
        assert_eq!((reply.status, reply.body["title"].as_str()), (400, Some(title)));
        assert_eq!(tag(&edge, welcome_tag("active")).await, 404, "nobody is there to be tagged");
    }
}

#[tokio::test(start_paused = true)]
async fn the_journey_starts_on_the_welcome_tag_and_admits_a_contact_once() {
    let edge = Edge::new(prompt());
    let user = ada(&edge, None);
    let welcomed = || edge.effect(user).email.welcomed;
    assert_eq!(tag(&edge, welcome_tag("active")).await, 404);
    put(&edge, body()).await;
    assert_eq!(tag(&edge, json!({"tags": [{"name": "vip", "status": "active"}]})).await, 204);
    assert_eq!(welcomed(), 0, "another tag");
    for status in ["active", "active", "inactive", "active"] {
        assert_eq!(tag(&edge, welcome_tag(status)).await, 204);
        assert_eq!(welcomed(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_tag_that_is_synchronised_starts_no_journey() {
    let edge = Edge::new(prompt());
    let user = ada(&edge, None);
    put(&edge, body()).await;
    let mut silent = welcome_tag("active");
    silent["is_syncing"] = json!(true);
    assert_eq!(tag(&edge, silent).await, 204);
    assert_eq!(edge.effect(user).email.welcomed, 0);
    for wrong in [json!({}), json!({"tags": []}), json!({"tags": [{"name": "x"}]}), welcome_tag("on")] {
        assert_eq!(tag(&edge, wrong).await, 400);
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_has_left_stays_away_and_is_not_welcomed() {
    let edge = Edge::new(prompt());
    let user = ada(&edge, Some(Past::Unsubscribed));
    let reply = put(&edge, body()).await;
    assert_eq!((reply.status, reply.body["status"].as_str()), (200, Some("unsubscribed")));
    assert_eq!(tag(&edge, welcome_tag("active")).await, 204);
    let effect = edge.effect(user).email;
    assert_eq!((effect.member, effect.welcomed), (Some(MemberStatus::Unsubscribed), 0));
}

#[tokio::test(start_paused = true)]
async fn a_status_for_somebody_who_is_there_is_held_against_us() {
    let edge = Edge::new(prompt());
    let user = ada(&edge, None);
    let with_status =
        json!({"email_address": "ada@example.com", "status_if_new": "subscribed", "status": "subscribed"});
    put(&edge, with_status.clone()).await;
    assert!(edge.sandbox.effects().totals.misuses.is_empty(), "nobody was there");

    assert!(edge.sandbox.unsubscribe(user));
    assert_eq!(put(&edge, with_status).await.body["title"], "Member In Compliance State");
    let effects = edge.sandbox.effects();
    assert_eq!(effects.totals.misuses[&Misuse::StatusOfMember], 1);
    assert!(!effects.all_exact());
}

/// A sandbox whose calls take a second.
fn slow() -> SandboxSettings {
    SandboxSettings { answer_time: seconds(1)..=seconds(1), ..prompt() }
}

#[tokio::test(start_paused = true)]
async fn the_eleventh_call_at_once_is_throttled_in_one_of_two_ways() {
    let edge = Edge::new(slow());
    let mut ways = Vec::new();
    for _ in 0..20 {
        let calls: Vec<_> = (0..12).map(|_| edge.mailchimp(Method::GET, "", None)).collect();
        let replies = futures_util::future::join_all(calls).await;
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 10);
        ways.extend(replies.into_iter().filter(|reply| reply.status != 200));
    }
    let (json, html): (Vec<_>, Vec<_>) = ways.iter().partition(|reply| reply.status == 429);
    assert!(!json.is_empty() && !html.is_empty());
    assert!(json.iter().all(|reply| reply.body["title"] == "TooManyRequests"));
    for reply in html {
        assert_eq!(reply.status, 403);
        assert!(reply.body.as_str().unwrap().starts_with("<HTML>"), "{}", reply.body);
    }
    assert!(ways.iter().all(|reply| reply.header("retry-after").is_none()));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_hangs_holds_its_connection_until_the_caller_hangs_up() {
    let mut settings = prompt();
    settings.mailchimp.connections = 1;
    let edge = Edge::new(settings);
    edge.sandbox.faults().next(target("mailchimp.put_member"), 1, FaultKind::Hang);
    let hanging = async { edge.try_mailchimp(Method::PUT, &format!("/members/{ADA}"), Some(body())).await };
    let other = async {
        pass(seconds(1)).await;
        edge.mailchimp(Method::GET, "", None).await.status
    };
    let (hung, other) = tokio::join!(hanging, other);
    assert_eq!(hung.unwrap_err(), TransportError::Timeout);
    assert!([403, 429].contains(&other), "{other}");
    assert_eq!(edge.mailchimp(Method::GET, "", None).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn faults_and_outages_are_as_elsewhere() {
    let edge = Edge::new(prompt());
    let user = ada(&edge, None);
    let faults = edge.sandbox.faults();
    let put = async || {
        let path = format!("/members/{ADA}");
        edge.try_mailchimp(Method::PUT, &path, Some(body())).await.map(|reply| reply.status)
    };
    faults.next(target("mailchimp.put_member"), 1, FaultKind::Before);
    assert_eq!(put().await, Err(TransportError::Broken));
    assert_eq!(edge.effect(user).email.members, 0);
    faults.next(target("mailchimp"), 1, FaultKind::After);
    assert_eq!(put().await, Err(TransportError::Broken));
    assert_eq!(edge.effect(user).email.members, 1);
    faults.next(target("mailchimp"), 1, FaultKind::Status(500));
    assert_eq!(put().await, Ok(500));

    edge.sandbox.outage(Vendor::Mailchimp, true);
    assert_eq!(put().await, Err(TransportError::Connect));
    edge.sandbox.outage(Vendor::Mailchimp, false);
    assert_eq!(put().await, Ok(200));
    assert_eq!(edge.sandbox.effects().totals.calls["mailchimp.put_member"], 4);
}
