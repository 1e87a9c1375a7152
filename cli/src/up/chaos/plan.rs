//! What goes wrong, and when: all of it from the seed, and nothing that the promise does not cover.
//!
//! Left out is what a consumer rightly takes for a message's own fault, and dead-letters: a refusal (400, 401, 403)
//! that comes out of nowhere. What is left may cost time, but never a message.

use std::{fmt, time::Duration};

use fastrand::Rng;
use serde_json::{Value, json};

use crate::{consumers::Consumer, up::services::Part};

/// For how long things go wrong after the last sign-up: long enough that the work on it is hit too.
const AFTERMATH: Duration = Duration::from_secs(20);
/// And in all, in a run of any length.
const LONGEST: Duration = Duration::from_secs(3600);

/// How likely a call is to fail: with some five calls for a sign-up, about every third attempt at one does.
const FAULTS: f64 = 0.08;
/// The longest answer while answers are slow: noticed, and within every bound of ours.
const SLOW: Duration = Duration::from_secs(2);
/// The longest answer otherwise, as `usher-sandbox` has it unless told.
const USUAL: Duration = Duration::from_millis(30);
/// How long an outage lasts.
const OUTAGE: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(8)];
/// How long a service that was killed stays down, at most.
const DOWN_FOR: Duration = Duration::from_secs(2);

/// So often, on average, something of each kind happens.
const KILL_EVERY: Duration = Duration::from_secs(5);
const OUTAGE_EVERY: Duration = Duration::from_secs(20);
const HANG_EVERY: Duration = Duration::from_secs(10);

/// The most kills of one consumer, and of the producer: each can cost the messages in hand one of the ten deliveries
/// that they have.
const KILLS_EACH: usize = 3;
/// The most kills of the broker. They cost no deliveries, but everybody's time.
const BROKER_KILLS: usize = 2;

/// All that can be gone. The table is a file: what writes to it can only be killed.
const VENDORS: [&str; 6] = ["login", "graph", "stripe", "mailchimp", "salesforce", "webhook"];
/// Whose calls fail by chance. Left out is the call by which crm probes: told there that the day's calls are used up, it
/// rightly makes no more of them for ten minutes.
const FAULTY: [&str; 7] =
    ["login", "graph", "stripe", "mailchimp", "salesforce.token", "salesforce.upsert", "webhook"];
/// Calls of consumers that get no answer. The token endpoint is asked at a start only, and there it would but hold up
/// the start.
const HANGING: [&str; 8] = [
    "graph.get_user",
    "graph.patch_user",
    "stripe.search_customers",
    "stripe.create_customer",
    "mailchimp.put_member",
    "mailchimp.tag_member",
    "salesforce.upsert",
    "webhook.deliver",
];
/// Calls of the producer that get no answer, in one run of so many: while it waits there is little else to hit.
const HANGING_AT_THE_SOURCE: [&str; 2] = ["graph.audit", "graph.batch"];
const ONE_RUN_OF: usize = 4;

/// Something that goes wrong, or comes right again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Blow {
    /// From now on calls fail by chance: throttled, with a 5xx, or the connection breaks before the effect or after.
    Faults { seed: u64 },
    /// The next call of this kind gets no answer.
    Hang { call: &'static str, after_effect: bool },
    /// Answers take long.
    Slow,
    /// They no longer do.
    Quick,
    /// A vendor can't be reached.
    Outage { vendor: &'static str },
    /// It can again.
    Return { vendor: &'static str },
    /// A service is killed and started again.
    Kill { part: Part, down_for: Duration },
    /// Whatever was ordered and has not happened yet is called off.
    Calm,
}

impl fmt::Display for Blow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Faults { .. } => write!(f, "calls begin to fail"),
            Self::Hang { call, after_effect: false } => write!(f, "{call} gets no answer and has no effect"),
            Self::Hang { call, after_effect: true } => write!(f, "{call} gets no answer, and has its effect"),
            Self::Slow => write!(f, "answers get slow"),
            Self::Quick => write!(f, "answers are quick again"),
            Self::Outage { vendor } => write!(f, "{vendor} is gone"),
            Self::Return { vendor } => write!(f, "{vendor} is back"),
            Self::Kill { part, down_for } => {
                write!(f, "{part} is killed, for {:.1} s", down_for.as_secs_f64())
            }
            Self::Calm => write!(f, "all is well"),
        }
    }
}

