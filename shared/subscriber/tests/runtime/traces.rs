//! What a collector sees of a delivery: names, kinds, whose part it is, and nothing of a person.

use std::time::Duration;

use usher_bus::Message;
use usher_service::Shutdown;
use usher_subscriber::{Outcome, Replay, Subscriber};
use usher_telemetry::testing::{Recorded, SeenSpan};
use uuid::Uuid;

use crate::bench::{Answer, Bench, done, event, message, reject, retry, wrong_key};

const MINUTE: Duration = Duration::from_secs(60);
/// The trace and the span that the messages of the bench name.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SENT_BY: &str = "b7ad6b7169203331";

/// A bench with one sign-up that is answered so, until it has been dealt with; and what was seen of that.
async fn deliver(answers: impl IntoIterator<Item = Answer>) -> (Bench, Uuid, Vec<SeenSpan>) {
    let recorded = Recorded::start();
    let bench = Bench::new().await;
    let user = bench.sign_ups(1).await[0];
    bench.destination.answers(user, answers);
    let running = bench.start().await;
    bench.until_empty(10 * MINUTE).await;
    running.stop().await;
    (bench, user, recorded.spans())
}

/// Tries the dead letter again; what was seen of that.
async fn replay(bench: &Bench) -> Vec<SeenSpan> {
    let recorded = Recorded::start();
    let limits = Subscriber::replay_limits(bench.limits);
    let subscriber = bench.subscriber(&Bench::entity().dead_letters(), limits).await;
    subscriber.replay(&Replay::default(), &Shutdown::new(), &mut |_| ()).await.unwrap();
    recorded.spans()
}

fn one<'a>(spans: &'a [SeenSpan], name: &str) -> &'a SeenSpan {
    let named: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
    let [one] = named[..] else { panic!("one {name}: {spans:#?}") };
    one
}

/// A span's parts, by name, in the order in which they ended.
fn parts<'a>(spans: &'a [SeenSpan], of: &SeenSpan) -> Vec<&'a str> {
    spans.iter().filter(|span| span.parent.as_ref() == Some(&of.span_id)).map(|span| &*span.name).collect()
}

