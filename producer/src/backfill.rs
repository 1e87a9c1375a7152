//! The past, on an operator's word: for the first day of use, and after an outage longer than the overlap.
//!
//! A backfill is a [`Producer`] with a record of its own that walks instead of watching: the same steps, and the same
//! message for each sign-up as ever. It keeps to its share of the log's quota, which the running producer needs too, and
//! holds no more at once than a page of the log.

mod command;
mod share;
mod teller;

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use thiserror::Error;
use time::OffsetDateTime;
use tokio::{
    select,
    time::{Instant, sleep},
};
use usher_bus::Publisher;
use usher_clock::Clock;
use usher_entra::{Graph, READABLE_WITHIN};
use usher_service::{Health, Shutdown};

use crate::{
    Checkpoint, CheckpointError, CheckpointStore, Held, Policy, Producer, StartFrom, cut_off,
    observe::Window, walk::Walk,
};
pub use command::BackfillArgs;
pub(crate) use command::carry_out;
use share::Share;

/// How long the users of one slice are waited for that can't be read: a little longer than a new one may take.
const USERS_PATIENCE: Duration = READABLE_WITHIN.saturating_add(Duration::from_secs(300));
/// "7d" means another moment each time: one that is so much earlier than when an earlier run began is meant as the same.
const SAME_START: Duration = Duration::from_secs(60);

/// The stretch of the log to walk over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Where it begins, unless an earlier run came further.
    pub since: OffsetDateTime,
    /// Where it ends.
    pub until: OffsetDateTime,
    /// Whether to begin anew, wherever an earlier run ended.
    pub restart: bool,
}

/// How far a backfill is.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Everything before was handed on.
    pub reached: OffsetDateTime,
    /// How much of the stretch that was, between 0 and 1.
    pub fraction: f64,
    /// Entries that were looked at.
    pub seen: u64,
    /// Sign-ups among them.
    pub recognised: u64,
    /// Sign-ups that the broker has accepted.
    pub published: u64,
    /// Users who are gone again.
    pub gone: u64,
    /// Pages of the log that were read.
    pub pages: u64,
    /// How long the rest takes if it is like what was; `None` while nobody can tell.
    pub left: Option<Duration>,
}

/// Why a backfill can't begin.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BackfillError {
    /// Its record can't be used.
    #[error(transparent)]
    Record(#[from] CheckpointError),
    /// An earlier one began later, and this one would go on from where that ended.
    #[error(
        "lies before {began}, where an earlier backfill began: add --restart to begin anew, or leave out what lies before"
    )]
    BeganLater {
        /// Where it began.
        began: OffsetDateTime,
    },
}

/// A backfill at work.
pub struct Backfill {
    producer: Producer,
    walk: Walk,
    share: Share,
    health: Health,
    began: (Instant, OffsetDateTime),
    pages: u64,
    /// Whether sign-ups are counted only, and nobody hears of them.
    counts_only: bool,
}

impl Backfill {
    /// A backfill that goes on from its record, or begins one. `requests` is how many of the log's requests in ten
    /// seconds it takes at most.
    ///
    /// # Errors
    /// [`BackfillError`] if the record can't be used, or is about a shorter stretch.
    pub async fn new(
        policy: Policy,
        span: Span,
        graph: Graph,
        publisher: Arc<dyn Publisher>,
        record: Box<dyn CheckpointStore>,
        clock: Clock,
        requests: NonZeroU32,
    ) -> Result<Self, BackfillError> {
        let policy = Policy { start_from: Some(StartFrom::At(span.since)), ..policy };
        if span.restart {
            record.save(&Checkpoint::first(&policy, clock.now())?).await?;
        }
        let health = Health::new();
        let producer = Producer::new(policy, graph, publisher, record, clock, health.clone()).await?;
        let walk = walk(&producer.checkpoint, span)?;
        let share = Share::new(requests);
        let began = (Instant::now(), walk.reached);
        Ok(Self { producer, walk, share, health, began, pages: 0, counts_only: false })
    }

