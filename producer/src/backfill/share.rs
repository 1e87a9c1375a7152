//! A share of the audit log's quota: so many requests in any ten seconds, for the rest is the running producer's.

use std::{collections::VecDeque, num::NonZeroU32, time::Duration};

use tokio::time::{Instant, sleep_until};

/// The span in which requests are counted, and a little more: they arrive later than they leave, some more than others.
const SPAN: Duration = Duration::from_millis(10_500);

/// When the last requests were made.
#[derive(Debug)]
pub(crate) struct Share {
    most: usize,
    recent: VecDeque<Instant>,
}

impl Share {
    /// So many requests at most.
    pub(crate) fn new(most: NonZeroU32) -> Self {
        Self { most: most.get() as usize, recent: VecDeque::new() }
    }

    /// Waits until another request may be made, which is as long as the span at most, and counts it.
    pub(crate) async fn turn(&mut self) {
        if self.recent.len() >= self.most
            && let Some(oldest) = self.recent.pop_front()
        {
            sleep_until(oldest + SPAN).await;
        }
        self.recent.push_back(Instant::now());
    }

    /// The last request has just been answered: throttled, it was made again until now.
    pub(crate) fn took_until_now(&mut self) {
        if let Some(last) = self.recent.back_mut() {
            *last = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_ten_seconds_see_more_requests_than_the_share() {
        let mut share = Share::new(NonZeroU32::new(2).unwrap());
        let mut made = Vec::new();
        for _ in 0..20 {
            share.turn().await;
            made.push(Instant::now());
            tokio::time::advance(Duration::from_millis(300)).await;
            share.took_until_now();
        }
        assert!(made.windows(3).all(|three| three[2] - three[0] >= Duration::from_secs(10)));
        assert!(made[19] - made[0] < 10 * Duration::from_secs(11));
    }
}
