//! Everything that is to happen at a known time, over all queues.

use std::collections::BTreeSet;

use super::{Millis, QueueId};

/// What is to happen, ordered by when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    pub(super) at: Millis,
    pub(super) what: What,
    pub(super) queue: QueueId,
    pub(super) sequence_number: i64,
}

/// Of two things due in the same millisecond the lock's end comes first: until then the message can't expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    LockEnds,
    Expires,
}

#[derive(Debug, Default)]
pub(super) struct Agenda(BTreeSet<Due>);

impl Agenda {
    pub(super) fn add(&mut self, due: Due) {
        self.0.insert(due);
    }

    pub(super) fn cancel(&mut self, due: Due) {
        self.0.remove(&due);
    }

    pub(super) fn next(&self) -> Option<Millis> {
        self.0.first().map(|due| due.at)
    }

    /// Takes out the first of what is due by now.
    pub(super) fn pop(&mut self, now: Millis) -> Option<Due> {
        if self.next()? > now { None } else { self.0.pop_first() }
    }
}
