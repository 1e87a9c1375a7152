//! How a delivery ends, and where its message goes then.

use usher_bus::{LockToken, Settlement};

use super::{
    Change, DeadLetter, LockLost, Machine, Millis, QueueId, SettleError,
    agenda::{Due, What},
    queue::Entry,
    receive::lock_end,
};

/// The reasons that the broker itself writes, under Service Bus's names.
const TOO_MANY_DELIVERIES: &str = "MaxDeliveryCountExceeded";
const EXPIRED: &str = "TTLExpiredException";

impl<P: Clone> Machine<P> {
    /// Settles a delivery.
    ///
    /// # Errors
    /// [`SettleError::LockLost`] if the lock had run out; [`SettleError::AlreadyDead`] for an attempt to
    /// dead-letter out of a dead-letter queue: it has none behind it, and Service Bus's documentation rules it
    /// out without saying how it answers. The lock still holds then.
    pub fn settle(
        &mut self,
        queue: QueueId,
        token: LockToken,
        how: Settlement,
        now: Millis,
    ) -> Result<(), SettleError> {
        self.advance(now);
        self.queue_mut(queue).locked_by(token).ok_or(LockLost)?;
        if self.queue(queue).is_dead_letters && matches!(how, Settlement::DeadLetter { .. }) {
            return Err(SettleError::AlreadyDead);
        }
        let sequence_number = self.unlock(queue, token).ok_or(LockLost)?;
        match how {
            Settlement::Complete => self.drop_message(queue, sequence_number),
            Settlement::Abandon => self.fail_delivery(queue, sequence_number, now),
            Settlement::Release => self.put_back(queue, sequence_number, now),
            Settlement::DeadLetter { reason, description } => {
                self.dead_letter(queue, sequence_number, reason, description);
            }
        }
        Ok(())
    }

    /// Ends a lock; the message is then neither locked nor available until the caller has said what becomes of it.
    fn unlock(&mut self, queue: QueueId, token: LockToken) -> Option<i64> {
        let (sequence_number, entry) = self.queue_mut(queue).locked_by(token)?;
        let lock = entry.lock.take()?;
        self.queue_mut(queue).locks.remove(&token);
        self.agenda.cancel(lock_end(queue, sequence_number, lock.until));
        Some(sequence_number)
    }

    /// Counts a failed delivery. Past the limit the message is dead-lettered, else it goes back to its place.
    pub(super) fn fail_delivery(&mut self, id: QueueId, sequence_number: i64, now: Millis) {
        let queue = &mut self.queues[id.index()];
        let entry = queue.entry_mut(sequence_number);
        entry.delivery_count = entry.delivery_count.saturating_add(1);
        let delivery_count = entry.delivery_count;
        let over = !queue.is_dead_letters && delivery_count >= queue.rules.max_delivery_count;
        self.changes.push(Change::Counted { queue: id, sequence_number, delivery_count });
        if over {
            let description =
                format!("Message could not be consumed after {delivery_count} delivery attempts.");
            self.dead_letter(id, sequence_number, TOO_MANY_DELIVERIES.to_owned(), description);
        } else {
            self.put_back(id, sequence_number, now);
        }
    }

    /// Makes a message available again, unless it expired while it was locked.
    fn put_back(&mut self, id: QueueId, sequence_number: i64, now: Millis) {
        let queue = self.queue_mut(id);
        if !queue.is_dead_letters && queue.entry_mut(sequence_number).expired(now) {
            return self.expire(id, sequence_number);
        }
        queue.available.insert(sequence_number);
        self.woken.insert(id);
    }

    /// Drops an expired message or dead-letters it, as the queue's rules say.
    pub(super) fn expire(&mut self, id: QueueId, sequence_number: i64) {
        let queue = self.queue_mut(id);
        queue.available.remove(&sequence_number);
        if queue.rules.dead_letter_on_expiry {
            let description = "The message expired and was dead lettered.".to_owned();
            self.dead_letter(id, sequence_number, EXPIRED.to_owned(), description);
        } else {
            self.drop_message(id, sequence_number);
        }
    }

    fn drop_message(&mut self, queue: QueueId, sequence_number: i64) {
        self.remove(queue, sequence_number);
        self.changes.push(Change::Removed { queue, sequence_number });
    }

    /// Moves a message to the dead-letter queue. It keeps all that it has, its sequence number included.
    fn dead_letter(&mut self, from: QueueId, sequence_number: i64, reason: String, description: String) {
        let to = from.dead_letters();
        let dead_letter = DeadLetter { reason, description, source: self.queue(from).name.clone() };
        let mut entry = self.pull_out(from, sequence_number);
        entry.dead_letter = Some(Box::new(dead_letter.clone()));
        self.changes.push(Change::Moved { from, to, sequence_number, dead_letter });
        self.insert(to, sequence_number, entry);
    }

    /// Takes a message out for good and gives its bytes back to the quota.
    pub(super) fn remove(&mut self, queue: QueueId, sequence_number: i64) -> Entry<P> {
        let entry = self.pull_out(queue, sequence_number);
        let entity = &mut self.entities[self.queues[queue.index()].entity];
        entity.used_bytes = entity.used_bytes.saturating_sub(entry.size as u64);
        entry
    }

    /// Takes a message that is neither locked nor available out of its queue and off the agenda.
    fn pull_out(&mut self, queue: QueueId, sequence_number: i64) -> Entry<P> {
        let entry = self.queue_mut(queue).messages.remove(&sequence_number);
        let entry = entry.expect("available, locks and agenda name only messages that are there");
        if let Some(at) = entry.expires_at {
            self.agenda.cancel(Due { at, what: What::Expires, queue, sequence_number });
        }
        entry
    }
}
