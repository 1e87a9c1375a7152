//! Each outcome has its effect on the message, and only that.

use std::{num::NonZeroU32, time::Duration};

use usher_bus::Message;
use usher_event::Event;
use usher_http::{Failure, FailureClass};
use usher_subscriber::Outcome;
use uuid::Uuid;

use crate::bench::{
    Answer, Bench, TENANT, done, event, message, missing, reject, retry, timed, transient, wrong_key,
};

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn a_sign_up_that_is_done_or_skipped_is_complete() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(2).await;
    bench.destination.answers(users[1], [Answer::Outcome(Outcome::Skipped("user-gone"))]);
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert!(bench.dead_letters().await.is_empty());
    assert_eq!((bench.count("done"), bench.count("skipped:user-gone")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_rejected_one_is_dead_lettered_at_once_with_all_that_is_known() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(1).await;
    bench.destination.answers(users[0], [reject()]);
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    let (reason, description) = bench.dead_letter().await;
    assert_eq!(reason, "VendorRejected");
    assert_eq!(
        description,
        "status=400 code=email_invalid consumer=billing attempt=1 trace=0af7651916cd43dd8448eb211c80319c"
    );
    assert_eq!(bench.destination.attempts(users[0]).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_next_attempt_holds_up_nobody() {
    let mut bench = Bench::new().await;
    bench.limits.concurrency = NonZeroU32::MIN;
    let users = bench.sign_ups(50).await;
    for user in &users[..10] {
        bench.destination.answers(*user, [retry(), done()]);
    }
    // So that the ten failures are no run: the circuit is another test's business.
    let running = bench.start().await;
    let ((), took) = timed(bench.until_empty(2 * MINUTE)).await;
    running.stop().await;
    assert_eq!(bench.destination.most_running(), 1);
    assert!(bench.dead_letters().await.is_empty());
    assert!(took < MINUTE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_time_that_the_destination_asks_for_is_waited() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(1).await;
    let busy = Failure::status(FailureClass::Transient, 429).with_retry_after(Some(5 * MINUTE));
    bench.destination.answers(users[0], [Answer::Outcome(Outcome::Retry(busy)), done()]);
    let running = bench.start().await;
    bench.until_empty(10 * MINUTE).await;
    running.stop().await;
    let attempts = bench.destination.attempts(users[0]);
    assert!(attempts[1] - attempts[0] >= 5 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_renewed_for_as_long_as_its_message_waits_or_runs() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(2).await;
    let busy = Failure::status(FailureClass::Transient, 429).with_retry_after(Some(10 * MINUTE));
    bench.destination.answers(users[0], [Answer::Outcome(Outcome::Retry(busy)), done()]);
    bench.destination.answers(users[1], [Answer::Slow(4 * MINUTE)]);
    let (first, second) = (bench.start().await, bench.start().await);
    bench.until_empty(20 * MINUTE).await;
    first.stop().await;
    second.stop().await;
    assert_eq!(bench.destination.attempts(users[0]).len(), 2, "nobody else was given it meanwhile");
    assert_eq!(bench.destination.attempts(users[1]).len(), 1);
    assert_eq!(bench.count("lock_lost"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_spent_budget_is_a_dead_letter_with_our_reason() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(1).await;
    bench.destination.answers(users[0], [retry()]);
    let running = bench.start().await;
    let ((), took) = timed(bench.until_empty(20 * MINUTE)).await;
    running.stop().await;
    let (reason, description) = bench.dead_letter().await;
    assert_eq!(reason, "RetriesExhausted");
    assert!(description.starts_with("status=503 consumer=billing attempt="), "{description}");
    assert!(took > 8 * MINUTE && took < 16 * MINUTE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn the_last_delivery_allowed_is_not_retried_into_the_brokers_own_dead_letter() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(1).await;
    let nine_panics = std::iter::repeat_n(Answer::Panic, 9);
    bench.destination.answers(users[0], nine_panics.chain([retry()]));
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert_eq!(bench.dead_letter().await.0, "RetriesExhausted");
}

#[tokio::test(start_paused = true)]
async fn a_panic_costs_a_delivery_and_nothing_else() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(3).await;
    bench.destination.answers(users[1], [Answer::Panic, done()]);
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert_eq!((bench.count("done"), bench.count("panics"), bench.count("abandoned")), (3, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_always_panics_is_dead_lettered_by_us() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(1).await;
    bench.destination.answers(users[0], [Answer::Panic]);
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert_eq!(bench.dead_letter().await.0, "HandlerPanicked");
    assert_eq!(bench.destination.attempts(users[0]).len(), 10);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_for_one_message_only_is_that_messages_fault() {
    for (failure, status) in [(wrong_key(), "status=401"), (missing(), "status=404")] {
        let bench = Bench::new().await;
        let users = bench.sign_ups(1).await;
        let unavailable = Outcome::Unavailable { vendor: "Vendor", failure };
        bench.destination.answers(users[0], [Answer::Outcome(unavailable)]);
        let running = bench.start().await;
        bench.until_empty(MINUTE).await;
        running.stop().await;
        let (reason, description) = bench.dead_letter().await;
        assert_eq!(reason, "VendorRejected");
        assert!(description.starts_with(status), "{description}");
        assert_eq!(bench.destination.probes().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_event_of_ours_is_dead_lettered_unhandled() {
    let body =
        |change: fn(&str) -> String| change(&String::from_utf8(event(Uuid::from_u128(1)).to_json()).unwrap());
    let foreign = {
        let mut event = event(Uuid::from_u128(2));
        event.data.tenant_id = Uuid::from_u128(99);
        Event::new(event.data).to_json()
    };
    let rows = [
        (b"not json".to_vec(), "Undecodable"),
        (body(|b| b.replace(".v1\"", ".v2\"")).into_bytes(), "UnknownMajorVersion"),
        (
            body(|b| b.replace("\"emailVerified\":true", "\"emailVerified\":\"ada\"")).into_bytes(),
            "Undecodable",
        ),
        (foreign, "ForeignTenant"),
    ];
    assert_ne!(TENANT, Uuid::from_u128(99));
    for (body, expected) in rows {
        let bench = Bench::new().await;
        bench.publish(Message::new("m", body)).await;
        let running = bench.start().await;
        bench.until_empty(MINUTE).await;
        running.stop().await;
        let (reason, description) = bench.dead_letter().await;
        assert_eq!(reason, expected);
        assert!(!description.contains("ada"), "{description}");
        assert!(bench.destination.users_attempted().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_older_than_allowed_is_rejected_and_one_of_unknown_future_date_is_not() {
    let mut bench = Bench::new().await;
    bench.max_event_age = Some(7 * DAY);
    bench.publish(message(&signed_up_ago(1, 8))).await;
    bench.publish(message(&signed_up_ago(2, -1))).await;
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert_eq!(bench.dead_letter().await.0, "TooOld");
    assert_eq!(bench.destination.users_attempted(), [Uuid::from_u128(2)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_passed_over_is_complete_however_old_and_never_handled() {
    let mut bench = Bench::new().await;
    bench.max_event_age = Some(7 * DAY);
    for (user, days) in [(1, 8), (2, 0)] {
        bench.destination.passes_over(Uuid::from_u128(user));
        bench.publish(message(&signed_up_ago(user, days))).await;
    }
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert!(bench.dead_letters().await.is_empty());
    assert_eq!(bench.count("skipped:no-consent"), 2);
    assert!(bench.destination.users_attempted().is_empty());
}

fn signed_up_ago(user: u128, days: i64) -> Event {
    let mut event = event(Uuid::from_u128(user));
    event.data.signed_up_at -= time::Duration::days(days);
    Event::new(event.data)
}

#[tokio::test(start_paused = true)]
async fn no_more_is_held_than_may_be_held() {
    let mut bench = Bench::new().await;
    bench.limits.max_held = NonZeroU32::new(3).unwrap();
    // Two of them: fewer than make a run that opens the circuit.
    for user in bench.sign_ups(8).await {
        let busy = transient().with_retry_after(Some(5 * MINUTE));
        let slow = [Answer::Outcome(Outcome::Retry(busy)), done()];
        bench.destination.answers(user, slow);
    }
    let running = bench.start().await;
    tokio::time::sleep(4 * MINUTE).await;
    let counts = bench.bus.counts(&Bench::entity()).unwrap();
    assert_eq!((counts.locked, counts.available), (3, 5), "{counts:?}");
    bench.until_empty(60 * MINUTE).await;
    running.stop().await;
    assert_eq!(bench.count("done"), 8);
}
