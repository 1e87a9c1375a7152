//! The whole of Usher in one process under simulated time: the real producer, runtime and consumers, the stand-ins
//! called in process, the broker's state machine as the bus. A seed decides who signs up, what fails and who
//! dies; the same seed is always the same history.
//!
//! [`run`] judges such a history. [`outage`] and [`burst`] play one thing on a large scale instead, and measure it.

mod burst;
mod cast;
mod mortal;
mod options;
mod outage;
mod people;
mod table;
mod traffic;
mod verdict;
mod world;

use std::{collections::BTreeMap, future::Future, time::Duration};

use usher_sandbox::Judged;
use usher_subscriber::dead_letters::{Ended, Fate};

pub use burst::{Absorbed, burst};
pub use options::Options;
pub use outage::{Hour, Sample, outage};
pub use traffic::{Calls, Traffic};

use self::{mortal::Network, verdict::DeadLetters, world::World};

/// No history takes longer: an hour and a half of faults, an hour's outage, a retry budget, and then some.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How often we look whether all is quiet.
const LOOK: Duration = Duration::from_secs(60);
/// How long after the last entry showed nothing more can come of it, not even a user who can't be read yet.
const SETTLED: Duration = usher_entra::READABLE_WITHIN.saturating_add(LOOK);

/// What a run came to; equal for equal seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Simulated seconds until all was quiet.
    pub quiet_after: u64,
    /// Reason and description of each dead letter before the replay, consumer by consumer, in order.
    pub dead_letters: Vec<(String, String)>,
    /// How many calls were made to fail.
    pub faults: u64,
    /// What each service counted.
    pub counts: BTreeMap<&'static str, BTreeMap<String, u64>>,
    /// The ledger, a line for each user.
    pub ledger: Vec<String>,
}

/// Runs one history and judges it.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn run(options: &Options) -> Result<Report, String> {
    simulated(options.seed, history(options))
}

/// Plays something under simulated time, on this thread.
fn simulated<T>(seed: u64, play: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    // The jitter of quick retries comes from the thread's own generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(|error| error.to_string())?.block_on(play)
}

async fn history(options: &Options) -> Result<Report, String> {
    let began = tokio::time::Instant::now();
    let mut world = World::new(options, options.sandbox());
    world.start();
    until_quiet(&world, options).await?;
    let dead = world.dead_letters().await;
    let report = Report {
        quiet_after: began.elapsed().as_secs(),
        dead_letters: dead.values().flatten().map(verdict::reason).collect(),
        faults: world.sandbox().faults().injected(),
        counts: world.counts(),
        ledger: world.effects().sign_ups.iter().map(|line| format!("{line:?}")).collect(),
    };
    verdict::before_replay(&world.effects(), &dead)?;
    world.heal(&dead[&Judged::Billing]);
    let replayed = replay(&world, &dead).await?;
    verdict::in_the_end(&world.effects(), &world.dead_letters().await)
        .map_err(|wrong| format!("{wrong} {replayed:?}"))?;
    world.stop().await;
    Ok(report)
}

/// The operator has each consumer try again what it could not do; returns what became of it.
async fn replay(world: &World, dead: &DeadLetters) -> Result<Vec<Fate>, String> {
    let mut all = Vec::new();
    for (&consumer, _) in dead.iter().filter(|(_, letters)| !letters.is_empty()) {
        let (summary, replayed) = world.replay(consumer).await;
        if summary.ended != Ended::AtTheEnd {
            return Err(format!("{}'s replay did not end: {summary:?} {replayed:?}", consumer.name()));
        }
        all.extend(replayed);
    }
    Ok(all)
}

/// Waits until nothing more can come: everybody's entry was visible for a while, and no message is underway.
async fn until_quiet(world: &World, options: &Options) -> Result<(), String> {
    let began = tokio::time::Instant::now();
    let outage_end = options.outage.map_or(Duration::ZERO, |(_, from)| from + Options::OUTAGE);
    let faults_end = outage_end.max(options.faults_for + Network::LATEST);
    while began.elapsed() < LONGEST {
        tokio::time::sleep(LOOK).await;
        let effects = world.effects();
        let last_visible = effects.sign_ups.iter().map(|line| line.visible_at).max();
        let all_seen = last_visible.is_none_or(|at| world.clock().since(at) > SETTLED);
        if began.elapsed() > faults_end && all_seen && world.underway() == 0 {
            let dead = world.dead_letters().await;
            if verdict::before_replay(&effects, &dead).is_ok() {
                return Ok(());
            }
        }
        if verdict::is_beyond_repair(&effects) {
            return Ok(()); // the verdict will say what is wrong
        }
    }
    let verdict = verdict::before_replay(&world.effects(), &world.dead_letters().await);
    Err(format!("not quiet after {LONGEST:?}: {verdict:?} {:?}", world.complaints()))
}
