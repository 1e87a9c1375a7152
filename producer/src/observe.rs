//! Step 1: which part of the audit log to look at.
//!
//! Entries come late and out of order. The watermark alone would lose sign-ups, so each poll looks again at
//! the overlap before it, and what was published within the overlap is remembered by id.

use std::time::Duration;

use time::OffsetDateTime;
use usher_entra::{AuditLink, Graph};

use crate::{Checkpoint, recognise::ADD_USER};

/// A stretch of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) from: OffsetDateTime,
    pub(crate) to: OffsetDateTime,
}

impl Window {
    /// What a poll at `now` looks at; never before the point where the first run started. A watermark in the
    /// future is that of a clock since put right: then the overlap is counted from now.
    pub(crate) fn of(checkpoint: &Checkpoint, overlap: Duration, now: OffsetDateTime) -> Self {
        let watermark = checkpoint.watermark.min(now);
        Self { from: (watermark - overlap).max(checkpoint.start), to: now }
    }

    /// Its first page.
    pub(crate) fn first_page(self, graph: &Graph) -> AuditLink {
        graph.audit_link(ADD_USER, self.from, self.to)
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;
    use crate::{MemoryCheckpoint, Policy, StartFrom};

    const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
    const HOUR: Duration = Duration::from_secs(3600);

    /// A checkpoint of a first run at noon, moved to `watermark`.
    async fn checkpoint(watermark: OffsetDateTime) -> Checkpoint {
        let policy = Policy { start_from: Some(StartFrom::Now), ..Policy::new(Uuid::nil(), []) };
        let mut first = Checkpoint::open(&MemoryCheckpoint::default(), &policy, NOON).await.unwrap();
        first.advance(watermark, HOUR);
        first
    }

    #[tokio::test]
    async fn the_overlap_is_looked_at_again_but_nothing_before_the_start() {
        let from = async |watermark| Window::of(&checkpoint(watermark).await, HOUR, watermark + HOUR).from;
        assert_eq!(from(NOON).await, NOON);
        assert_eq!(from(NOON + HOUR / 2).await, NOON);
        assert_eq!(from(NOON + 3 * HOUR).await, NOON + 2 * HOUR);
    }

    #[tokio::test]
    async fn a_clock_that_was_ahead_loses_nothing() {
        let ahead = checkpoint(NOON + 48 * HOUR).await;
        let window = Window::of(&ahead, HOUR, NOON + 24 * HOUR);
        assert_eq!(window, Window { from: NOON + 23 * HOUR, to: NOON + 24 * HOUR });
    }
}
