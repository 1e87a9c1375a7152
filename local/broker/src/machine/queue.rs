//! One queue: its messages in the order of their sequence numbers, which of them can be received, and which
//! are locked. What a change means for the agenda, the journal and other queues is the machine's business.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use usher_bus::LockToken;

use super::{Counts, DeadLetter, Locked, Millis, Seen};
use crate::topology::DeliverySpec;

#[derive(Debug)]
pub(super) struct Queue<P> {
    /// The canonical name.
    pub(super) name: String,
    /// The entity whose quota it uses.
    pub(super) entity: usize,
    pub(super) rules: DeliverySpec,
    /// In a dead-letter queue nothing expires and no limit applies.
    pub(super) is_dead_letters: bool,
    pub(super) sendable: bool,
    pub(super) messages: BTreeMap<i64, Entry<P>>,
    /// The sequence numbers of those that can be received.
    pub(super) available: BTreeSet<i64>,
    /// The sequence numbers of those under a lock.
    pub(super) locks: BTreeMap<LockToken, i64>,
    pub(super) last_sequence_number: i64,
}

#[derive(Debug)]
pub(super) struct Entry<P> {
    pub(super) payload: P,
    pub(super) size: usize,
    pub(super) enqueued_at: Millis,
    pub(super) expires_at: Option<Millis>,
    pub(super) delivery_count: u32,
    pub(super) lock: Option<Lock>,
    /// Boxed, since most messages have none.
    pub(super) dead_letter: Option<Box<DeadLetter>>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Lock {
    pub(super) token: LockToken,
    pub(super) until: Millis,
}

impl<P: Clone> Queue<P> {
    pub(super) fn new(name: String, entity: usize, rules: &DeliverySpec, is_dead_letters: bool) -> Self {
        Self {
            name,
            entity,
            rules: rules.clone(),
            is_dead_letters,
            sendable: false,
            messages: BTreeMap::new(),
            available: BTreeSet::new(),
            locks: BTreeMap::new(),
            last_sequence_number: 0,
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts { available: self.available.len(), locked: self.locks.len(), total: self.messages.len() }
    }

    /// The shortest of what the sender asked for, what the topic allows and what this queue allows.
    pub(super) fn time_to_live(&self, asked: Option<Duration>, topic: Option<Duration>) -> Option<Duration> {
        [asked, topic, self.rules.default_time_to_live].into_iter().flatten().min()
    }

    /// Locks the first available message.
    pub(super) fn lock_first(&mut self, lock: Lock) -> Option<Locked<P>> {
        let sequence_number = self.available.pop_first()?;
        self.locks.insert(lock.token, sequence_number);
        let entry = self.entry_mut(sequence_number);
        entry.lock = Some(lock);
        Some(entry.delivered(sequence_number, lock))
    }

    /// The message under a lock, if the lock holds.
    pub(super) fn locked_by(&mut self, token: LockToken) -> Option<(i64, &mut Entry<P>)> {
        let sequence_number = *self.locks.get(&token)?;
        Some((sequence_number, self.entry_mut(sequence_number)))
    }

    pub(super) fn entry_mut(&mut self, sequence_number: i64) -> &mut Entry<P> {
        self.messages
            .get_mut(&sequence_number)
            .expect("available, locks and agenda name only messages that are there")
    }
}

impl<P: Clone> Entry<P> {
    pub(super) fn delivered(&self, sequence_number: i64, lock: Lock) -> Locked<P> {
        Locked {
            token: lock.token,
            locked_until: lock.until,
            sequence_number,
            delivery_count: self.delivery_count,
            enqueued_at: self.enqueued_at,
            payload: self.payload.clone(),
            dead_letter: self.dead_letter.as_deref().cloned(),
        }
    }

    pub(super) fn seen(&self, sequence_number: i64) -> Seen<P> {
        Seen {
            sequence_number,
            delivery_count: self.delivery_count,
            enqueued_at: self.enqueued_at,
            locked_until: self.lock.map(|lock| lock.until),
            payload: self.payload.clone(),
            dead_letter: self.dead_letter.as_deref().cloned(),
        }
    }

    pub(super) fn expired(&self, now: Millis) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }
}
