//! The whole of Usher in one process under simulated time: the real producer, runtime and billing, the stand-ins
//! called in process, the broker's state machine as the bus. A seed decides who signs up, what fails and who
//! dies; the same seed is always the same history.

mod mortal;
mod options;
mod verdict;
mod world;

use std::time::Duration;

use usher_subscriber::Ended;

pub use options::Options;

use self::world::World;

/// No history takes longer: three hours of faults, an hour's outage, a retry budget, and then some.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// How often we look whether all is quiet.
const LOOK: Duration = Duration::from_secs(60);

/// What a run came to; equal for equal seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Simulated seconds until all was quiet.
    pub quiet_after: u64,
    /// Reason and description of each dead letter before the replay, in order.
    pub dead_letters: Vec<(String, String)>,
    /// How many calls were made to fail.
    pub faults: u64,
    /// What the services counted.
    pub counts: std::collections::BTreeMap<String, u64>,
    /// The ledger, a line for each user.
    pub ledger: Vec<String>,
}

/// Runs one history and judges it.
///
/// # Errors
/// What is wrong with it, in a sentence.
pub fn run(options: &Options) -> Result<Report, String> {
    // The jitter of quick retries comes from the thread's own generator.
    fastrand::seed(options.seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.map_err(|error| error.to_string())?.block_on(history(options))
}

async fn history(options: &Options) -> Result<Report, String> {
    let began = tokio::time::Instant::now();
    let mut world = World::new(options);
    world.start();
    until_quiet(&world, options).await?;
    let dead = world.dead_letters().await;
    let report = Report {
        quiet_after: began.elapsed().as_secs(),
        dead_letters: dead.iter().map(verdict::reason).collect(),
        faults: world.sandbox.faults().injected(),
        counts: world.health.status().counts,
        ledger: world.effects().sign_ups.iter().map(|line| format!("{line:?}")).collect(),
    };
    verdict::before_replay(&world.effects(), &dead)?;
    if !dead.is_empty() {
        world.heal();
        let summary = world.replay().await;
        if (summary.failed, summary.ended) != (0, Ended::AtTheEnd) {
            return Err(format!("the replay did not finish everything: {summary:?}"));
        }
    }
    let left = world.dead_letters().await;
    verdict::in_the_end(&world.effects(), &left)?;
    world.stop().await;
    Ok(report)
}

/// Waits until nothing more can come: everybody's entry was visible for a while, and no message is underway.
async fn until_quiet(world: &World, options: &Options) -> Result<(), String> {
    let began = tokio::time::Instant::now();
    let faults_end =
        options.faults_for.max(options.outage.map_or(Duration::ZERO, |(_, from)| from + Options::OUTAGE));
    while began.elapsed() < LONGEST {
        tokio::time::sleep(LOOK).await;
        let effects = world.effects();
        let last_visible = effects.sign_ups.iter().map(|line| line.visible_at).max();
        let all_seen = last_visible.is_none_or(|at| world.clock.since(at) > Duration::from_secs(20 * 60));
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
    Err(format!("not quiet after {LONGEST:?}: {:?}; {:?}", world.health.status(), world.effects().totals))
}
