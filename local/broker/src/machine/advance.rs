//! The passing of time: locks that run out and messages that expire. Ids are forgotten when the next message is
//! sent, since nobody can notice it before.

use super::{
    Machine, Millis, QueueId,
    agenda::{Due, What},
};

impl<P: Clone> Machine<P> {
    /// Does what is due by now. A lock that runs out counts as a failed delivery. Every call that changes
    /// something begins with this; by itself it is for callers that slept until [`Machine::next_deadline`].
    pub fn advance(&mut self, now: Millis) {
        while let Some(due) = self.agenda.pop(now) {
            let Due { queue, sequence_number, .. } = due;
            match due.what {
                What::LockEnds => self.end_lock(queue, sequence_number, now),
                What::Expires => self.expire_if_free(queue, sequence_number),
            }
        }
    }

    fn end_lock(&mut self, id: QueueId, sequence_number: i64, now: Millis) {
        let queue = self.queue_mut(id);
        if let Some(lock) = queue.entry_mut(sequence_number).lock.take() {
            queue.locks.remove(&lock.token);
            self.fail_delivery(id, sequence_number, now);
        }
    }

    /// A locked message stays its receiver's until the lock ends; it is expired when it comes back.
    fn expire_if_free(&mut self, id: QueueId, sequence_number: i64) {
        if self.queue_mut(id).entry_mut(sequence_number).lock.is_none() {
            self.expire(id, sequence_number);
        }
    }
}
