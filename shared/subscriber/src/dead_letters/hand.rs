//! The letters that a walk has under lock.

use std::collections::BTreeMap;

use tokio::task::JoinSet;
use tracing::Span;
use usher_bus::{BusError, LockToken};

use crate::locks::HeldLock;

/// What a walk has in hand, and the credit that it has given for more.
#[derive(Default)]
pub(super) struct Hand {
    /// By sequence number: all that is locked.
    pub(super) held: BTreeMap<i64, Held>,
    pub(super) working: JoinSet<Worked>,
    /// Tasks, since each may hold what the walk itself waits for: a place on the way to the broker.
    pub(super) settling: JoinSet<Settled>,
    pub(super) credit: usize,
}

/// One letter under lock.
pub(super) struct Held {
    pub(super) token: LockToken,
    /// Dropped with the letter, which ends its renewal.
    pub(super) _lock: HeldLock,
    pub(super) message_id: String,
    pub(super) stage: Stage,
    /// That of all that is done with it; open until it has left the queue.
    pub(super) span: Span,
}

/// How far a letter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Its work is being done.
    AtWork,
    /// Its work is done, and the broker is told so; once more should it come again.
    Done,
    /// Failed, or not matched: kept until the end.
    Kept,
}

/// Work that came to an end: the letter's number, the span that it was done in, and why the letter must stay if it must.
pub(super) type Worked = (i64, Span, Result<(), String>);

/// What the broker answered to the completion of a letter under this lock.
pub(super) type Settled = (i64, LockToken, Result<(), BusError>);

impl Hand {
    /// Letters and credit that take room beside what is kept.
    pub(super) fn busy(&self) -> usize {
        self.working.len() + self.settling.len() + self.credit
    }

    /// All that is locked or may become so.
    pub(super) fn locked(&self) -> usize {
        self.held.len() + self.credit
    }

    /// Nothing is being done: all waits for the broker.
    pub(super) fn rests(&self) -> bool {
        self.working.is_empty() && self.settling.is_empty()
    }

    /// Nothing is left but letters whose work is done and that the broker has not let go of: they have to come again.
    pub(super) fn owes(&self) -> bool {
        self.rests() && self.held.values().any(|held| held.stage == Stage::Done)
    }

    pub(super) fn set(&mut self, number: i64, stage: Stage) {
        if let Some(held) = self.held.get_mut(&number) {
            held.stage = stage;
        }
    }
}
