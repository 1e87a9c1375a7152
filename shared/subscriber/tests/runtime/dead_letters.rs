//! A walk through dead letters: each one's work is done and it has left the queue, or it is still there.

use std::{
    collections::BTreeMap,
    env,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::time::sleep;
use usher_bus::{BusError, Delivery, LockToken, Message, Peeked, Receiver, Renewal, Settlement};
use usher_service::Shutdown;
use usher_subscriber::dead_letters::{
    Complete, Ended, Fate, Filter, MOST_HELD, Matcher, Summary, Survey, Tempo, Walk, Work,
};

use crate::bench::Bench;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// How many letters the large walk has: 100,000 unless told.
fn letters() -> usize {
    env::var("USHER_LETTERS").ok().and_then(|it| it.parse().ok()).unwrap_or(100_000)
}

/// Puts so many more letters into billing's dead-letter queue.
async fn dead(bench: &Bench, count: usize) {
    let queue = bench.receiver(&Bench::entity()).await;
    for n in 0..count {
        let id = format!("{n}-{}", bench.clock.now().unix_timestamp());
        bench.publish(Message::new(id, "x").with_property("replayTo", "billing")).await;
        queue.add_credit(1);
        let delivery = queue.next().await.unwrap();
        let (reason, description) = ("VendorRejected".to_owned(), "status=400".to_owned());
        queue.settle(delivery.lock, Settlement::DeadLetter { reason, description }).await.unwrap();
    }
}

async fn with_dead_letters(count: usize) -> (Bench, Arc<dyn Receiver>) {
    let bench = Bench::new().await;
    dead(&bench, count).await;
    let receiver = bench.receiver(&Bench::entity().dead_letters()).await;
    (bench, receiver)
}

fn left(bench: &Bench) -> (usize, usize) {
    let counts = bench.bus.counts(&Bench::entity().dead_letters()).unwrap();
    (counts.available, counts.locked)
}

fn walk(bench: &Bench, receiver: &Arc<dyn Receiver>, filter: &Filter, last: i64) -> Walk {
    Walk {
        receiver: receiver.clone(),
        work: Arc::new(Complete),
        matcher: filter.at(bench.clock.now()),
        last,
        tempo: Tempo::default(),
    }
}

async fn run(walk: Walk) -> Summary {
    run_until(walk, &Shutdown::new()).await.unwrap()
}

async fn run_until(walk: Walk, shutdown: &Shutdown) -> Result<Summary, BusError> {
    walk.run(shutdown, &mut |_| {}).await
}

/// Takes its time, and counts how often it was done for each letter.
#[derive(Default)]
struct Slow {
    takes: Duration,
    done: Mutex<BTreeMap<i64, u32>>,
}

#[async_trait]
impl Work for Slow {
    async fn on(&self, letter: &Delivery) -> Result<(), String> {
        sleep(self.takes).await;
        *self.done.lock().unwrap().entry(letter.sequence_number).or_default() += 1;
        Ok(())
    }

    fn at_once(&self) -> usize {
        8
    }
}

/// A receiver over a bad connection.
struct Bad {
    receiver: Arc<dyn Receiver>,
    renewals_fail: bool,
    answers_are_lost: bool,
    gone: AtomicBool,
}

impl Bad {
    fn over(receiver: &Arc<dyn Receiver>) -> Self {
        Self {
            receiver: receiver.clone(),
            renewals_fail: false,
            answers_are_lost: false,
            gone: AtomicBool::new(false),
        }
    }
}

fn away() -> BusError {
    BusError::Unavailable("it is away".to_owned())
}

#[async_trait]
impl Receiver for Bad {
    fn add_credit(&self, more: u32) {
        self.receiver.add_credit(more);
    }

    async fn next(&self) -> Result<Delivery, BusError> {
        if self.gone.load(Ordering::Relaxed) {
            return std::future::pending().await;
        }
        self.receiver.next().await
    }

    async fn withdraw_credit(&self) -> Result<Vec<Delivery>, BusError> {
        self.receiver.withdraw_credit().await
    }

    async fn settle(&self, lock: LockToken, settlement: Settlement) -> Result<(), BusError> {
        self.receiver.settle(lock, settlement).await?;
        if self.answers_are_lost { Err(BusError::LockLost) } else { Ok(()) }
    }

    async fn renew(&self, locks: &[LockToken]) -> Result<Vec<Renewal>, BusError> {
        if self.renewals_fail { Err(away()) } else { self.receiver.renew(locks).await }
    }

    async fn peek(&self, from: i64, most: u32) -> Result<Vec<Peeked>, BusError> {
        if self.gone.load(Ordering::Relaxed) { Err(away()) } else { self.receiver.peek(from, most).await }
    }

    async fn close(&self) {
        self.receiver.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_walk_through_very_many_letters_holds_few_at_any_moment() {
    let count = letters();
    let (bench, receiver) = with_dead_letters(count).await;
    let last = i64::try_from(count).unwrap();
    let (mut most, mut told) = (0, 0);
    let summary = walk(&bench, &receiver, &Filter::default(), last)
        .run(&Shutdown::new(), &mut |_: &Fate| {
            most = left(&bench).1.max(most);
            told += 1;
        })
        .await
        .unwrap();
    assert_eq!((summary.done as usize, told, summary.ended), (count, count, Ended::AtTheEnd));
    assert!(most <= MOST_HELD, "{most}");
    assert_eq!(left(&bench), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_are_walked_through_however_many_younger_ones_lie_behind_them() {
    let (bench, receiver) = with_dead_letters(400).await;
    sleep(31 * DAY).await;
    dead(&bench, 400).await;
    let filter = Filter { older_than: Some(30 * DAY), ..Filter::default() };
    let matcher: Matcher = filter.at(bench.clock.now());
    let survey = Survey::of(&receiver, &matcher, &mut |_, _| {}).await.unwrap();
    assert_eq!((survey.matched, survey.within_reach, survey.last), (400, 400, Some(400)));
    let summary = run(walk(&bench, &receiver, &filter, survey.last.unwrap())).await;
    assert_eq!((summary.done, summary.ended), (400, Ended::AtTheEnd));
    assert_eq!(left(&bench), (400, 0));
}

#[tokio::test(start_paused = true)]
async fn what_lies_too_deep_is_not_reached_and_a_survey_says_so_before() {
    let (bench, receiver) = with_dead_letters(300).await;
    let filter = Filter { seq: "200..".parse().ok(), ..Filter::default() };
    let survey = Survey::of(&receiver, &filter.at(bench.clock.now()), &mut |_, _| {}).await.unwrap();
    assert_eq!((survey.matched, survey.within_reach), (101, 101), "199 before it are held");
    let filter = Filter { seq: "290".parse().ok(), ..Filter::default() };
    let matcher = filter.at(bench.clock.now());
    let survey =
        Survey::of(&receiver, &matcher, &mut |_, within_reach| assert!(!within_reach)).await.unwrap();
    let foreseen = survey.as_summary(survey.last);
    let summary = run(walk(&bench, &receiver, &filter, 290)).await;
    assert_eq!((summary.done, summary.unmatched, summary.ended), (0, 256, Ended::TooManyHeld));
    assert_eq!(summary.reached, Some((256, 290)));
    assert_eq!(foreseen, summary);
    assert_eq!(left(&bench), (300, 0), "all given back");
}

#[tokio::test(start_paused = true)]
async fn a_walk_can_be_stopped_at_any_moment() {
    let mut stopped_early = 0;
    for after in 0..20 {
        let (bench, receiver) = with_dead_letters(100).await;
        let work = Arc::new(Slow { takes: Duration::from_millis(100), ..Slow::default() });
        let shutdown = Shutdown::new();
        let stop = async {
            sleep(Duration::from_millis(70 * after)).await;
            shutdown.request();
        };
        let walk = Walk { work: work.clone(), ..walk(&bench, &receiver, &Filter::default(), 100) };
        let (summary, ()) = tokio::join!(run_until(walk, &shutdown), stop);
        let summary = summary.unwrap();
        assert_eq!(summary.done as usize + left(&bench).0, 100, "gone or still there: {summary:?}");
        assert_eq!(left(&bench).1, 0, "no lock is left");
        stopped_early += u32::from(summary.ended == Ended::Stopped);
    }
    assert!(stopped_early > 10, "{stopped_early}");
}

#[tokio::test(start_paused = true)]
async fn two_walks_at_once_share_the_letters() {
    let (bench, one) = with_dead_letters(2000).await;
    let two = bench.receiver(&Bench::entity().dead_letters()).await;
    let work = Arc::new(Slow { takes: Duration::from_millis(10), ..Slow::default() });
    let walk = |receiver| Walk { work: work.clone(), ..walk(&bench, receiver, &Filter::default(), 2000) };
    let (one, two) = tokio::join!(run(walk(&one)), run(walk(&two)));
    assert_eq!(one.done + two.done, 2000, "{one:?} {two:?}");
    assert!(one.done > 0 && two.done > 0);
    assert!(work.done.lock().unwrap().values().all(|times| *times == 1), "none twice");
    assert!([one.ended, two.ended].contains(&Ended::AtTheEnd), "who is left last sees that nothing is left");
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_holds_ends_a_walk_that_says_so() {
    let (bench, receiver) = with_dead_letters(10).await;
    let other = bench.receiver(&Bench::entity().dead_letters()).await;
    other.add_credit(3);
    for _ in 0..3 {
        other.next().await.unwrap();
    }
    let summary =
        run(walk(&bench, &receiver, &Filter { seq: "..3".parse().ok(), ..Filter::default() }, 3)).await;
    assert_eq!((summary.done, summary.ended), (0, Ended::Locked));
    assert_eq!(left(&bench), (7, 3));

    let all = walk(&bench, &receiver, &Filter::default(), 11);
    let summary = run(all).await;
    assert_eq!((summary.done, summary.ended), (7, Ended::Locked));
}

#[tokio::test(start_paused = true)]
async fn a_letter_whose_lock_is_lost_meanwhile_is_worked_on_once() {
    let (bench, receiver) = with_dead_letters(3).await;
    let bad: Arc<dyn Receiver> = Arc::new(Bad { renewals_fail: true, ..Bad::over(&receiver) });
    let work = Arc::new(Slow { takes: 3 * MINUTE, ..Slow::default() });
    let summary = run(Walk { work: work.clone(), ..walk(&bench, &bad, &Filter::default(), 3) }).await;
    assert_eq!((summary.done, summary.failed), (3, 0), "{summary:?}");
    assert_eq!(*work.done.lock().unwrap(), BTreeMap::from([(1, 1), (2, 1), (3, 1)]));
    assert_eq!(left(&bench), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_not_taken_for_a_failure() {
    let (bench, receiver) = with_dead_letters(5).await;
    let bad: Arc<dyn Receiver> = Arc::new(Bad { answers_are_lost: true, ..Bad::over(&receiver) });
    let summary = run(walk(&bench, &bad, &Filter::default(), 5)).await;
    assert_eq!((summary.done, summary.failed, summary.ended), (5, 0, Ended::AtTheEnd));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_stays_away_ends_the_walk_with_the_reason() {
    let (bench, receiver) = with_dead_letters(50).await;
    let bad = Arc::new(Bad::over(&receiver));
    let work = Arc::new(Slow { takes: Duration::from_secs(1), ..Slow::default() });
    let walk = Walk { work, ..walk(&bench, &(bad.clone() as Arc<dyn Receiver>), &Filter::default(), 50) };
    let goes = async {
        sleep(Duration::from_millis(2500)).await;
        bad.gone.store(true, Ordering::Relaxed);
    };
    let shutdown = Shutdown::new();
    let (ended, ()) = tokio::join!(run_until(walk, &shutdown), goes);
    assert_eq!(ended.unwrap_err(), away());
    assert!(left(&bench).0 > 0);
}
