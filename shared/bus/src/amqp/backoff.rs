//! How long to wait between attempts to reach the broker.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

/// The first wait: a broker that restarts on the same machine is back within this.
const FIRST: Duration = Duration::from_millis(200);
/// The longest wait before jitter, which at most doubles it: after an outage we are back this soon.
const LONGEST: Duration = Duration::from_secs(10);

/// An endless run of waits.
pub(crate) type Backoff = ExponentialBackoff;

/// Doubling waits with jitter, so that the consumers of one broker don't all come back at the same instant.
pub(crate) fn backoff() -> Backoff {
    ExponentialBuilder::default()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .with_jitter()
        .without_max_times()
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_waits_grow_never_end_and_stay_bounded() {
        let waits: Vec<_> = backoff().take(50).collect();
        assert_eq!(waits.len(), 50);
        assert!(waits[0] >= FIRST && waits[0] <= 2 * FIRST, "{:?}", waits[0]);
        assert!(waits[40] >= LONGEST);
        assert!(waits.iter().all(|wait| *wait <= 2 * LONGEST), "{waits:?}");
    }
}
