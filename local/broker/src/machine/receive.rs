//! Receiving, renewing and peeking.

use usher_bus::LockToken;
use uuid::Uuid;

use super::{
    Change, LockLost, Locked, Machine, Millis, QueueId, Seen,
    agenda::{Due, What},
    queue::Lock,
};

impl<P: Clone> Machine<P> {
    /// Locks the first message that can be received (peek-lock).
    pub fn receive(&mut self, queue: QueueId, now: Millis) -> Option<Locked<P>> {
        self.advance(now);
        let token = LockToken(Uuid::from_u64_pair(self.boot, self.last_lock + 1));
        let until = now.plus(self.queue(queue).rules.lock_duration);
        let locked = self.queue_mut(queue).lock_first(Lock { token, until })?;
        self.last_lock += 1;
        self.agenda.add(lock_end(queue, locked.sequence_number, until));
        Some(locked)
    }

    /// Takes the first message that can be received, for good (receive-and-delete). What is returned is
    /// locked by nothing: its token is nil and its lock's end is now.
    pub fn take(&mut self, queue: QueueId, now: Millis) -> Option<Locked<P>> {
        self.advance(now);
        let sequence_number = self.queue_mut(queue).available.pop_first()?;
        let entry = self.remove(queue, sequence_number);
        self.changes.push(Change::Removed { queue, sequence_number });
        Some(entry.delivered(sequence_number, Lock { token: LockToken(Uuid::nil()), until: now }))
    }

    /// Makes a lock last one lock duration from now, and says when that is.
    ///
    /// # Errors
    /// If it had run out already.
    pub fn renew(&mut self, queue: QueueId, token: LockToken, now: Millis) -> Result<Millis, LockLost> {
        self.advance(now);
        let until = now.plus(self.queue(queue).rules.lock_duration);
        let (sequence_number, entry) = self.queue_mut(queue).locked_by(token).ok_or(LockLost)?;
        if let Some(before) = entry.lock.replace(Lock { token, until }) {
            self.agenda.cancel(lock_end(queue, sequence_number, before.until));
        }
        self.agenda.add(lock_end(queue, sequence_number, until));
        Ok(until)
    }

    /// Looks at up to `most` messages from sequence number `from` on, the locked ones among them.
    pub fn peek(&self, queue: QueueId, from: i64, most: usize, now: Millis) -> Vec<Seen<P>> {
        let queue = self.queue(queue);
        let stays = |locked: bool, expired: bool| queue.is_dead_letters || locked || !expired;
        let visible =
            queue.messages.range(from..).filter(|(_, entry)| stays(entry.lock.is_some(), entry.expired(now)));
        visible.take(most).map(|(sequence_number, entry)| entry.seen(*sequence_number)).collect()
    }
}

pub(super) fn lock_end(queue: QueueId, sequence_number: i64, at: Millis) -> Due {
    Due { at, what: What::LockEnds, queue, sequence_number }
}
