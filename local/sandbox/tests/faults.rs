//! Faults and outages, and that chance follows from the seed.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use std::time::Duration;

use http::Method;
use support::{Edge, START, pass, prompt, seconds, target};
use usher_http::TransportError;
use usher_sandbox::{Crowd, FaultKind, FaultPlan, Target, Vendor};

async fn create(edge: &Edge) -> Result<u16, TransportError> {
    edge.try_stripe_post("/v1/customers", Some("k"), &[("name", "Ada")]).await.map(|reply| reply.status)
}

#[tokio::test(start_paused = true)]
async fn a_call_fails_before_or_after_its_effect_and_then_succeeds() {
    for (kind, effect, error) in [
        (FaultKind::Before, 0, TransportError::Broken),
        (FaultKind::After, 1, TransportError::Broken),
        (FaultKind::Hang, 0, TransportError::Timeout),
        (FaultKind::HangAfter, 1, TransportError::Timeout),
    ] {
        let edge = Edge::new(prompt());
        edge.sandbox.faults().next(target("stripe.create_customer"), 2, kind);
        assert_eq!(create(&edge).await, Err(error), "{kind:?}");
        assert_eq!(edge.sandbox.effects().totals.customers, effect, "{kind:?}");
        assert_eq!(create(&edge).await, Err(error));
        assert_eq!(create(&edge).await, Ok(200));
        assert_eq!(edge.sandbox.effects().totals.customers, 1);
        assert_eq!(edge.sandbox.faults().injected(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ordered_status_has_the_shape_of_its_vendor() {
    let edge = Edge::new(prompt());
    edge.sandbox.faults().next(target("graph"), 1, FaultKind::Status(401));
    let reply = edge.audits(&[]).await;
    assert_eq!((reply.status, reply.error()["code"].as_str()), (401, Some("InvalidAuthenticationToken")));

    edge.sandbox.faults().next(target("stripe"), 1, FaultKind::Status(429));
    let reply = edge.create_customer(None, &[]).await;
    assert_eq!((reply.status, reply.error()["code"].as_str()), (429, Some("rate_limit")));

    edge.sandbox.faults().next(target("login.token"), 1, FaultKind::Status(401));
    let reply = edge.token_form("any", &[]).await;
    assert_eq!((reply.status, reply.error().as_str()), (401, Some("invalid_client")));

    edge.sandbox.faults().next(target("mailchimp"), 1, FaultKind::Status(403));
    let reply = edge.mailchimp(Method::GET, "", None).await;
    assert_eq!((reply.status, reply.body["title"].as_str()), (403, Some("User action not permitted")));

    edge.sandbox.faults().next(target("graph.audit"), 1, FaultKind::Stored500);
    assert_eq!(edge.audits(&[]).await.status, 500, "only Stripe stores");
}

#[tokio::test(start_paused = true)]
async fn a_fault_hits_only_what_it_is_aimed_at() {
    let edge = Edge::new(prompt());
    edge.sandbox.faults().next(target("graph.batch"), 1, FaultKind::Before);
    assert_eq!(edge.audits(&[]).await.status, 200);
    let batch = edge.try_graph(Method::POST, "/$batch", None).await;
    assert_eq!(batch.unwrap_err(), TransportError::Broken);
    assert_eq!(
        Target::try_from("shoes".to_owned()),
        Err("no vendor and no call is named `shoes`".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_nothing_connects_and_nothing_takes_effect() {
    let edge = Edge::new(prompt());
    edge.sandbox.outage(Vendor::Stripe, true);
    assert_eq!(create(&edge).await, Err(TransportError::Connect));
    assert_eq!(edge.audits(&[]).await.status, 200, "the others are well");
    edge.sandbox.outage(Vendor::Stripe, false);
    assert_eq!(create(&edge).await, Ok(200));
    assert_eq!(edge.sandbox.effects().totals.customers, 1);
}

async fn fate_of_calls(seed: u64) -> Vec<Result<u16, TransportError>> {
    let edge = Edge::new(prompt());
    edge.sandbox.faults().plan(FaultPlan {
        probability: 0.3,
        kinds: FaultKind::COMMON.to_vec(),
        targets: vec![target("stripe")],
        seed,
        until: Some(START + seconds(1_000_000)),
    });
    let mut fates = Vec::new();
    for _ in 0..60 {
        fates.push(create(&edge).await);
    }
    pass(seconds(1_000_000)).await;
    for _ in 0..20 {
        assert_eq!(create(&edge).await, Ok(200), "after its end a plan does nothing");
    }
    fates
}

#[tokio::test(start_paused = true)]
async fn a_plan_sprinkles_the_same_faults_for_the_same_seed() {
    let fates = fate_of_calls(7).await;
    assert_eq!(fates, fate_of_calls(7).await);
    assert_ne!(fates, fate_of_calls(8).await);
    assert!(fates.contains(&Err(TransportError::Broken)) && fates.contains(&Ok(200)));
}

#[tokio::test(start_paused = true)]
async fn the_same_seed_makes_the_same_people_whatever_is_called_meanwhile() {
    let people = async |seed, calls: u32| {
        let mut settings = prompt();
        settings.seed = seed;
        settings.answer_time = Duration::ZERO..=seconds(1);
        let edge = Edge::new(settings);
        let mut ids = edge.sandbox.generate(&Crowd::of(10).with_refused_email());
        for _ in 0..calls {
            edge.audits(&[]).await;
        }
        ids.extend(edge.sandbox.generate(&Crowd::of(10)));
        (ids, edge.sandbox.people().len(), edge.sandbox.people())
    };
    assert_eq!(people(1, 0).await, people(1, 3).await);
    assert_ne!(people(1, 0).await, people(2, 0).await);
}
