//! The traces of real services, as a receiver takes them that is not ours: one for each sign-up, from the audit log through
//! every consumer, a dead letter and its replay included.
//!
//! The receiver is installed into `.sdk` the first time. Where it can't be, the test says so and passes; in CI it fails.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod receiver;
mod trees;

use std::{collections::BTreeSet, fs, time::Duration};

use opentelemetry_semantic_conventions::attribute;
use receiver::{Receiver, Span, text};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};
use trees::{Traces, parts};
use usher_event::EventId;
use usher_sandbox::{Judged, TENANT_ID};
use usher_telemetry::trace_id_of_event;
use usher_tests::{
    judge, otlp_receiver,
    processes::{Options, Process, World, eventually, peek_all},
};
use uuid::Uuid;

/// Long enough for debug builds on a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(60);
/// Who signs up: one whom billing has to try twice, one whose address Stripe and Mailchimp refuse, and one of no note.
const SIGN_UPS: u64 = 3;
const MENDED: &str = "hanako.mended@example.com";
/// All that the conventions have names for, and that we tell.
const CONVENTIONAL: [&str; 18] = [
    attribute::DB_OPERATION_NAME,
    attribute::DB_SYSTEM_NAME,
    attribute::ERROR_TYPE,
    attribute::HTTP_REQUEST_METHOD,
    attribute::HTTP_REQUEST_RESEND_COUNT,
    attribute::HTTP_RESPONSE_STATUS_CODE,
    attribute::MESSAGING_DESTINATION_NAME,
    attribute::MESSAGING_DESTINATION_SUBSCRIPTION_NAME,
    attribute::MESSAGING_MESSAGE_ID,
    attribute::MESSAGING_OPERATION_NAME,
    attribute::MESSAGING_OPERATION_TYPE,
    attribute::MESSAGING_SERVICEBUS_DISPOSITION_STATUS,
    attribute::MESSAGING_SERVICEBUS_MESSAGE_DELIVERY_COUNT,
    attribute::MESSAGING_SERVICEBUS_MESSAGE_ENQUEUED_TIME,
    attribute::MESSAGING_SYSTEM,
    attribute::SERVER_ADDRESS,
    attribute::SERVER_PORT,
    attribute::SERVICE_PEER_NAME,
];

/// What happened, for the test to know what it must see.
struct Story {
    /// Billing had to try twice.
    tried_twice: Uuid,
    /// Dead-lettered by billing and replayed there; dead-lettered by email and resubmitted.
    refused: Uuid,
    all: Vec<Uuid>,
    people: Vec<Value>,
}

async fn world(endpoint: &str) -> World {
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
        ("OTEL_BSP_SCHEDULE_DELAY", "200"),
    ];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    World::start(Options { consumers: Judged::ALL.into(), variables, ..Options::default() }).await
}

async fn live(world: &World) -> Story {
    let mut producer = world.producer().start().await;
    let mut consumers = Vec::new();
    for consumer in Judged::ALL {
        consumers.push((consumer, world.consumer(consumer).start().await));
    }
    world.control.fail_next("stripe.create_customer", json!({ "status": 503 })).await;
    let sign_up = async |who: Value| world.control.order(json!({ "sign_up": who })).await[0];
    let tried_twice = sign_up(json!({ "marketing_consent": true })).await;
    dealt_with(world, &consumers, 1).await;
    let refused = sign_up(json!({ "refused_email": true, "marketing_consent": true })).await;
    let of_no_note = sign_up(json!({ "marketing_consent": true })).await;
    dealt_with(world, &consumers, SIGN_UPS).await;

    world.control.order(json!({ "mend_email": { "user": refused, "email": MENDED } })).await;
    let replayed = world.usher(["dlq", "replay", "billing"]).run().await;
    assert!(replayed.code == Some(0) && replayed.stdout.contains("1 done"), "{replayed:?}");
    resubmit(world).await;
    let email = consumers.iter().find(|(consumer, _)| *consumer == Judged::Email).unwrap();
    world.counts(&email.1, "the copy takes effect", |counts| counts.of("done") == SIGN_UPS).await;

    let people = world.control.people().await;
    for process in consumers.iter_mut().map(|(_, process)| process).chain([&mut producer]) {
        // Sends the last traces, too.
        assert_eq!(process.terminate().await.code, Some(0));
    }
    Story { tried_twice, refused, all: vec![tried_twice, refused, of_no_note], people }
}

/// Waits until every consumer has done with so many sign-ups.
async fn dealt_with(world: &World, consumers: &[(Judged, Process)], sign_ups: u64) {
    for (consumer, process) in consumers {
        let what = format!("{} has done with {sign_ups}", consumer.name());
        let ended = |counts: &usher_tests::processes::Counts| {
            counts.of("completed") + counts.of("dead_lettered") >= sign_ups
        };
        world.counts(process, &what, ended).await;
    }
}

