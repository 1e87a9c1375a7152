//! A destination that is down costs no message anything.

use std::time::Duration;

use tokio::time::Instant;
use usher_http::{Failure, FailureClass};
use usher_subscriber::Outcome;

use crate::bench::{Answer, Bench, done, missing, retry, revoked, timed, transient, unauthorized, wrong_key};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(start_paused = true)]
async fn an_hours_outage_dead_letters_nothing_whatever_it_looks_like() {
    let kinds = [
        Failure::named(FailureClass::Unreachable, "no connection"),
        Failure::status(FailureClass::Unauthorized, 401),
        transient(),
    ];
    for failure in kinds {
        for sign_ups in [1, 40] {
            let bench = Bench::new().await;
            let running = bench.start().await;
            bench.destination.goes_down(failure.clone());
            bench.sign_ups(sign_ups).await;
            tokio::time::sleep(HOUR).await;
            assert!(bench.dead_letters().await.is_empty(), "{failure} {sign_ups}");
            assert!(bench.health.status().not_ready.contains_key("destination"), "{failure} {sign_ups}");
            bench.destination.comes_back();
            let ((), took) = timed(bench.until_empty(5 * MINUTE)).await;
            running.stop().await;
            assert!(took <= 25 * SECOND, "{failure} {sign_ups}: {took:?}");
            assert!(bench.dead_letters().await.is_empty());
            assert!(bench.health.status().not_ready.is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_costs_no_delivery_count_and_holds_no_lock() {
    let bench = Bench::new().await;
    let running = bench.start().await;
    bench.destination.goes_down(Failure::named(FailureClass::Unreachable, "no connection"));
    bench.sign_ups(20).await;
    tokio::time::sleep(HOUR).await;
    let counts = bench.bus.counts(&Bench::entity()).unwrap();
    assert_eq!((counts.available, counts.locked), (20, 0));
    for seen in bench.receiver(&Bench::entity()).await.peek(0, 100).await.unwrap() {
        assert_eq!(seen.delivery_count, 0);
    }
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn while_the_circuit_is_open_the_destination_is_probed_and_sees_no_message() {
    let bench = Bench::new().await;
    bench.destination.goes_down(Failure::named(FailureClass::Unreachable, "no connection"));
    bench.sign_ups(50).await;
    let running = bench.start().await;
    tokio::time::sleep(HOUR).await;
    let (attempts, probes) = (bench.destination.users_attempted().len(), bench.destination.probes());
    assert!(attempts <= 16, "no more than ran when it opened: {attempts}");
    assert!((180..=370).contains(&probes.len()), "every ten to twenty seconds: {}", probes.len());
    let longest = probes.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest <= 20 * SECOND, "{longest:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_back_is_caught_up_with_slowly_at_first_and_within_a_minute() {
    let bench = Bench::new().await;
    bench.destination.goes_down(Failure::named(FailureClass::Unreachable, "no connection"));
    let running = bench.start().await;
    for user in bench.sign_ups(400).await {
        bench.destination.answers(user, [Answer::Slow(SECOND)]);
    }
    tokio::time::sleep(HOUR).await;
    bench.destination.comes_back();
    let back = Instant::now();
    let ((), took) = timed(bench.until_empty(5 * MINUTE)).await;
    running.stop().await;
    assert!(took <= MINUTE, "{took:?}");
    let attempts = bench.destination.attempts_a_second(back);
    assert_eq!(attempts[..6], [1, 2, 4, 8, 16, 16], "{attempts:?}");
    assert_eq!((bench.count("done"), bench.destination.most_running()), (400, 16));
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_fails_again_right_after_its_return_is_asked_by_one_at_a_time() {
    let bench = Bench::new().await;
    for user in bench.sign_ups(40).await {
        let fails = Answer::SlowOutcome(SECOND, Outcome::Retry(transient()));
        bench.destination.answers(user, [fails]);
    }
    let start = Instant::now();
    let running = bench.start().await;
    bench.until(MINUTE, || bench.count("circuit_opened") == 1).await;
    let (first, opened) = (bench.destination.attempts_a_second(start), Instant::now());
    bench.until(MINUTE, || bench.count("circuit_opened") == 2).await;
    let again = bench.destination.attempts_a_second(opened);
    running.stop().await;
    assert_eq!(first, [16]);
    assert!(again.len() >= 5 && again.iter().all(|attempts| *attempts == 1), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn what_our_settings_point_at_is_waited_for_once_running() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(20).await;
    for user in &users {
        let gone = Outcome::Unavailable { vendor: "Vendor", failure: missing() };
        bench.destination.answers(*user, [Answer::Outcome(gone)]);
    }
    bench.destination.probes_fail(Some(missing()));
    let running = bench.start().await;
    tokio::time::sleep(HOUR).await;
    for user in users {
        bench.destination.answers(user, [done()]);
    }
    bench.destination.probes_fail(None);
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert_eq!((bench.count("done"), bench.dead_letters().await.len()), (20, 0));
}

#[tokio::test(start_paused = true)]
async fn a_skip_says_nothing_about_the_destination() {
    let bench = Bench::new().await;
    for (number, user) in bench.sign_ups(10).await.into_iter().enumerate() {
        let skipped = Answer::Outcome(Outcome::Skipped("no-consent"));
        bench.destination.answers(user, if number % 2 == 0 { vec![retry(), done()] } else { vec![skipped] });
    }
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert_eq!((bench.count("done"), bench.count("circuit_opened")), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn one_message_that_fails_and_fails_stops_nobody() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(1).await;
    bench.destination.answers(users[0], [retry()]);
    let running = bench.start().await;
    bench.until(20 * MINUTE, || bench.destination.attempts(users[0]).len() >= 8).await;
    assert_eq!(bench.count("circuit_opened"), 0);
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_run_of_failures_over_several_messages_opens_it_though_the_probe_passes() {
    let bench = Bench::new().await;
    for user in bench.sign_ups(5).await {
        bench.destination.answers(user, [retry(), done()]);
    }
    let running = bench.start().await;
    bench.until_empty(5 * MINUTE).await;
    running.stop().await;
    assert_eq!(bench.count("circuit_opened"), 1);
    assert_eq!(bench.count("done"), 5);
}

#[tokio::test(start_paused = true)]
async fn writes_that_fail_for_an_hour_behind_a_probe_that_passes_dead_letter_nothing() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(30).await;
    for user in &users {
        bench.destination.answers(*user, [retry()]);
    }
    let running = bench.start().await;
    tokio::time::sleep(HOUR).await;
    let attempts = bench.destination.users_attempted().len();
    assert!(attempts < 3000, "it is not hammered: {attempts}");
    for user in users {
        bench.destination.answers(user, [done()]);
    }
    bench.until_empty(5 * MINUTE).await;
    running.stop().await;
    assert!(bench.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_revoked_between_two_probes_convicts_no_message() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(12).await;
    // The first is refused for itself; the others come to be refused right behind its probe, by a revoked key.
    bench.destination.answers(users[0], [unauthorized()]);
    for user in &users[1..] {
        let slow = Answer::SlowOutcome(Duration::from_millis(300), revoked());
        bench.destination.answers(*user, [slow, done()]);
    }
    let running = bench.start().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    bench.destination.probes_fail(Some(wrong_key()));
    tokio::time::sleep(HOUR).await;
    assert_eq!(bench.dead_letters().await.len(), 1);
    bench.destination.probes_fail(None);
    bench.until_empty(5 * MINUTE).await;
    running.stop().await;
    assert_eq!((bench.count("done"), bench.dead_letters().await.len()), (11, 1));
}

#[tokio::test(start_paused = true)]
async fn messages_that_are_merely_too_early_open_nothing() {
    let bench = Bench::new().await;
    let too_early = Outcome::Retry(Failure::status(FailureClass::Transient, 404));
    for user in bench.sign_ups(16).await {
        bench.destination.answers(user, [Answer::Outcome(too_early.clone()), done()]);
    }
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;
    assert_eq!((bench.count("done"), bench.count("circuit_opened")), (16, 0));
}
