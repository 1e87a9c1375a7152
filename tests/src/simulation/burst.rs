//! A burst: so many sign-ups at once that every quota is used up, and what comes of it.
//!
//! The consumers start when all of it is on the bus: however slowly the log may be read, they meet the whole at once.

use std::{collections::BTreeMap, time::Duration};

use tokio::time::{Instant, sleep};
use usher_sandbox::{AuditLatency, Effects, Judged, Vendor};

use super::{
    cast::{SALESFORCE_CALLS, STRIPE_CALLS_TEST, WEBHOOK_CALLS, WRITES_ALONE, WRITES_SHARED},
    options::Options,
    simulated,
    traffic::{Calls, Traffic},
    world::{PRODUCER, World},
};

/// As many entries as Graph puts on a page.
const PAGE: usize = 999;
/// How often we look whether all is done.
const LOOK: Duration = Duration::from_secs(1);
/// Ten thousand sign-ups in 6 writes a second take an hour and a quarter.
const PATIENCE: Duration = Duration::from_secs(4 * 3600);

/// What came of a burst.
#[derive(Debug)]
pub struct Absorbed {
    /// From the start of the consumers until all was done.
    pub took: Duration,
    /// How long the quotas make it take, for what was asked of the vendors: the slowest consumer's.
    pub quotas_take: Duration,
    /// What each consumer asked of each vendor.
    pub calls: BTreeMap<(Judged, Vendor), Calls>,
    /// How many messages were dead-lettered.
    pub dead_letters: usize,
    /// The ledger.
    pub effects: Effects,
}

/// Plays a burst, with an app registration for each consumer or with one that they share, and with a Stripe account
/// in test mode, which takes the fewest calls.
///
/// # Errors
/// If it is not done in the end.
pub fn burst(sign_ups: usize, one_app: bool) -> Result<Absorbed, String> {
    let quiet = Options::quiet(1, sign_ups);
    let options = Options { over: Duration::ZERO, one_app, stripe_is_live: false, ..quiet };
    simulated(options.seed, play(&options))
}

async fn play(options: &Options) -> Result<Absorbed, String> {
    let mut settings = options.sandbox();
    settings.audit.page_size = PAGE;
    settings.audit.latency = AuditLatency::NONE;
    let mut world = World::new(options, settings);
    world.let_the_world_begin();
    world.start_producer();
    until(|| published(&world) == options.sign_ups as u64).await?;
    let began = Instant::now();
    world.start_consumers();
    until(|| world.underway() == 0).await?;
    let took = began.elapsed();
    let absorbed = Absorbed {
        took,
        quotas_take: quotas_take(options, world.traffic()),
        calls: calls(world.traffic()),
        dead_letters: world.dead_letters().await.values().map(Vec::len).sum(),
        effects: world.effects(),
    };
    world.stop().await;
    Ok(absorbed)
}

async fn until(done: impl Fn() -> bool) -> Result<(), String> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > PATIENCE {
            return Err(format!("not done after {PATIENCE:?}"));
        }
        sleep(LOOK).await;
    }
    Ok(())
}

fn published(world: &World) -> u64 {
    world.counts()[PRODUCER].get("published").copied().unwrap_or_default()
}

fn calls(traffic: &Traffic) -> BTreeMap<(Judged, Vendor), Calls> {
    let pairs = Judged::ALL.into_iter().flat_map(|who| Vendor::ALL.map(|vendor| (who, vendor)));
    pairs.map(|(who, vendor)| ((who, vendor), traffic.total(who.name(), vendor))).collect()
}

fn quotas_take(options: &Options, traffic: &Traffic) -> Duration {
    let writes_a_second = if options.one_app { WRITES_SHARED } else { WRITES_ALONE };
    let graph = Judged::ALL.map(|consumer| {
        traffic.total(consumer.name(), Vendor::Graph).writes as f64 / f64::from(writes_a_second)
    });
    let calls = |consumer: Judged, vendor| traffic.total(consumer.name(), vendor).made as f64;
    let paced = [
        calls(Judged::Billing, Vendor::Stripe) / f64::from(STRIPE_CALLS_TEST),
        calls(Judged::Crm, Vendor::Salesforce) / f64::from(SALESFORCE_CALLS),
        calls(Judged::Webhook, Vendor::Webhook) / f64::from(WEBHOOK_CALLS),
    ];
    Duration::from_secs_f64(graph.into_iter().chain(paced).fold(0.0, f64::max))
}