/// Email's dead letter is corrected and sent again.
async fn resubmit(world: &World) {
    let letter = peek_all(&*world.dead_letters_of(Judged::Email).await).await.remove(0);
    let mut event: Value = serde_json::from_slice(&letter.message.body).unwrap();
    event["data"]["email"] = json!(MENDED);
    let file = world.home().join("event.json");
    fs::write(&file, event.to_string()).unwrap();
    let (number, file) = (letter.sequence_number.to_string(), file.display().to_string());
    let resubmitted = world.usher(["dlq", "resubmit", "email", &number, "--file", &file]).run().await;
    assert_eq!(resubmitted.code, Some(0), "{resubmitted:?}");
}

fn trace_of(user: Uuid) -> String {
    trace_id_of_event(EventId::of(TENANT_ID, user).into())
}

/// What was received once nothing is amiss with it and all is there.
async fn whole(receiver: &Receiver, story: &Story) -> Vec<Span> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let spans = receiver.spans();
        let flaws = flaws(&Traces::of(&spans), story);
        if flaws.is_empty() {
            return spans;
        }
        assert!(Instant::now() < deadline, "{flaws:#?}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn flaws(traces: &Traces<'_>, story: &Story) -> Vec<String> {
    let missing = story.all.iter().flat_map(|user| missing(traces.get(&trace_of(*user)), *user, story));
    traces.flaws().into_iter().chain(missing).collect()
}

/// What has not come yet of a sign-up's trace.
fn missing(trace: &[&Span], user: Uuid, story: &Story) -> Vec<String> {
    let deliveries = trace.iter().filter(|span| span.name == "process user-signups").count();
    // One more is the replay, and one the resubmitted copy's.
    let expected = Judged::ALL.len() + if user == story.refused { 2 } else { 0 };
    let missing = (deliveries < expected).then(|| format!("{deliveries} of {expected} deliveries: {user}"));
    missing.into_iter().collect()
}

/// The one span that is so.
#[track_caller]
fn one<'a>(spans: &[&'a Span], is_so: impl Fn(&Span) -> bool) -> &'a Span {
    let such: Vec<_> = spans.iter().copied().filter(|span| is_so(span)).collect();
    let [one] = such[..] else { panic!("one: {such:#?}") };
    one
}

fn is_delivery_of(span: &Span, consumer: Judged) -> bool {
    span.name == "process user-signups" && span.service == format!("usher-{}", consumer.name())
}

/// From the audit entry to the topic.
fn check_producer<'a>(trace: &[&'a Span], user: Uuid) -> &'a Span {
    let root = one(trace, |span| span.parent.is_none());
    assert_eq!((&*root.name, &*root.service), ("sign-up", "usher-producer"));
    assert_eq!(root.attribute("usher.user.id"), user.to_string());
    let names: Vec<_> = parts(trace, root).iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["audit delay", "enrich", "send user-signups"]);
    assert!(trace.iter().all(|span| span.start >= root.start), "all of it comes after the audit entry");
    let enrich = one(trace, |span| span.name == "enrich");
    assert_eq!(enrich.links.len(), 1, "what read this user and others: {enrich:#?}");
    let send = parts(trace, root)[2];
    assert_eq!(send.attribute(attribute::MESSAGING_MESSAGE_ID), EventId::of(TENANT_ID, user).to_string());
    send
}

/// A delivery: attempts, each with what it asked others, and how it was settled.
fn check_delivery(trace: &[&Span], delivery: &Span, consumer: Judged, settled: &str) {
    let parts_of = |span: &Span| parts(trace, span);
    assert_eq!(delivery.attribute(attribute::MESSAGING_DESTINATION_SUBSCRIPTION_NAME), consumer.name());
    let (attempts, rest): (Vec<_>, Vec<_>) =
        parts_of(delivery).into_iter().partition(|span| span.name == "attempt");
    assert!(!attempts.is_empty(), "{consumer:?}: {delivery:#?}");
    for attempt in &attempts {
        let calls = parts_of(attempt);
        let asked_somebody = calls.iter().any(|call| {
            let is_call = call.attributes.contains_key(attribute::SERVER_ADDRESS);
            is_call || call.attributes.contains_key(attribute::DB_SYSTEM_NAME)
        });
        assert!(asked_somebody, "{consumer:?}: {attempt:#?} {calls:#?}");
    }
    let settle = one(&rest, |span| span.attribute(attribute::MESSAGING_OPERATION_TYPE) == "settle");
    assert_eq!((&*settle.name, &settle.error), (&*format!("{settled} user-signups"), &None));
    assert!(settle.end <= delivery.end, "its settlement is a part of it: {delivery:#?} {settle:#?}");
}