    /// The same, which counts sign-ups and publishes none.
    #[must_use]
    pub fn counting_only(self) -> Self {
        Self { counts_only: true, ..self }
    }

    /// Walks to the end, or until told to stop; `told` hears of each page.
    ///
    /// # Errors
    /// [`Held`] says why it stopped. The record says how far it came; another run goes on from there.
    pub async fn run(&mut self, shutdown: &Shutdown, told: &mut dyn FnMut(&Step)) -> Result<(), Held> {
        select! {
            biased;
            () = cut_off(shutdown) => Err(Held::Stopping),
            ended = self.walk(shutdown, told) => ended,
        }
    }

    /// Where the slice ends that it is at: what lies behind was not looked at yet.
    pub(crate) fn end_of_slice(&self) -> OffsetDateTime {
        self.walk.slice().map_or(self.walk.until, |slice| slice.to)
    }

    /// How far it is.
    pub fn step(&self) -> Step {
        let counts = self.health.status().counts;
        let count = |what: &str| counts.get(what).copied().unwrap_or_default();
        let (since, from) = self.began;
        let fraction = fraction(from, self.walk);
        Step {
            reached: self.walk.reached,
            fraction,
            seen: count("seen"),
            recognised: count("recognised"),
            published: count("published"),
            gone: count("gone"),
            pages: self.pages,
            left: left(since.elapsed(), fraction),
        }
    }

    async fn walk(&mut self, shutdown: &Shutdown, told: &mut dyn FnMut(&Step)) -> Result<(), Held> {
        while let Some(slice) = self.walk.slice() {
            self.producer.checkpoint.walk = Some(self.walk);
            let pages = self.slice(slice, shutdown, told).await?;
            self.users_are_read(shutdown).await?;
            self.walk.done(slice, pages);
            self.producer.checkpoint.walk = Some(self.walk);
            self.producer.save().await?;
        }
        self.producer.checkpoint.walk = None;
        self.producer.checkpoint.advance(self.walk.until, Duration::ZERO);
        self.producer.save().await?;
        told(&self.step());
        Ok(())
    }

    /// Hands on a slice, page by page; returns how many there were.
    async fn slice(
        &mut self,
        slice: Window,
        shutdown: &Shutdown,
        told: &mut dyn FnMut(&Step),
    ) -> Result<u32, Held> {
        let (mut pages, mut bad_entries) = (0, Vec::new());
        let mut next = Some(slice.first_page(&self.producer.graph));
        while let Some(link) = next {
            self.share.turn().await;
            if shutdown.is_requested() {
                return Err(Held::Stopping);
            }
            let (sign_ups, following) = self.producer.read_page(&link, &mut bad_entries).await?;
            self.share.took_until_now();
            self.hand_on(sign_ups).await?;
            (pages, self.pages, next) = (pages + 1, self.pages + 1, following);
            told(&self.step());
        }
        // Its neighbours are published by now: whoever passes it over loses nothing else.
        Held::unless_none(bad_entries).map(|()| pages)
    }

    async fn hand_on(&mut self, sign_ups: Vec<crate::SignUp>) -> Result<(), Held> {
        if self.counts_only {
            self.producer.progress.recognised(sign_ups.len());
            return Ok(());
        }
        self.producer.retry_waiting().await?;
        self.producer.hand_on_new(sign_ups).await?;
        // No need to know them again: a repeat has the same id. Remembered, they would grow with the log.
        self.producer.checkpoint.settled.clear();
        Ok(())
    }

