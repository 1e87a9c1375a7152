//! Replay: a dead letter leaves its queue by success alone.

use std::{num::NonZeroU32, time::Duration};

use usher_http::{Failure, FailureClass};
use usher_service::Shutdown;
use usher_subscriber::{
    Limits, Replay, Subscriber,
    dead_letters::{Ended, Fate, Filter, Summary, Tempo},
};
use uuid::Uuid;

use crate::bench::{Answer, Bench, done, event, message, reject, retry, timed};

const MINUTE: Duration = Duration::from_secs(60);

/// A bench with the sign-ups of so many users in the dead-letter queue.
async fn with_dead_letters(count: u128) -> (Bench, Vec<Uuid>) {
    let bench = Bench::new().await;
    let users = bench.sign_ups(count).await;
    for user in &users {
        bench.destination.answers(*user, [reject()]);
    }
    let running = bench.start().await;
    bench.until_empty(10 * MINUTE).await;
    running.stop().await;
    for user in &users {
        bench.destination.answers(*user, [done()]);
    }
    (bench, users)
}

async fn replay_until(bench: &Bench, what: &Replay, shutdown: &Shutdown) -> (Summary, Vec<Fate>) {
    let limits = Subscriber::replay_limits(bench.limits);
    let subscriber = bench.subscriber(&Bench::entity().dead_letters(), limits).await;
    let mut seen = vec![];
    let summary = subscriber.replay(what, shutdown, &mut |fate| seen.push(fate.clone())).await.unwrap();
    (summary, seen)
}

async fn replay_with(bench: &Bench, what: Replay) -> (Summary, Vec<Fate>) {
    replay_until(bench, &what, &Shutdown::new()).await
}

async fn replay(bench: &Bench) -> Summary {
    replay_with(bench, Replay::default()).await.0
}

/// Only what this filter matches.
fn only(filter: Filter) -> Replay {
    Replay { filter, ..Replay::default() }
}

fn at_a_rate(rate: &str, ramp: Option<Duration>) -> Replay {
    Replay { tempo: Tempo { rate: Some(rate.parse().unwrap()), ramp }, ..Replay::default() }
}

fn left(bench: &Bench) -> (usize, usize) {
    let counts = bench.bus.counts(&Bench::entity().dead_letters()).unwrap();
    (counts.available, counts.locked)
}

#[tokio::test(start_paused = true)]
async fn what_succeeds_leaves_the_queue_and_what_fails_again_stays() {
    let (bench, users) = with_dead_letters(30).await;
    bench.destination.answers(users[3], [reject()]);
    bench.destination.answers(users[4], [Answer::Panic]);
    bench.destination.answers(users[5], [retry(), done()]);
    let (summary, seen) = replay_with(&bench, Replay::default()).await;
    assert_eq!((summary.done, summary.failed, summary.ended), (28, 2, Ended::AtTheEnd));
    assert_eq!(seen.len(), 30);
    assert_eq!(seen.iter().filter(|fate| fate.still_dead.is_some()).count(), 2);
    assert_eq!(left(&bench), (2, 0), "given back");
    assert_eq!(replay(&bench).await.failed, 2, "and there to be replayed again");
}

#[tokio::test(start_paused = true)]
async fn an_empty_queue_is_said_to_be_empty() {
    let bench = Bench::new().await;
    assert_eq!(replay(&bench).await, Summary::default());
}

#[tokio::test(start_paused = true)]
async fn only_what_the_filter_matches_is_handled() {
    let (bench, users) = with_dead_letters(5).await;
    bench.destination.answers(users[0], [reject()]);
    let id = event(users[2]).id.to_string();
    let filter = Filter { event: id.parse().ok(), ..Filter::default() };
    let (summary, seen) = replay_with(&bench, only(filter)).await;
    assert_eq!((summary.done, summary.failed, summary.unmatched), (1, 0, 4));
    assert_eq!(seen[0].message_id, id);
    let filter = Filter { reason: Some("Undecodable".into()), ..Filter::default() };
    assert_eq!(replay_with(&bench, only(filter)).await.0.unmatched, 4);
    assert_eq!(left(&bench), (4, 0));
    for (filter, done) in [
        (Filter { status: Some(503), ..Filter::default() }, 0),
        (Filter { older_than: Some(MINUTE), ..Filter::default() }, 0),
        (Filter { user: Some(users[1]), ..Filter::default() }, 1),
        (Filter { seq: "4..4".parse().ok(), ..Filter::default() }, 1),
        (Filter { status: Some(400), newer_than: Some(10 * MINUTE), ..Filter::default() }, 1),
    ] {
        let (summary, _) = replay_with(&bench, only(filter.clone())).await;
        assert_eq!((summary.done, summary.ended), (done, Ended::AtTheEnd), "{filter:?}");
    }
    assert_eq!(left(&bench), (1, 0), "the one that fails again");
}

