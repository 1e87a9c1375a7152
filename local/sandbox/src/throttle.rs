//! How vendors throttle: so many requests in a sliding window of time.

use std::{collections::VecDeque, time::Duration};

use time::OffsetDateTime;

/// A sliding window over the requests that were let in. Refused ones don't count.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    limit: usize,
    span: Duration,
    admitted: VecDeque<OffsetDateTime>,
}

impl Window {
    pub(crate) fn new(limit: u32, span: Duration) -> Self {
        Self { limit: limit as usize, span, admitted: VecDeque::new() }
    }

    /// Lets a request in, or says how long it takes until the next one would be.
    pub(crate) fn admit(&mut self, now: OffsetDateTime) -> Result<(), Duration> {
        while self.admitted.front().is_some_and(|&first| first + self.span <= now) {
            self.admitted.pop_front();
        }
        if self.admitted.len() < self.limit {
            self.admitted.push_back(now);
            return Ok(());
        }
        let free_at = self.admitted.front().map_or(now, |&first| first + self.span);
        Err((free_at - now).try_into().unwrap_or(Duration::ZERO))
    }
}
