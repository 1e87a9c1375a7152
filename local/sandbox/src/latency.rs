//! How late an audit entry shows: lognormal, with a few stragglers.
//!
//! Microsoft once published a p95 of two minutes and a p99 of five, and withdrew both; entries have been seen
//! much later. So the tail is a setting of its own.

use std::{f64::consts::TAU, ops::RangeInclusive, time::Duration};

/// The 99th percentile of the standard normal distribution.
const Z_99: f64 = 2.326_347_9;

/// The time from an activity until its entry can be read.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AuditLatency {
    /// Half of the entries are quicker.
    pub median: Duration,
    /// One in a hundred is slower, stragglers apart.
    pub p99: Duration,
    /// The share of stragglers, between 0 and 1.
    pub stragglers: f64,
    /// The latest a straggler can be. Stragglers are spread evenly between the p99 and this.
    pub straggler_max: Duration,
}

/// What a tenant sees on a usual day: a median of one minute, a p99 of five, one straggler in a hundred up to
/// half an hour late.
impl Default for AuditLatency {
    fn default() -> Self {
        let minutes = |n: u64| Duration::from_secs(n * 60);
        Self { median: minutes(1), p99: minutes(5), stragglers: 0.01, straggler_max: minutes(30) }
    }
}

impl AuditLatency {
    /// Every entry can be read at once.
    pub const NONE: Self =
        Self { median: Duration::ZERO, p99: Duration::ZERO, stragglers: 0.0, straggler_max: Duration::ZERO };

    pub(crate) fn draw(&self, chance: &mut fastrand::Rng) -> Duration {
        if chance.f64() < self.stragglers {
            return between(chance, &(self.p99..=self.straggler_max.max(self.p99)));
        }
        if self.median.is_zero() {
            return Duration::ZERO;
        }
        let sigma = (self.p99.as_secs_f64() / self.median.as_secs_f64()).max(1.0).ln() / Z_99;
        self.median.mul_f64((sigma * normal(chance)).exp())
    }
}

/// A draw from the standard normal distribution, by Box and Muller.
fn normal(chance: &mut fastrand::Rng) -> f64 {
    let radius = (-2.0 * (1.0 - chance.f64()).ln()).sqrt();
    radius * (TAU * chance.f64()).cos()
}

/// An even draw.
pub(crate) fn between(chance: &mut fastrand::Rng, range: &RangeInclusive<Duration>) -> Duration {
    let width = range.end().saturating_sub(*range.start());
    *range.start() + width.mul_f64(chance.f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_have_the_median_the_p99_and_the_stragglers_that_were_asked_for() {
        let latency = AuditLatency { stragglers: 0.02, ..AuditLatency::default() };
        let mut chance = fastrand::Rng::with_seed(7);
        let mut drawn: Vec<_> = (0..20_000).map(|_| latency.draw(&mut chance).as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);

        let median = drawn[10_000];
        assert!((55.0..68.0).contains(&median), "{median}");
        let beyond = |seconds: f64| drawn.iter().filter(|&&s| s > seconds).count() as f64 / 20_000.0;
        assert!((0.02..0.04).contains(&beyond(300.0)), "{}", beyond(300.0));
        assert!(beyond(600.0) > 0.012, "{}", beyond(600.0));
        assert!(drawn[19_999] <= 1800.0, "{}", drawn[19_999]);
    }
}
