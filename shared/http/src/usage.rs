//! How much of a quota is used: what is counted here, whoever measures the service reads.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// The time over which calls are counted: that of the shortest quota that is known to be counted over more than a second.
const WINDOW: Duration = Duration::from_secs(10);
/// How many of these are looked back on: a minute, in which whoever reads it has been here once at least.
const WINDOWS: usize = 6;

/// How much of what is allowed in ten seconds was used, at its busiest within the last minute.
pub struct Usage {
    allowed: f64,
    began: Instant,
    /// The present one and those before it, each in the place of the one that it is too late to look back on.
    windows: Mutex<[Window; WINDOWS]>,
}

#[derive(Clone, Copy, Default)]
struct Window {
    number: u64,
    used: u32,
}

impl Usage {
    /// Nothing used yet of so much in ten seconds.
    pub fn of(allowed: u32) -> Self {
        Self { allowed: f64::from(allowed), began: Instant::now(), windows: Mutex::default() }
    }

    /// Counts so many calls.
    pub fn count(&self, calls: u32) {
        self.change(|used| used.saturating_add(calls));
    }

    /// So much is in use at once.
    pub fn level(&self, in_use: u32) {
        self.change(|used| used.max(in_use));
    }

    /// From 0 to 1; more than is allowed is all of it.
    pub fn used(&self) -> f64 {
        let now = self.window();
        let windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let recent = windows.iter().filter(|window| window.number + WINDOWS as u64 > now);
        let busiest = recent.map(|window| window.used).max().unwrap_or_default();
        (f64::from(busiest) / self.allowed).min(1.0)
    }

    fn change(&self, change: impl FnOnce(u32) -> u32) {
        let number = self.window();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = &mut windows[(number % WINDOWS as u64) as usize];
        if window.number != number {
            *window = Window { number, used: 0 };
        }
        window.used = change(window.used);
    }

    /// The number of the present window.
    fn window(&self) -> u64 {
        self.began.elapsed().as_secs() / WINDOW.as_secs()
    }
}

/// A quota of somebody's whose use can be read at any time, from any thread. Cheap to clone.
#[derive(Clone)]
pub struct QuotaUse {
    resource: &'static str,
    used: Arc<dyn Fn() -> Option<f64> + Send + Sync>,
    wait: Arc<dyn Fn() -> Option<Duration> + Send + Sync>,
}

impl QuotaUse {
    /// A quota for calls to `resource`, a word out of a few, such as `graph-writes`. `used` tells how much of it is, from 0
    /// to 1; `None` while nobody knows.
    pub fn new(resource: &'static str, used: impl Fn() -> Option<f64> + Send + Sync + 'static) -> Self {
        Self { resource, used: Arc::new(used), wait: Arc::new(|| None) }
    }

    /// The same, for which whoever asks now waits as long as `wait` tells.
    #[must_use]
    pub fn with_wait(self, wait: impl Fn() -> Option<Duration> + Send + Sync + 'static) -> Self {
        Self { wait: Arc::new(wait), ..self }
    }

    /// Whose it is.
    pub fn resource(&self) -> &'static str {
        self.resource
    }

    /// How much of it is used, from 0 to 1; `None` while nobody knows.
    pub fn used(&self) -> Option<f64> {
        (self.used)()
    }

    /// How long whoever asks now has to wait; `None` if there is no queue for it.
    pub fn wait(&self) -> Option<Duration> {
        (self.wait)()
    }
}

impl fmt::Debug for QuotaUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuotaUse").field("resource", &self.resource).field("used", &self.used()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn the_busiest_ten_seconds_of_the_last_minute_count() {
        let usage = Usage::of(5);
        usage.count(1);
        pass(10).await;
        usage.count(3);
        usage.count(1);
        assert_eq!(usage.used(), 0.8);
        pass(49).await;
        assert_eq!(usage.used(), 0.8, "a minute ago is not long ago");
        pass(11).await;
        assert_eq!(usage.used(), 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_is_used_again_begins_at_nothing() {
        let usage = Usage::of(10);
        usage.count(9);
        pass(60).await;
        usage.count(2);
        assert_eq!(usage.used(), 0.2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_use_at_once_is_not_added_up_and_never_more_than_all() {
        let usage = Usage::of(4);
        for in_use in [1, 3, 2] {
            usage.level(in_use);
        }
        assert_eq!(usage.used(), 0.75);
        usage.level(7);
        assert_eq!(usage.used(), 1.0);
    }
}