impl Blow {
    /// The order to the stand-ins, unless it is a kill.
    pub(crate) fn order(&self) -> Option<Value> {
        Some(match self {
            Self::Faults { seed } => {
                let kinds = json!([
                    "before", "after", { "status": 429 }, "throttled", { "status": 500 }, { "status": 503 },
                    "stored-500", "stored-500-after",
                ]);
                let plan = json!({ "probability": FAULTS, "seed": seed, "kinds": kinds, "to": FAULTY });
                json!({ "fault_plan": plan })
            }
            Self::Hang { call, after_effect } => {
                let kind = if *after_effect { "hang-after" } else { "hang" };
                json!({ "fault": { "to": call, "calls": 1, "kind": kind } })
            }
            Self::Slow => json!({ "answer_time_ms": millis(SLOW) }),
            Self::Quick => json!({ "answer_time_ms": millis(USUAL) }),
            Self::Outage { vendor } => json!({ "outage": { "vendor": vendor, "on": true } }),
            Self::Return { vendor } => json!({ "outage": { "vendor": vendor, "on": false } }),
            Self::Kill { .. } => return None,
            Self::Calm => json!({ "clear_faults": true, "answer_time_ms": millis(USUAL) }),
        })
    }
}

/// Everything that goes wrong in a run with this seed in which people sign up for so long, in the order of time,
/// which counts from the first sign-up.
pub(super) fn of(seed: u64, signing_up: Duration) -> Vec<(Duration, Blow)> {
    let mut chance = Rng::with_seed(seed);
    let lasts = signing_up.saturating_add(AFTERMATH).min(LONGEST);
    let mut plan = vec![(Duration::ZERO, Blow::Faults { seed: chance.u64(..) })];
    plan.extend(hangs(&mut chance, lasts));
    plan.extend(slowness(&mut chance, lasts));
    plan.extend(outages(&mut chance, lasts));
    plan.extend(kills(&mut chance, lasts));
    plan.push((lasts, Blow::Calm));
    plan.sort_by_key(|(at, _)| *at);
    plan
}

/// In the first half: what hangs is held up for as long as a call may take, and people wait for the end of the run.
fn hangs(chance: &mut Rng, lasts: Duration) -> Vec<(Duration, Blow)> {
    let of_consumers = (0..=times(lasts, HANG_EVERY)).map(|_| HANGING[chance.usize(..HANGING.len())]);
    let mut calls: Vec<_> = of_consumers.collect();
    // Beyond the end of the list: none this time.
    let at_the_source = chance.usize(..HANGING_AT_THE_SOURCE.len() * ONE_RUN_OF);
    calls.extend(HANGING_AT_THE_SOURCE.get(at_the_source));
    let mut hang = |call| (some_time(chance, lasts / 2), Blow::Hang { call, after_effect: chance.bool() });
    calls.into_iter().map(&mut hang).collect()
}

fn slowness(chance: &mut Rng, lasts: Duration) -> [(Duration, Blow); 2] {
    let from = some_time(chance, lasts);
    [(from, Blow::Slow), ((from + lasts / 4).min(lasts), Blow::Quick)]
}

/// One after the other, each in a share of the time of its own.
fn outages(chance: &mut Rng, lasts: Duration) -> Vec<(Duration, Blow)> {
    let count = 1 + times(lasts, OUTAGE_EVERY);
    let share = lasts / count;
    let one = |n: u32| {
        let vendor = VENDORS[chance.usize(..VENDORS.len())];
        let [shortest, longest] = OUTAGE;
        let takes = (shortest + some_time(chance, longest - shortest)).min(share);
        let from = share * n + some_time(chance, share - takes);
        [(from, Blow::Outage { vendor }), (from + takes, Blow::Return { vendor })]
    };
    (0..count).flat_map(one).collect()
}

