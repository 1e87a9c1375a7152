//! What became of a walk through a dead-letter queue.

use serde_json::{Value, json};

/// What became of one dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Its place in the queue.
    pub sequence_number: i64,
    /// The last place that the walk looks at.
    pub of: i64,
    /// Its MessageId.
    pub message_id: String,
    /// `None`: done. Otherwise why it is still in the queue.
    pub still_dead: Option<String>,
}

/// What became of a walk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Done with success, and out of the queue.
    pub done: u64,
    /// Done without success; still in the queue.
    pub failed: u64,
    /// Passed over by the filter; still in the queue.
    pub unmatched: u64,
    /// The last sequence number looked at, and the highest that the walk was to look at.
    pub reached: Option<(i64, i64)>,
    /// Why the walk ended.
    pub ended: Ended,
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// All that was there at the start has been looked at.
    #[default]
    AtTheEnd,
    /// As many messages as may be held have failed or did not match.
    TooManyHeld,
    /// What remains is locked by somebody else, another walk perhaps.
    Locked,
    /// The destination is down.
    DestinationDown,
    /// The operator stopped it.
    Stopped,
}

impl Summary {
    /// Whether all is well.
    ///
    /// # Errors
    /// What is not, and what to do next.
    pub fn verdict(&self) -> Result<(), &'static str> {
        Err(match self.ended {
            Ended::AtTheEnd if self.failed == 0 => return Ok(()),
            Ended::AtTheEnd => "some failed and are still in the queue",
            Ended::TooManyHeld => {
                "ended early: 256 at its front failed or did not match, and no more may be held; what lies behind \
                 them can be reached once those are replayed, resubmitted or dropped"
            }
            Ended::Locked => "ended early: what remains is locked by somebody else; run it again later",
            Ended::DestinationDown => "ended early: the destination is down; run it again when it is back",
            Ended::Stopped => "stopped; what was not done is still in the queue",
        })
    }

    /// In a line; `done` says in a word or two what becomes of a letter.
    pub(super) fn line(&self, done: &str) -> String {
        let Self { done: count, failed, unmatched, reached, .. } = self;
        let reached = match reached {
            Some((reached, highest)) => format!(", looked at {reached} of {highest}"),
            None if self.ended == Ended::AtTheEnd => ": the dead-letter queue is empty".to_owned(),
            None => String::new(),
        };
        format!("{count} {done}, {failed} failed, {unmatched} not matched{reached}")
    }

    pub(super) fn to_json(&self) -> Value {
        let Self { done, failed, unmatched, reached, ended } = self;
        json!({
            "done": done,
            "failed": failed,
            "unmatched": unmatched,
            "reached": reached.map(|(reached, _)| reached),
            "of": reached.map(|(_, highest)| highest),
            "ended": ended.name(),
        })
    }
}

impl Ended {
    fn name(self) -> &'static str {
        match self {
            Self::AtTheEnd => "at-the-end",
            Self::TooManyHeld => "too-many-held",
            Self::Locked => "locked",
            Self::DestinationDown => "destination-down",
            Self::Stopped => "stopped",
        }
    }
}
