//! An hour in which one vendor can't be reached, while people go on signing up: who falls behind, how soon all is
//! caught up after its return, and what the vendor gets to bear then.

use std::{collections::BTreeMap, time::Duration};

use time::OffsetDateTime;
use tokio::time::{Instant, sleep, sleep_until};
use usher_sandbox::{AuditLatency, Effects, Judged, Vendor, Verdict};

use super::{options::Options, simulated, traffic::Traffic, world::World};

/// How late audit entries show here: spread evenly, and with arithmetic that is the same on every machine, so that
/// what is drawn from it can be compared to the letter.
const ENTRIES_SHOW: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(90)];
/// How long vendors take for an answer, as over the internet.
const ANSWERS: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(250)];
/// As many entries as Graph puts on a page.
const PAGE: usize = 999;
/// How often we look how far behind everybody is; after the vendor's return each second, to say when all is caught up.
const LOOK: Duration = Duration::from_secs(30);
const LOOK_CLOSELY: Duration = Duration::from_secs(1);
/// Not caught up by then is not caught up.
const PATIENCE: Duration = Duration::from_secs(1800);

/// What was seen.
#[derive(Debug)]
pub struct Hour {
    /// Who could not be reached.
    pub vendor: Vendor,
    /// How far behind everybody was, in the order of time.
    pub samples: Vec<Sample>,
    /// How long after the vendor's return all was done that showed in the log by then.
    pub caught_up_after: Duration,
    /// How many messages were dead-lettered.
    pub dead_letters: usize,
    /// What the vendors got to do.
    pub traffic: Traffic,
}

/// How far behind everybody was at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Since the beginning.
    pub at: Duration,
    /// Sign-ups that show in the log, and whose effect does not show yet at the consumer's destination.
    pub behind: BTreeMap<Judged, usize>,
}

impl Hour {
    /// When the outage begins.
    pub const FROM: Duration = Duration::from_secs(15 * 60 + 2);
    /// When it ends: just after the producer has asked for the log in vain, which it does every half minute. No other
    /// moment makes it wait longer.
    pub const UNTIL: Duration = Duration::from_secs(75 * 60 + 2);
    /// When the last sign-up happens.
    pub const END: Duration = Duration::from_secs(90 * 60);
}

/// Plays such an hour, with so many sign-ups in it.
///
/// # Errors
/// If not everything is caught up, and exactly right, in the end.
pub fn outage(vendor: Vendor, sign_ups_an_hour: usize) -> Result<Hour, String> {
    let hours = Hour::END.as_secs_f64() / 3600.0;
    let options = Options {
        over: Hour::END,
        outage: Some((vendor, Hour::FROM)),
        ..Options::quiet(1, (sign_ups_an_hour as f64 * hours) as usize)
    };
    simulated(options.seed, play(vendor, &options))
}

async fn play(vendor: Vendor, options: &Options) -> Result<Hour, String> {
    let mut settings = options.sandbox();
    settings.answer_time = ANSWERS[0]..=ANSWERS[1];
    settings.audit.page_size = PAGE;
    settings.audit.latency = AuditLatency {
        stragglers: 1.0,
        p99: ENTRIES_SHOW[0],
        straggler_max: ENTRIES_SHOW[1],
        ..AuditLatency::NONE
    };
    let began = Instant::now();
    let mut world = World::new(options, settings);
    world.start();
    let mut samples = look_until(&world, began, Hour::UNTIL).await;
    let caught_up_after = until_caught_up(&world, began, &mut samples).await?;
    samples.extend(look_until(&world, began, Hour::END).await);
    until_done(&world).await?;
    let hour = Hour {
        vendor,
        samples,
        caught_up_after,
        dead_letters: world.dead_letters().await.values().map(Vec::len).sum(),
        traffic: world.traffic().clone(),
    };
    world.stop().await;
    Ok(hour)
}

async fn look_until(world: &World, began: Instant, end: Duration) -> Vec<Sample> {
    let mut samples = Vec::new();
    while began.elapsed() < end {
        samples.push(sample(&world.effects(), world.clock().now(), began));
        sleep_until((Instant::now() + LOOK).min(began + end)).await;
    }
    samples
}

/// Waits until everything is done that showed in the log when the vendor came back; returns how long that took.
async fn until_caught_up(
    world: &World,
    began: Instant,
    samples: &mut Vec<Sample>,
) -> Result<Duration, String> {
    let (back, back_at) = (Instant::now(), world.clock().now());
    while back.elapsed() < PATIENCE {
        let effects = world.effects();
        samples.push(sample(&effects, world.clock().now(), began));
        let mut awaited = effects.sign_ups.iter().filter(|line| line.visible_at <= back_at);
        if awaited.all(|line| line.verdict == Verdict::Exact) {
            return Ok(back.elapsed());
        }
        sleep(LOOK_CLOSELY).await;
    }
    Err(format!("not caught up after {PATIENCE:?}: {:?}", world.complaints()))
}

async fn until_done(world: &World) -> Result<(), String> {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if world.effects().all_exact() && world.underway() == 0 {
            return Ok(());
        }
        sleep(LOOK).await;
    }
    Err(format!("not done: {:?}", world.effects().totals))
}

fn sample(effects: &Effects, now: OffsetDateTime, began: Instant) -> Sample {
    let seen: Vec<_> = effects.sign_ups.iter().filter(|line| line.visible_at <= now).collect();
    let behind = |consumer| seen.iter().filter(|line| line.verdict_of(consumer) != Verdict::Exact).count();
    Sample { at: began.elapsed(), behind: Judged::ALL.map(|consumer| (consumer, behind(consumer))).into() }
}
