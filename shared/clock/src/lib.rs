//! What time it is: the one port through which Usher reads the wall clock.
//!
//! A running service asks the system. A simulation runs under tokio's paused time, where waiting costs
//! nothing: there the wall clock is an anchor plus tokio's own instant, so that both advance together and a
//! watermark, a lock and a back-off all agree on what "an hour later" means.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::Instant;

/// A source of wall-clock time. Cheap to copy; every component holds one.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Source);

#[derive(Clone, Copy, Debug)]
enum Source {
    /// Asked anew at each call, so that corrections by NTP are followed.
    System,
    /// An anchor on the wall and the tokio instant at which it was true.
    Anchored { wall: OffsetDateTime, at: Instant },
}

impl Clock {
    /// The machine's own clock.
    pub const fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that reads `wall` now and advances with tokio's time, paused or not.
    pub fn starting_at(wall: OffsetDateTime) -> Self {
        Self(Source::Anchored { wall, at: Instant::now() })
    }

    /// The current time, in UTC.
    pub fn now(&self) -> OffsetDateTime {
        match self.0 {
            Source::System => OffsetDateTime::now_utc(),
            Source::Anchored { wall, at } => wall + at.elapsed(),
        }
    }

    /// How long ago `then` was; zero if it lies in the future.
    pub fn since(&self, then: OffsetDateTime) -> Duration {
        (self.now() - then).try_into().unwrap_or(Duration::ZERO)
    }

    /// How long until `then`; zero if it has passed.
    pub fn until(&self, then: OffsetDateTime) -> Duration {
        (then - self.now()).try_into().unwrap_or(Duration::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_anchored_clock_advances_with_tokios_time() {
        let clock = Clock::starting_at(datetime!(2026-01-01 00:00 UTC));
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now(), datetime!(2026-01-01 01:00 UTC));
        assert_eq!(clock.since(datetime!(2026-01-01 00:30 UTC)), Duration::from_secs(1800));
        assert_eq!(clock.since(datetime!(2026-01-02 00:00 UTC)), Duration::ZERO);
        assert_eq!(clock.until(datetime!(2026-01-01 02:00 UTC)), Duration::from_secs(3600));
    }
}
