//! A month of a tenant's life, under simulated time: how many sign-ups each way of reading the audit log loses.
//!
//! The real producer stands beside the usual approach, which asks for the entries since the last run. Each has a month of
//! its own in which the same people sign up at the same moments, and their entries show as late: a minute as a rule, one
//! in a hundred up to half an hour. Calls are refused or break off, pages come cut short, and for a day the log can't be
//! reached. The same seed is the same month.

mod network;
mod sent;
mod table;
mod usual;
mod world;

use std::time::Duration;

use world::World;

pub use table::table;

/// How the log is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Approach {
    /// As Usher does.
    Usher,
    /// Each run asks for the entries since the last one.
    SinceLastRun,
    /// Each run asks for the entries since the newest that was seen.
    SinceNewestEntry,
}

impl Approach {
    /// All of them, as they are shown.
    pub const ALL: [Self; 3] = [Self::Usher, Self::SinceLastRun, Self::SinceNewestEntry];
}

/// What came of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How the log was read.
    pub approach: Approach,
    /// How many people signed up.
    pub sign_ups: usize,
    /// How many of them nobody ever heard of.
    pub lost: usize,
    /// Messages in the topic: what duplicate detection let through.
    pub accepted: usize,
    /// Messages that were sent again.
    pub sent_again: usize,
    /// How long after the sign-up half of the messages were there.
    pub delay_p50: Duration,
    /// And 99 in 100, of those who did not sign up during the outage.
    pub calm_p99: Duration,
    /// And 99 in 100 of all.
    pub delay_p99: Duration,
    /// Requests to the audit log.
    pub log_requests: usize,
    /// Those of them that were refused, broke off, or were answered with half a page.
    pub in_vain: usize,
}

/// Everything that chance decides follows from it.
pub const SEED: u64 = 1;

/// A sign-up every four minutes.
const SIGN_UPS: usize = 10_000;
const DAY: Duration = Duration::from_secs(24 * 3600);
const MONTH: Duration = DAY.saturating_mul(30);
/// How long we look on, for what shows late.
const AFTERWARDS: Duration = Duration::from_secs(2 * 3600);
/// How often each asks, as a timer often does.
const EVERY: Duration = Duration::from_secs(300);
/// When the log can't be reached.
const OUTAGE_FROM: Duration = DAY.saturating_mul(12);
const OUTAGE: Duration = DAY;

/// Plays a month for each approach, at the same time.
///
/// # Errors
/// If one can't be played.
pub fn play_all(seed: u64) -> Result<Vec<Outcome>, String> {
    std::thread::scope(|threads| {
        let playing = Approach::ALL.map(|approach| threads.spawn(move || play(approach, seed)));
        let ended = |month: std::thread::ScopedJoinHandle<'_, _>| {
            month.join().unwrap_or_else(|_| Err("a month broke off".to_owned()))
        };
        playing.into_iter().map(ended).collect()
    })
}

/// Plays a month.
///
/// # Errors
/// If it can't be played.
pub fn play(approach: Approach, seed: u64) -> Result<Outcome, String> {
    // The jitter of quick retries comes from the thread's own generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(|error| error.to_string())?.block_on(World::play(approach, seed))
}
