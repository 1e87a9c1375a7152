//! `--chaos`: calls fail, hang and lose their answers, vendors are slow or gone, and services are killed, while people
//! sign up. All of it follows from the seed, and it ends in time for everything to come right.

mod plan;

use std::{
    collections::{BTreeMap, VecDeque},
    fmt::Display,
    time::Duration,
};

use tokio::time::Instant;

pub(crate) use self::plan::Blow;

/// How long everything may take to come right once all is calm: a lock that a killed consumer leaves lasts for a
/// minute, and e-mail waits two for an answer of Mailchimp's. The third is for the work that is left.
const RECOVERY: Duration = Duration::from_secs(3 * 60);

/// What goes wrong in a run.
pub(crate) struct Chaos {
    seed: u64,
    begun: Instant,
    lasts: Duration,
    ahead: VecDeque<(Duration, Blow)>,
    behind: Vec<Blow>,
}

impl Chaos {
    /// What this seed has in store for a run that begins now, and in which people sign up for so long.
    pub(crate) fn of(seed: u64, signing_up: Duration) -> Self {
        let ahead = plan::of(seed, signing_up);
        let lasts = ahead.last().map_or(Duration::ZERO, |(at, _)| *at);
        Self { seed, begun: Instant::now(), lasts, ahead: ahead.into(), behind: Vec::new() }
    }

    /// For how much longer a run may take than one without.
    pub(crate) fn costs(&self) -> Duration {
        self.lasts + RECOVERY
    }

    /// When something goes wrong next; `None` if it is over.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.ahead.front().map(|(at, _)| self.begun + *at)
    }

    /// What is to go wrong by now.
    pub(crate) fn due(&mut self) -> Option<Blow> {
        self.next().filter(|next| *next <= Instant::now())?;
        self.ahead.pop_front().map(|(_, blow)| blow)
    }

    /// It has gone wrong.
    pub(crate) fn done(&mut self, blow: Blow) {
        self.behind.push(blow);
    }

    /// What is to go wrong when, a line each.
    pub(crate) fn plan(&self) -> String {
        self.ahead.iter().map(|(at, blow)| format!("{:>8.3} s  {blow}\n", at.as_secs_f64())).collect()
    }

    /// What went wrong; `faults`: how many calls the stand-ins let fail.
    pub(crate) fn summary(&self, faults: u64) -> String {
        let kills = self.behind.iter().filter_map(|blow| match blow {
            Blow::Kill { part, .. } => Some(part),
            _ => None,
        });
        let outages = self.behind.iter().filter_map(|blow| match blow {
            Blow::Outage { vendor } => Some(vendor),
            _ => None,
        });
        format!(
            "Chaos of seed {}: {faults} calls failed or got no answer; {}; {}.",
            self.seed,
            counted("outages", outages),
            counted("kills", kills),
        )
    }
}

/// `3 kills (broker 1, upn 2)`
fn counted<T: Ord + Display>(what: &str, all: impl Iterator<Item = T>) -> String {
    let mut counts = BTreeMap::<T, usize>::new();
    all.for_each(|one| *counts.entry(one).or_default() += 1);
    let each: Vec<_> = counts.iter().map(|(one, count)| format!("{one} {count}")).collect();
    let total: usize = counts.values().sum();
    if total == 0 { format!("no {what}") } else { format!("{total} {what} ({})", each.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{consumers::Consumer, up::services::Part};

    #[test]
    fn the_summary_says_what_was_sprinkled() {
        let mut chaos = Chaos::of(7, Duration::from_secs(5));
        let kill = |part| Blow::Kill { part, down_for: Duration::ZERO };
        let upn = Part::Consumer(Consumer::named("upn").unwrap());
        chaos.behind = vec![kill(upn), Blow::Outage { vendor: "stripe" }, kill(Part::Broker), kill(upn)];
        assert_eq!(
            chaos.summary(12),
            "Chaos of seed 7: 12 calls failed or got no answer; 1 outages (stripe 1); 3 kills (broker 1, upn 2)."
        );
    }
}