fn check_refused(trace: &[&Span], send: &Span) {
    for (consumer, reason) in [(Judged::Billing, "StripeRejected"), (Judged::Email, "MailchimpRejected")] {
        let dead = one(trace, |span| is_delivery_of(span, consumer) && span.error.is_some());
        assert_eq!(
            (dead.attribute("usher.dead_letter.reason"), &dead.parent),
            (reason.to_owned(), &Some(send.span_id.clone()))
        );
        check_delivery(trace, dead, consumer, "dead_letter");
    }
    let origin = (send.trace_id.clone(), send.span_id.clone());
    let replay = one(trace, |span| span.attribute("usher.replay") == "true");
    assert_eq!((&replay.parent, &replay.links[..]), (&Some(send.span_id.clone()), &[origin.clone()][..]));
    assert!(is_delivery_of(replay, Judged::Billing) && replay.error.is_none(), "{replay:#?}");
    check_delivery(trace, replay, Judged::Billing, "complete");

    let again = one(trace, |span| span.attribute("usher.resubmit") == "true");
    assert_eq!(
        (&*again.name, &*again.service, &again.links[..]),
        ("send user-signups", "usher", &[origin][..])
    );
    let copy = one(trace, |span| span.parent.as_ref() == Some(&again.span_id));
    assert!(is_delivery_of(copy, Judged::Email), "{copy:#?}");
    check_delivery(trace, copy, Judged::Email, "complete");
}

fn check_names_and_values(spans: &[Span], people: &[Value]) {
    let ours = |name: &str| name.starts_with("usher.") || CONVENTIONAL.contains(&name);
    let names: BTreeSet<_> = spans.iter().flat_map(|span| span.attributes.keys()).collect();
    let strange: Vec<_> = names.into_iter().filter(|name| !ours(name)).collect();
    assert!(strange.is_empty(), "nobody's names: {strange:?}");

    let values: BTreeSet<_> = spans.iter().flat_map(|span| span.attributes.values().map(text)).collect();
    for person in people {
        for value in ["email", "display_name", "surname"].iter().filter_map(|field| person[field].as_str()) {
            let told = values.iter().find(|told| value.chars().count() >= 4 && told.contains(value));
            assert_eq!(told, None, "personal");
        }
    }
}

#[tokio::test]
async fn a_sign_up_is_one_trace_through_all_services_and_a_receiver_that_is_not_ours_takes_it() {
    let Some(program) = judge("Rotel, a receiver for OTLP", otlp_receiver) else { return };
    let receiver = Receiver::start(&program).await;
    let world = world(&receiver.endpoint).await;
    let story = live(&world).await;
    let spans = whole(&receiver, &story).await;

    let traces = Traces::of(&spans);
    for user in &story.all {
        let trace = traces.get(&trace_of(*user));
        let send = check_producer(trace, *user);
        for consumer in Judged::ALL {
            let is_first = |span: &Span| {
                let is_sent = span.parent.as_ref() == Some(&send.span_id);
                is_delivery_of(span, consumer) && is_sent && span.attribute("usher.replay").is_empty()
            };
            let delivery = one(trace, is_first);
            if delivery.error.is_none() {
                check_delivery(trace, delivery, consumer, "complete");
            }
        }
    }
    let twice = traces.get(&trace_of(story.tried_twice));
    let billed = one(twice, |span| is_delivery_of(span, Judged::Billing));
    let attempts: Vec<_> = parts(twice, billed).into_iter().filter(|span| span.name == "attempt").collect();
    let ended: Vec<_> =
        attempts.iter().map(|it| (it.attribute("usher.attempt"), it.error.is_some())).collect();
    assert_eq!(ended, [("1".to_owned(), true), ("2".to_owned(), false)]);
    let refused = traces.get(&trace_of(story.refused));
    check_refused(refused, check_producer(refused, story.refused));
    check_names_and_values(&spans, &story.people);
    check_metrics(&receiver).await;
}

/// Sent with the last traces at the latest, by everybody.
async fn check_metrics(receiver: &Receiver) {
    let of_consumers = ["usher.signup.effect.delay", "usher.deliveries", "usher.circuit.open"];
    let is_there =
        |service: &str, name: &str| receiver.metrics().get(service).is_some_and(|names| names.contains(name));
    eventually("what each service measures comes through", async || {
        let consumers = Judged::ALL.map(|consumer| format!("usher-{}", consumer.name()));
        let all = consumers.iter().all(|service| of_consumers.iter().all(|name| is_there(service, name)));
        (all && is_there("usher-producer", "usher.watermark.lag")).then_some(())
    })
    .await;
}
