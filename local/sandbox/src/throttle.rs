//! How vendors throttle: so many requests in a sliding window of time, or out of a bucket that refills.

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

/// A bucket that holds so many requests, empties at each and refills evenly. Refused ones take nothing.
///
/// Kept as the generic cell rate algorithm does: as the time at which the bucket will be full again.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    /// How long one request takes to refill.
    each: Duration,
    /// How long an empty bucket takes.
    whole: Duration,
    full_at: Option<OffsetDateTime>,
}

impl Bucket {
    /// `holds` at once, and as many again in `whole`.
    pub(crate) fn new(holds: u32, whole: Duration) -> Self {
        // One that holds nothing lets nothing in.
        let each = whole.checked_div(holds).unwrap_or(whole.saturating_mul(2));
        Self { each, whole, full_at: None }
    }

    /// Lets a request in, or says how long it takes until the next one would be.
    pub(crate) fn admit(&mut self, now: OffsetDateTime) -> Result<(), Duration> {
        let full_at = self.full_at.map_or(now, |at| at.max(now)) + self.each;
        match Duration::try_from(full_at - now - self.whole) {
            Ok(wait) if !wait.is_zero() => Err(wait),
            _ => {
                self.full_at = Some(full_at);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_what_it_holds_and_then_what_refills() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let mut bucket = Bucket::new(3_000, Duration::from_secs(150));
        assert!((0..3_000).all(|_| bucket.admit(start).is_ok()));
        assert_eq!(bucket.admit(start), Err(Duration::from_millis(50)));
        let later = start + Duration::from_secs(1);
        assert_eq!((0..25).filter(|_| bucket.admit(later).is_ok()).count(), 20);
    }

    #[test]
    fn a_bucket_that_holds_nothing_lets_nothing_in() {
        let mut bucket = Bucket::new(0, Duration::from_secs(1));
        assert!(bucket.admit(OffsetDateTime::UNIX_EPOCH).is_err());
    }
}