fn kills(chance: &mut Rng, lasts: Duration) -> Vec<(Duration, Blow)> {
    let consumers = Consumer::all().into_iter().map(Part::Consumer);
    let often = consumers.chain([Part::Producer]).flat_map(|part| [part; KILLS_EACH]);
    let mut victims: Vec<Part> = often.chain([Part::Broker; BROKER_KILLS]).collect();
    chance.shuffle(&mut victims);
    victims.truncate(times(lasts, KILL_EVERY) as usize);
    let one = |part| {
        let down_for = some_time(chance, DOWN_FOR);
        (some_time(chance, lasts), Blow::Kill { part, down_for })
    };
    victims.into_iter().map(one).collect()
}

fn some_time(chance: &mut Rng, most: Duration) -> Duration {
    most.mul_f64(chance.f64())
}

/// How often something happens that does so every so often; bounded by [`LONGEST`].
fn times(lasts: Duration, every: Duration) -> u32 {
    u32::try_from(lasts.as_secs() / every.as_secs()).unwrap_or(u32::MAX)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SIGNING_UP: Duration = Duration::from_secs(40);

    #[test]
    fn all_of_it_follows_from_the_seed() {
        assert_eq!(of(7, SIGNING_UP), of(7, SIGNING_UP));
        assert!((8..30).all(|seed| of(seed, SIGNING_UP) != of(7, SIGNING_UP)));
    }

    #[test]
    fn it_is_over_soon_after_the_last_sign_up_and_then_all_is_well() {
        for seed in 0..1_000 {
            let plan = of(seed, SIGNING_UP);
            assert!(plan.is_sorted_by_key(|(at, _)| *at));
            assert_eq!(plan.last(), Some(&(SIGNING_UP + AFTERMATH, Blow::Calm)));
            let down = plan.iter().fold(0, |down, (_, blow)| match blow {
                Blow::Outage { .. } => down + 1,
                Blow::Return { .. } => down - 1,
                _ => down,
            });
            assert_eq!(down, 0, "seed {seed}");
        }
    }

    #[test]
    fn one_vendor_at_a_time_is_gone_and_comes_back_itself() {
        for seed in 0..1_000 {
            let mut gone = None;
            for (_, blow) in of(seed, SIGNING_UP) {
                match blow {
                    Blow::Outage { vendor } => assert_eq!(gone.replace(vendor), None, "seed {seed}"),
                    Blow::Return { vendor } => assert_eq!(gone.take(), Some(vendor), "seed {seed}"),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn kills_leave_every_message_deliveries_enough() {
        let day = Duration::from_secs(24 * 3600);
        for seed in 0..1_000 {
            let mut kills = BTreeMap::<Part, usize>::new();
            for (_, blow) in of(seed, day) {
                if let Blow::Kill { part, down_for } = blow {
                    assert!(down_for <= DOWN_FOR);
                    *kills.entry(part).or_default() += 1;
                }
            }
            assert!(kills.values().all(|kills| *kills <= KILLS_EACH) && !kills.contains_key(&Part::Sandbox));
        }
    }

    #[test]
    fn a_short_run_has_some_of_everything() {
        let plan = of(7, Duration::from_secs(5));
        let has = |of_kind: fn(&Blow) -> bool| plan.iter().any(|(_, blow)| of_kind(blow));
        assert!(has(|it| matches!(it, Blow::Faults { .. })) && has(|it| matches!(it, Blow::Hang { .. })));
        assert!(has(|it| matches!(it, Blow::Outage { .. })) && has(|it| matches!(it, Blow::Kill { .. })));
        assert!(has(|it| matches!(it, Blow::Slow)));
    }
}
