//! Once a day everything is looked at again that the log keeps and that can still be published without a repeat: an
//! entry that came later than any overlap is found all the same. What was published before is published again, and
//! swallowed by the broker's duplicate detection.
//!
//! It goes slowly, by one page between two polls: the audit log takes 5 requests in 10 seconds, and polls come first.

use std::time::Duration;

use time::OffsetDateTime;
use tokio::time::{Instant, timeout_at};
use usher_entra::AuditLink;

use crate::{Held, Producer, walk::Walk};

/// By then the requests of a poll no longer count against the quota.
const APART: Duration = Duration::from_secs(10);

/// What is known of a sweep beyond the checkpoint: after a restart its slice begins anew.
#[derive(Debug, Default)]
pub(crate) struct Sweep {
    /// When the next page has its turn.
    turn: Option<Instant>,
    /// The next page of the slice; `None` if that is its first.
    link: Option<AuditLink>,
    /// How many pages of the slice were handed on.
    pages: u32,
}

impl Sweep {
    /// How long until the next page has its turn.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.turn.map(|turn| turn.saturating_duration_since(Instant::now()))
    }

    fn begin_slice(&mut self) {
        self.link = None;
        self.pages = 0;
    }
}

impl Producer {
    /// A poll went through: if a sweep is due or underway, a page of it has its turn before the next one.
    pub(crate) fn sweep_in_between(&mut self) {
        let due = self.policy.sweep_every.is_some_and(|every| self.is_sweep_due(every));
        let wait = APART.min(self.policy.poll_interval / 2);
        self.sweep.turn = due.then(|| Instant::now() + wait);
    }

    fn is_sweep_due(&self, every: Duration) -> bool {
        let last = self.checkpoint.swept.unwrap_or(self.checkpoint.start);
        self.checkpoint.walk.is_some() || self.clock.since(last) >= every
    }

    /// Sweeps a page if it is its turn. It never makes the poll wait: what it has not done by then is done again.
    pub(crate) async fn sweep_until(&mut self, next_poll: Instant) {
        if self.sweep.turn.is_none_or(|turn| Instant::now() < turn) {
            return;
        }
        self.sweep.turn = None;
        let swept = timeout_at(next_poll, Box::pin(self.sweep_page())).await;
        if let Ok(Err(held)) = swept {
            // Its links may no longer hold, either.
            self.sweep.begin_slice();
            tracing::warn!(error = %held, "a page of the daily sweep is put off");
        }
    }

    async fn sweep_page(&mut self) -> Result<(), Held> {
        let mut walk = self.walk_of_sweep();
        let Some(slice) = walk.slice() else { return self.swept().await };
        self.checkpoint.walk = Some(walk);
        let link = self.sweep.link.clone().unwrap_or_else(|| slice.first_page(&self.graph));
        let mut bad_entries = Vec::new();
        let (mut sign_ups, next) = self.read_page(&link, &mut bad_entries).await?;
        // Published long ago, as good as surely: their traces have been told.
        sign_ups.iter_mut().for_each(|sign_up| sign_up.seen_at = None);
        self.hand_on_new(sign_ups).await?;
        if let Err(bad) = Held::unless_none(bad_entries) {
            // When it was new it held the watermark: whoever looked into it then has decided.
            tracing::warn!(error = %bad, "the daily sweep goes on without it");
        }
        self.sweep.pages += 1;
        self.sweep.link = next;
        if self.sweep.link.is_some() {
            return Ok(());
        }
        walk.done(slice, self.sweep.pages);
        self.sweep.begin_slice();
        self.checkpoint.walk = Some(walk);
        if walk.slice().is_none() { self.swept().await } else { self.save().await }
    }

    /// The sweep that is underway, or a new one. What lies further back than it may, it leaves alone: the broker has
    /// forgotten which of that was published.
    fn walk_of_sweep(&mut self) -> Walk {
        let oldest = self.oldest_to_sweep();
        let end = self.checkpoint.watermark - self.policy.overlap;
        let mut walk = self.checkpoint.walk.unwrap_or_else(|| Walk::over(oldest, end));
        if self.sweep.link.is_none() {
            walk.reached = walk.reached.max(oldest);
        }
        walk
    }

    fn oldest_to_sweep(&self) -> OffsetDateTime {
        (self.clock.now() - self.policy.sweep_back).max(self.checkpoint.start)
    }

    async fn swept(&mut self) -> Result<(), Held> {
        self.checkpoint.walk = None;
        self.checkpoint.swept = Some(self.clock.now());
        self.progress.swept();
        self.save().await
    }
}
