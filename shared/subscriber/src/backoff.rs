//! When a delivery is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};
use tokio::time::Instant;

/// The first wait, before jitter adds up to as much again.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait, before jitter: a destination that has recovered is noticed within a few minutes.
const LONGEST: Duration = Duration::from_secs(120);

/// The waits between the attempts of one delivery: exponential, jittered, within a budget.
pub(crate) struct Backoff {
    delays: ExponentialBackoff,
    ends: Instant,
}

impl Backoff {
    /// A schedule that ends `budget` from now. The seed keeps messages that failed together apart, and makes
    /// a simulation repeatable.
    pub(crate) fn new(budget: Duration, seed: u64) -> Self {
        Self { delays: unbounded(FIRST, LONGEST, seed), ends: Instant::now() + budget }
    }

    /// How long to wait before the next attempt: no less than was asked for, but never past the end of the budget,
    /// where the last attempt is made. `None` once the budget is spent.
    pub(crate) fn next(&mut self, asked_for: Option<Duration>) -> Option<Duration> {
        let left = self.ends.saturating_duration_since(Instant::now());
        let delay = self.delays.next()?.max(asked_for.unwrap_or_default());
        (!left.is_zero()).then_some(delay.min(left))
    }
}

/// How often a settlement is tried again. The lock is renewed meanwhile.
const SETTLEMENTS: usize = 4;

/// The waits between attempts to settle one delivery.
pub(crate) fn settling(seed: u64) -> ExponentialBuilder {
    ExponentialBuilder::new()
        .with_min_delay(FIRST)
        .with_max_times(SETTLEMENTS)
        .with_jitter()
        .with_jitter_seed(seed)
}

/// Jittered exponential delays without an end.
pub(crate) fn unbounded(first: Duration, longest: Duration, seed: u64) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_min_delay(first)
        .with_max_delay(longest)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(seed)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn waits_grow_with_jitter_until_the_budget_is_spent() {
        let mut backoff = Backoff::new(Duration::from_secs(15 * 60), 7);
        let mut waits = vec![];
        while let Some(wait) = backoff.next(None) {
            waits.push(wait);
            tokio::time::sleep(wait).await;
        }
        assert!(waits.len() > 7, "{waits:?}");
        assert!(waits[0] >= FIRST && waits[0] <= FIRST * 2, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= LONGEST * 2), "{waits:?}");
        assert!(waits.iter().sum::<Duration>() <= Duration::from_secs(15 * 60));
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_destination_asks_for_is_the_least_we_wait() {
        let mut backoff = Backoff::new(Duration::from_secs(900), 7);
        assert_eq!(backoff.next(Some(Duration::from_secs(300))), Some(Duration::from_secs(300)));
        assert_eq!(
            backoff.next(Some(Duration::from_secs(901))),
            Some(Duration::from_secs(900)),
            "the last attempt"
        );
        tokio::time::sleep(Duration::from_secs(900)).await;
        assert_eq!(backoff.next(None), None);
    }
}
