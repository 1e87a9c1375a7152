//! Control and ledger, as a test behind a socket uses them.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use std::{collections::BTreeSet, time::Duration};

use http::{Method, Request};
use serde_json::{Value, json};
use support::{Edge, Reply, prompt};
use tokio::time::Instant;
use usher_http::TransportError;
use usher_sandbox::{
    CONTROL_URL, Crowd, Effects, Expected, Kind, Verdict, marketing_consent_attribute,
    stripe_customer_id_attribute,
};

async fn control(edge: &Edge, order: Value) -> Reply {
    edge.send(Request::post(format!("{CONTROL_URL}/_control")), order.to_string()).await.unwrap()
}

async fn ask(edge: &Edge, path: &str) -> Value {
    edge.send(Request::get(format!("{CONTROL_URL}{path}")), "").await.unwrap().body
}

#[tokio::test(start_paused = true)]
async fn the_ledger_follows_a_sign_up_from_nothing_to_exact() {
    let edge = Edge::new(prompt());
    let made = control(&edge, json!({"sign_up": {"email": "ada@example.com", "kind": "customer"}})).await;
    let user = made.body["user_ids"][0].as_str().unwrap().to_owned();
    let line = async || -> Value { ask(&edge, "/_effects").await["sign_ups"][0].clone() };
    assert_eq!((&line().await["verdict"], &line().await["expected"]), (&json!("pending"), &json!("one")));

    let create =
        async |n: &str| edge.create_customer(None, &[("metadata[n]", n), ("metadata[user_id]", &user)]).await;
    let customer = create("1").await.body["id"].clone();
    let attribute = stripe_customer_id_attribute();
    edge.graph(Method::PATCH, &format!("/users/{user}"), Some(json!({attribute: customer}))).await;
    assert_eq!(line().await["verdict"], "exact");
    assert_eq!((&line().await["customers"], &line().await["writes"]), (&json!([customer]), &json!(1)));

    create("2").await;
    edge.create_customer(None, &[("name", "nobody's")]).await;
    let effects: Effects = serde_json::from_value(ask(&edge, "/_effects").await).unwrap();
    assert_eq!(effects.sign_ups[0].verdict, Verdict::Doubled);
    assert_eq!((effects.totals.customers, effects.totals.strangers), (3, 1));
    assert_eq!(effects.totals.calls["stripe.create_customer"], 3);
    assert_eq!(effects.wrong().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_ledger_names_nobody_unless_asked_to() {
    let edge = Edge::new(prompt());
    control(&edge, json!({"sign_ups": {"count": 30, "rate": 2, "refused_email": true}})).await;
    let people = ask(&edge, "/_control/people").await;
    let (plain, revealed) =
        (ask(&edge, "/_effects").await.to_string(), ask(&edge, "/_effects?reveal=true").await.to_string());
    for person in people.as_array().unwrap() {
        let email = person["email"].as_str().unwrap();
        assert!(!plain.contains(email) && revealed.contains(email), "{email}");
    }
    let everything = format!("{:?}", edge.sandbox.people());
    assert!(!everything.contains('@'), "{everything}");
}

#[tokio::test(start_paused = true)]
async fn orders_are_carried_out() {
    let edge = Edge::new(prompt());
    let made = control(&edge, json!({"sign_up": {"refused_email": true}})).await;
    let user = made.body["user_ids"][0].clone();
    assert_eq!(edge.sandbox.effects().sign_ups[0].expected, Expected::Refused);
    control(&edge, json!({"mend_email": {"user": user, "email": "ada@example.com"}})).await;
    assert_eq!(edge.sandbox.effects().sign_ups[0].expected, Expected::One);
    let people = ask(&edge, "/_control/people").await;
    assert!(people[0]["former_emails"][0].as_str().unwrap().starts_with("hanako..sato."));

    control(&edge, json!({"fault": {"to": "stripe.create_customer", "calls": 1, "kind": "after"}})).await;
    assert_eq!(edge.try_stripe_post("/v1/customers", None, &[]).await.unwrap_err(), TransportError::Broken);
    control(&edge, json!({"fault": {"to": "stripe", "calls": 1, "kind": {"status": 503}}})).await;
    assert_eq!(edge.create_customer(None, &[]).await.status, 503);
    control(&edge, json!({"fault": {"to": "stripe", "calls": 9, "kind": "stored-500"}})).await;
    control(&edge, json!({"clear_faults": true})).await;
    let customer = edge.create_customer(None, &[]).await.body["id"].clone();

    control(&edge, json!({"outage": {"vendor": "graph", "on": true}})).await;
    assert_eq!(edge.try_graph(Method::GET, "/users/x", None).await.unwrap_err(), TransportError::Connect);
    control(&edge, json!({"outage": {"vendor": "graph", "on": false}})).await;

    control(&edge, json!({"delete_user": user, "delete_customer": customer, "replication_lag_ms": 1000}))
        .await;
    assert!(edge.sandbox.effects().sign_ups[0].deleted);
    assert_eq!(edge.sandbox.effects().totals.customers, 1, "the one made by the lost answer");
    let made = control(&edge, json!({"sign_up": {}})).await;
    let path = format!("/users/{}", made.body["user_ids"][0].as_str().unwrap());
    assert_eq!(edge.graph(Method::GET, &path, None).await.status, 404, "not replicated yet");
}

#[tokio::test(start_paused = true)]
async fn answers_can_be_made_slow_and_quick_again() {
    let edge = Edge::new(prompt());
    let slowest = async || {
        let mut slowest = Duration::ZERO;
        for _ in 0..20 {
            let asked = Instant::now();
            edge.create_customer(None, &[]).await;
            slowest = slowest.max(asked.elapsed());
        }
        slowest
    };
    control(&edge, json!({"answer_time_ms": 2000})).await;
    assert!((Duration::from_secs(1)..=Duration::from_secs(2)).contains(&slowest().await));
    control(&edge, json!({"answer_time_ms": 0})).await;
    assert_eq!(slowest().await, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn one_vendor_is_slow_and_the_others_are_not() {
    let edge = Edge::new(prompt());
    control(&edge, json!({"slow": {"vendor": "stripe", "answer_time_ms": 5000}})).await;
    let (mut stripe, mut graph) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..20 {
        let asked = Instant::now();
        edge.create_customer(None, &[]).await;
        stripe = stripe.max(asked.elapsed());
        let asked = Instant::now();
        edge.graph(Method::GET, "/users/x", None).await;
        graph = graph.max(asked.elapsed());
    }
    assert!((Duration::from_secs(3)..=Duration::from_secs(5)).contains(&stripe), "{stripe:?}");
    assert!(graph < Duration::from_secs(1), "{graph:?}");
}

#[tokio::test(start_paused = true)]
async fn a_vendor_is_healed_of_whatever_was_ordered_for_it_and_no_other_is() {
    let edge = Edge::new(prompt());
    let failing = |vendor: &str| json!({"fault": {"to": vendor, "calls": 9, "kind": {"status": 500}}});
    for order in [
        failing("stripe.create_customer"),
        failing("graph"),
        json!({"slow": {"vendor": "stripe", "answer_time_ms": 5000}}),
        json!({"outage": {"vendor": "stripe", "on": true}}),
    ] {
        control(&edge, order).await;
    }
    assert_eq!(edge.try_stripe_post("/v1/customers", None, &[]).await.unwrap_err(), TransportError::Connect);
    control(&edge, json!({"heal": "stripe"})).await;
    let asked = Instant::now();
    assert_eq!(edge.create_customer(None, &[]).await.status, 200);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(edge.graph(Method::GET, "/users/x", None).await.status, 500);

    control(&edge, json!({"heal": "graph", "outage": {"vendor": "graph", "on": true}})).await;
    assert_eq!(edge.try_graph(Method::GET, "/users/x", None).await.unwrap_err(), TransportError::Connect);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_order_is_refused_by_name_and_does_nothing() {
    let edge = Edge::new(prompt());
    for (order, status, names) in [
        (json!({"sign_up": {}, "shoes": 2}), 400, "shoes"),
        (json!({"sign_up": {"shoes": 2}}), 400, "shoes"),
        (json!({"fault": {"to": "stripe.shoes", "calls": 1, "kind": "after"}}), 400, "stripe.shoes"),
        (json!({"fault": {"to": "stripe", "calls": 1, "kind": "sometimes"}}), 400, "sometimes"),
        (json!({"sign_up": {"audit_latency_ms": u64::MAX}}), 400, "thirty days"),
        (json!({"sign_ups": {"count": 5, "rate": 0}}), 400, "sign_ups.rate"),
        (json!({"sign_up": {}, "fault_plan": {"probability": 2, "seed": 1}}), 400, "fault_plan.probability"),
        (json!({"sign_up": {}, "delete_customer": "cus_none"}), 404, "customer"),
    ] {
        let reply = control(&edge, order.clone()).await;
        assert_eq!(reply.status, status, "{order}");
        assert!(reply.error().as_str().unwrap().contains(names), "{}", reply.body);
    }
    assert!(edge.sandbox.effects().sign_ups.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_crowd_is_realistic_and_exactly_one_of_it_is_refused() {
    let edge = Edge::new(prompt());
    let ids = edge.sandbox.generate(&Crowd::of(200).with_refused_email());
    let effects = edge.sandbox.effects();
    let customers: Vec<_> = ids.iter().map(|id| effects.of(*id).unwrap()).collect();
    assert_eq!(customers.iter().filter(|line| line.expected == Expected::Refused).count(), 1);
    assert_eq!(customers.iter().filter(|line| line.expected == Expected::One).count(), 199);
    let kinds: BTreeSet<_> = effects.sign_ups.iter().map(|line| line.kind).collect();
    assert_eq!(kinds, BTreeSet::from([Kind::Customer, Kind::AdminMade, Kind::OtherApp, Kind::Failed]));
    assert_eq!(effects.sign_ups.iter().filter(|line| line.expected == Expected::AtMostOne).count(), 10);

    let people = edge.sandbox.people();
    let emails: BTreeSet<_> = people.iter().map(|person| person.email.to_lowercase()).collect();
    assert_eq!(emails.len(), people.len(), "no two share an address");
    let some = |what: fn(&usher_sandbox::Person) -> bool| people.iter().any(what);
    assert!(
        some(|p| p.email.contains('+'))
            && some(|p| p.surname.is_none())
            && some(|p| p.display_name == "unknown")
    );
    assert!(some(|p| p.display_name.contains('🎭')) && some(|p| p.email != p.email.to_lowercase()));
    for letter in ['Ł', 'م', '王', 'ส', 'Ε', 'क', 'ש'] {
        assert!(people.iter().any(|person| person.display_name.contains(letter)), "{letter}");
    }
}

#[tokio::test(start_paused = true)]
async fn consent_is_a_custom_attribute_of_those_who_were_asked() {
    let edge = Edge::new(prompt());
    let made = control(&edge, json!({"sign_up": {"marketing_consent": false}})).await;
    let attribute = marketing_consent_attribute();
    let path = format!("/users/{}?$select={attribute}", made.body["user_ids"][0].as_str().unwrap());
    assert_eq!(edge.graph(Method::GET, &path, None).await.body[&attribute], false);
}
