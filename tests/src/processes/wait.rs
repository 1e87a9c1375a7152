//! Waiting for a condition: looked at again and again, up to a deadline that only a defect reaches.

use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Long enough for debug builds on a machine that does something else as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Short enough to notice a state that doesn't last, long enough to leave the processors to those we wait for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Looks until there is something to see, and returns it.
///
/// # Panics
/// If there is nothing within a minute; `what` says what was waited for.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        sleep(LOOK_EVERY).await;
    }
}