#[tokio::test(start_paused = true)]
async fn a_filter_by_number_ends_the_run_where_it_ends() {
    let (bench, _) = with_dead_letters(300).await;
    let filter = Filter { seq: "..10".parse().ok(), ..Filter::default() };
    let (summary, _) = replay_with(&bench, only(filter)).await;
    assert_eq!((summary.done, summary.reached, summary.ended), (10, Some((10, 10)), Ended::AtTheEnd));
    assert_eq!(left(&bench), (290, 0));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_be_tried_and_touches_nothing() {
    let (bench, users) = with_dead_letters(300).await;
    let attempts = bench.destination.users_attempted().len();
    let all = Replay { dry_run: true, ..Replay::default() };
    let (summary, seen) = replay_with(&bench, all.clone()).await;
    assert_eq!((summary.done, summary.ended, seen.len()), (300, Ended::AtTheEnd, 300));
    let filter = Filter { user: Some(users[299]), ..Filter::default() };
    let (summary, seen) = replay_with(&bench, Replay { filter, ..all }).await;
    assert_eq!((summary.done, summary.ended, seen.len()), (0, Ended::TooManyHeld, 0), "{summary:?}");
    assert_eq!(summary.reached, Some((256, 300)), "the run itself would get no further");
    assert_eq!(left(&bench), (300, 0));
    assert_eq!(bench.destination.users_attempted().len(), attempts);
}

#[tokio::test(start_paused = true)]
async fn a_rate_spreads_the_attempts_and_a_ramp_begins_slowly() {
    let (bench, _) = with_dead_letters(60).await;
    let ((summary, _), took) = timed(replay_with(&bench, at_a_rate("2/s", None))).await;
    assert_eq!(summary.done, 60);
    assert!((29..=31).contains(&took.as_secs()), "{took:?}");

    let (bench, _) = with_dead_letters(150).await;
    let start = tokio::time::Instant::now();
    let (summary, _) = replay_with(&bench, at_a_rate("4/s", Some(MINUTE))).await;
    assert_eq!((summary.done, summary.ended), (150, Ended::AtTheEnd));
    let seconds = bench.destination.attempts_since(start);
    let within = |from: u64, to: u64| seconds.iter().filter(|at| (from..to).contains(&at.as_secs())).count();
    assert!(within(0, 15) <= 8, "{}", within(0, 15));
    assert!((118..=122).contains(&within(0, 60)), "half the rate until it is reached: {}", within(0, 60));
    assert!((66..=68).contains(&seconds[149].as_secs()), "{:?}", seconds[149]);
}

#[tokio::test(start_paused = true)]
async fn a_run_holds_no_more_than_it_may_and_says_that_it_ended_early() {
    let (bench, users) = with_dead_letters(300).await;
    for user in &users {
        bench.destination.answers(*user, [reject()]);
    }
    let summary = replay(&bench).await;
    assert_eq!((summary.failed, summary.ended), (256, Ended::TooManyHeld));
    assert_eq!(bench.bus.counts(&Bench::entity().dead_letters()).unwrap().available, 300);
}

#[tokio::test(start_paused = true)]
async fn it_does_not_chase_what_is_dead_lettered_meanwhile() {
    let (bench, users) = with_dead_letters(2).await;
    bench.destination.answers(users[1], [Answer::Slow(MINUTE)]);
    let late = Uuid::from_u128(1000);
    bench.destination.answers(late, [reject()]);
    let consumer = bench.start().await;
    let (replayed, ()) = tokio::join!(replay(&bench), async {
        bench.publish(message(&event(late))).await;
        bench.until(MINUTE, || bench.count("dead_lettered") == 3).await;
    });
    consumer.stop().await;
    assert_eq!((replayed.done, replayed.failed, replayed.unmatched), (2, 0, 0));
    assert_eq!(bench.dead_letters().await.len(), 1);
    assert_eq!(bench.destination.attempts(late).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_stopped_at_any_moment() {
    let mut stopped_early = 0;
    for after in 0..20 {
        let (bench, users) = with_dead_letters(20).await;
        for user in &users {
            bench.destination.answers(*user, [Answer::Slow(Duration::from_secs(1))]);
        }
        let (replayed, shutdown) = (Replay::default(), Shutdown::new());
        let stop = async {
            tokio::time::sleep(Duration::from_millis(150 * after)).await;
            shutdown.request();
        };
        let ((summary, _), ()) = tokio::join!(replay_until(&bench, &replayed, &shutdown), stop);
        let left = bench.bus.counts(&Bench::entity().dead_letters()).unwrap();
        assert_eq!(summary.done as usize + left.available, 20, "done once or still there: {summary:?}");
        stopped_early += u32::from(summary.ended == Ended::Stopped);
    }
    assert!(stopped_early > 10, "{stopped_early}");
}

#[tokio::test(start_paused = true)]
async fn two_at_once_share_the_queue() {
    let (mut bench, users) = with_dead_letters(40).await;
    bench.limits = Limits { concurrency: NonZeroU32::new(4).unwrap(), ..bench.limits };
    for user in &users {
        bench.destination.answers(*user, [Answer::Slow(Duration::from_secs(1))]);
    }
    let (one, two) = tokio::join!(replay(&bench), replay(&bench));
    assert_eq!(one.done + two.done, 40, "{one:?} {two:?}");
    assert!(one.done > 0 && two.done > 0);
    assert!(bench.dead_letters().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_is_down_ends_the_run_and_loses_nothing() {
    let (bench, _) = with_dead_letters(30).await;
    bench.destination.goes_down(Failure::named(FailureClass::Unreachable, "no connection"));
    let summary = replay(&bench).await;
    assert_eq!((summary.done, summary.ended), (0, Ended::DestinationDown));
    assert_eq!(bench.bus.counts(&Bench::entity().dead_letters()).unwrap().available, 30);
}
