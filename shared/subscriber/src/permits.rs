//! How many attempts run at once: all that the settings allow, and fewer at first after an outage.
//!
//! A destination that has just come back must not have a whole backlog thrown at it at once. So it gets one attempt,
//! and each success allows one more, which doubles them with every round: the slow start of TCP (RFC 5681).

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Semaphore, SemaphorePermit};

/// The permits for attempts.
pub(crate) struct Permits {
    semaphore: Semaphore,
    /// How many there are now, those in use included.
    count: AtomicUsize,
    most: usize,
}

impl Permits {
    /// All of them.
    pub(crate) fn new(most: usize) -> Self {
        Self { semaphore: Semaphore::new(most), count: AtomicUsize::new(most), most }
    }

    /// How many attempts may run at once now.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits for a permit.
    pub(crate) async fn acquire(&self) -> SemaphorePermit<'_> {
        self.semaphore.acquire().await.expect("the semaphore is never closed")
    }

    /// Back to one, while none is in use: the destination was down.
    pub(crate) fn start_slowly(&self) {
        let gone = self.semaphore.forget_permits(self.count().saturating_sub(1));
        self.count.fetch_sub(gone, Ordering::Relaxed);
    }

    /// An attempt succeeded: one more may run, up to all.
    pub(crate) fn one_more(&self) {
        let more = |count| (count < self.most).then_some(count + 1);
        if self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok() {
            self.semaphore.add_permits(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn after_a_slow_start_each_success_allows_one_more_up_to_all() {
        let permits = Permits::new(4);
        permits.start_slowly();
        for allowed in [1, 2, 3, 4, 4, 4] {
            assert_eq!((permits.count(), permits.semaphore.available_permits()), (allowed, allowed));
            let _running = permits.acquire().await;
            permits.one_more();
        }
    }
}