    /// Waits for those who can't be read yet: they are read in the end, or gone.
    async fn users_are_read(&mut self, shutdown: &Shutdown) -> Result<(), Held> {
        let began = Instant::now();
        while !self.producer.checkpoint.waiting.is_empty() {
            if shutdown.is_requested() {
                return Err(Held::Stopping);
            }
            if began.elapsed() > USERS_PATIENCE {
                return Err(Held::UsersUnreadable(self.producer.checkpoint.waiting.len()));
            }
            let due = self.producer.schedule.next_due();
            sleep(due.map_or(Duration::ZERO, |due| self.producer.clock.until(due))).await;
            self.producer.retry_waiting().await?;
        }
        self.producer.checkpoint.settled.clear();
        Ok(())
    }
}

/// Where to walk: on from where an earlier run was stopped; or, if that came to its end, from there or from where this
/// one is to begin.
fn walk(record: &Checkpoint, span: Span) -> Result<Walk, BackfillError> {
    if span.since + SAME_START < record.start {
        return Err(BackfillError::BeganLater { began: record.start });
    }
    Ok(match record.walk {
        Some(walk) => walk.up_to(span.until),
        None => Walk::over(record.watermark.max(span.since), span.until),
    })
}

/// How much lies between `from` and where a walk has come to, of all up to its end.
fn fraction(from: OffsetDateTime, walk: Walk) -> f64 {
    let all = (walk.until - from).as_seconds_f64();
    if all <= 0.0 { 1.0 } else { ((walk.reached - from).as_seconds_f64() / all).clamp(0.0, 1.0) }
}

/// How long the rest takes if it takes as long as what was.
fn left(so_far: Duration, fraction: f64) -> Option<Duration> {
    let rest = so_far.as_secs_f64() * (1.0 - fraction) / fraction;
    Duration::try_from_secs_f64(rest).ok()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-01-08 12:00 UTC);
    const HOUR: Duration = Duration::from_secs(3600);
    const SPAN: Span = Span { since: datetime!(2026-01-01 12:00 UTC), until: NOON, restart: false };

    fn record() -> Checkpoint {
        let start_from = Some(StartFrom::At(SPAN.since));
        Checkpoint::first(&Policy { start_from, ..Policy::new(Uuid::nil(), []) }, NOON).unwrap()
    }

    #[test]
    fn a_first_run_walks_over_all_of_it() {
        assert_eq!(walk(&record(), SPAN), Ok(Walk::over(SPAN.since, NOON)));
    }

    #[test]
    fn a_run_that_was_stopped_goes_on_however_much_later() {
        let mut record = record();
        let stopped = Walk::over(SPAN.since + HOUR, NOON);
        record.walk = Some(stopped);
        let later = Span { since: SPAN.since + 48 * HOUR, until: NOON + 48 * HOUR, restart: false };
        assert_eq!(walk(&record, later), Ok(stopped.up_to(later.until)));
    }

    #[test]
    fn a_run_that_ended_is_gone_on_with_and_a_month_later_another_begins() {
        let mut record = record();
        record.advance(NOON, Duration::ZERO);
        let next = Span { since: SPAN.since + HOUR, until: NOON + HOUR, restart: false };
        assert_eq!(walk(&record, next), Ok(Walk::over(NOON, next.until)));
        let much_later = Span { since: NOON + 720 * HOUR, until: NOON + 800 * HOUR, restart: false };
        assert_eq!(walk(&record, much_later), Ok(Walk::over(much_later.since, much_later.until)));
    }

    #[test]
    fn what_lies_before_an_earlier_run_is_not_passed_over_in_silence() {
        let earlier = Span { since: SPAN.since - HOUR, ..SPAN };
        let refused = walk(&record(), earlier).unwrap_err();
        assert!(refused.to_string().contains("--restart"), "{refused}");
        assert!(walk(&record(), Span { since: SPAN.since - SAME_START, ..SPAN }).is_ok());
    }

    #[test]
    fn an_estimate_needs_something_to_go_by() {
        assert_eq!(left(HOUR, 0.0), None);
        assert_eq!(left(HOUR, 0.25), Some(3 * HOUR));
        assert_eq!(left(HOUR, 1.0), Some(Duration::ZERO));
    }
}