#[track_caller]
fn says(span: &SeenSpan, attributes: &[(&str, &str)]) {
    for (name, value) in attributes {
        assert_eq!(span.attribute(name), Some(*value), "{name}: {span:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_a_part_of_its_sign_up_with_its_attempts_and_its_settlement() {
    let (_, user, spans) = deliver([retry(), done()]).await;
    let process = one(&spans, "process user-signups");
    assert_eq!(
        (&*process.kind, &*process.trace_id, process.parent.as_deref()),
        ("consumer", TRACE, Some(SENT_BY))
    );
    assert_eq!(parts(&spans, process), ["attempt", "attempt", "complete user-signups"]);
    assert!(process.links.is_empty() && process.error.is_none(), "{process:#?}");
    let event_id = event(user).id.to_string();
    says(
        process,
        &[
            ("messaging.system", "servicebus"),
            ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"),
            ("messaging.destination.name", "user-signups"),
            ("messaging.destination.subscription.name", "billing"),
            ("messaging.message.id", &event_id),
            ("messaging.servicebus.message.delivery_count", "0"),
            ("messaging.servicebus.message.enqueued_time", "1772366400"),
            ("usher.event.id", &event_id),
            ("usher.user.id", &user.to_string()),
            ("usher.outcome", "done"),
        ],
    );
    let attempts: Vec<_> = spans.iter().filter(|span| span.name == "attempt").collect();
    says(attempts[0], &[("usher.attempt", "1"), ("error.type", "503")]);
    assert_eq!((attempts[0].error.as_deref(), attempts[1].error.as_deref()), (Some("503"), None));
    says(attempts[1], &[("usher.attempt", "2")]);
    let settle = one(&spans, "complete user-signups");
    assert_eq!((&*settle.kind, settle.error.as_deref()), ("client", None));
    says(
        settle,
        &[
            ("messaging.operation.name", "complete"),
            ("messaging.operation.type", "settle"),
            ("messaging.servicebus.disposition_status", "complete"),
        ],
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_a_failure_that_says_why() {
    let (_, _, spans) = deliver([reject()]).await;
    let process = one(&spans, "process user-signups");
    says(
        process,
        &[
            ("usher.outcome", "dead_lettered"),
            ("usher.dead_letter.reason", "VendorRejected"),
            ("error.type", "VendorRejected"),
        ],
    );
    assert_eq!(process.error.as_deref(), Some("status=400 code=email_invalid"));
    assert_eq!(process.events, ["dead-lettered"], "said once");
    let settle = one(&spans, "dead_letter user-signups");
    says(
        settle,
        &[("usher.dead_letter.reason", "VendorRejected"), ("messaging.operation.name", "dead_letter")],
    );
    says(one(&spans, "attempt"), &[("error.type", "VendorRejected")]);
}

#[tokio::test(start_paused = true)]
async fn a_replay_goes_on_with_the_trace_and_is_linked_to_what_the_letter_was_sent_by() {
    let (bench, user, _) = deliver([reject()]).await;
    let again = replay(&bench).await;
    let failed = one(&again, "process user-signups");
    says(
        failed,
        &[("usher.replay", "true"), ("usher.outcome", "still_dead"), ("error.type", "VendorRejected")],
    );
    assert_eq!(parts(&again, failed), ["attempt"], "it stays where it is");

    bench.destination.answers(user, [done()]);
    let mended = replay(&bench).await;
    let process = one(&mended, "process user-signups");
    assert_eq!((&*process.trace_id, process.parent.as_deref()), (TRACE, Some(SENT_BY)));
    assert_eq!((&process.links[..], process.error.as_deref()), (&[SENT_BY.to_owned()][..], None));
    assert_eq!(parts(&mended, process), ["attempt", "complete user-signups"]);
    says(process, &[("usher.replay", "true"), ("usher.outcome", "done")]);
}

#[tokio::test(start_paused = true)]
async fn what_is_skipped_panics_or_is_given_back_says_so() {
    let (_, _, spans) = deliver([Answer::Outcome(Outcome::Skipped("user-gone"))]).await;
    says(
        one(&spans, "process user-signups"),
        &[("usher.outcome", "skipped"), ("usher.skipped.reason", "user-gone")],
    );

    let (_, _, spans) = deliver([Answer::Panic, done()]).await;
    let first = spans.iter().find(|span| span.name == "process user-signups").unwrap();
    says(first, &[("usher.outcome", "abandoned"), ("error.type", "panic")]);
    says(one(&spans, "abandon user-signups"), &[("messaging.operation.name", "abandon")]);

    let recorded = Recorded::start();
    let bench = Bench::new().await;
    bench.sign_ups(1).await;
    bench.destination.goes_down(wrong_key());
    let running = bench.start().await;
    bench.until(MINUTE, || recorded.spans().iter().any(|span| span.name == "release user-signups")).await;
    running.stop().await;
    let spans = recorded.spans();
    let process = one(&spans, "process user-signups");
    says(process, &[("usher.outcome", "released")]);
    assert_eq!(process.error, None, "no fault of this message's");
    let probe = spans.iter().find(|span| span.name == "probe").unwrap();
    assert_eq!(probe.error.as_deref(), Some("Vendor: 401"));
}

#[tokio::test(start_paused = true)]
async fn a_stranger_s_message_is_a_trace_of_its_own() {
    let recorded = Recorded::start();
    let bench = Bench::new().await;
    bench.publish(Message::new("m", "{ no event")).await;
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    let spans = recorded.spans();
    let process = one(&spans, "process user-signups");
    assert_eq!(process.parent, None);
    says(process, &[("usher.dead_letter.reason", "Undecodable"), ("messaging.message.id", "m")]);
    assert_eq!(parts(&spans, process), ["dead_letter user-signups"]);
}

#[tokio::test(start_paused = true)]
async fn a_sampled_out_trace_is_not_told_of() {
    let recorded = Recorded::start();
    let bench = Bench::new().await;
    let unsampled = format!("00-{TRACE}-{SENT_BY}-00");
    let event = event(Uuid::from_u128(1));
    bench.publish(message(&event).with_property("traceparent", unsampled)).await;
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert!(recorded.spans().iter().all(|span| span.trace_id != TRACE), "{:#?}", recorded.spans());
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_person_is_on_any_span() {
    let (bench, _, mut spans) = deliver([retry(), reject()]).await;
    spans.extend(replay(&bench).await);
    let seen = format!("{spans:?}");
    for value in ["Ada", "ada@", "example.com"] {
        assert!(!seen.contains(value), "{value}: {seen}");
    }
}
