//! The start after a restart: what was on disk becomes the queues again, with every lock freed.

use super::{Machine, Remembered, Restored, Stored, entity::Entity, queue::Entry};

impl<P: Clone> Machine<P> {
    /// Puts back what the disk still knew. For a machine that has just been made, and with ids of its own queues.
    pub fn restore(&mut self, snapshot: Restored<P>) {
        for (queue, highest) in snapshot.sequence_numbers {
            self.raise_sequence_number(queue.owner(), highest);
        }
        for message in snapshot.messages {
            self.restore_message(message);
        }
        self.restore_remembered(snapshot.remembered);
        self.last_group = self.last_group.max(snapshot.last_group);
    }

    fn restore_message(&mut self, stored: Stored<P>) {
        let Stored { queue, sequence_number, .. } = stored;
        self.raise_sequence_number(queue.owner(), sequence_number);
        let entity = self.queue(queue).entity;
        self.entities[entity].used_bytes += stored.size as u64;
        let entry = Entry {
            payload: stored.payload,
            size: stored.size,
            enqueued_at: stored.enqueued_at,
            expires_at: stored.expires_at,
            delivery_count: stored.delivery_count,
            lock: None,
            dead_letter: stored.dead_letter.map(Box::new),
        };
        self.insert(queue, sequence_number, entry);
    }

    fn raise_sequence_number(&mut self, queue: super::QueueId, seen: i64) {
        let last = &mut self.queue_mut(queue).last_sequence_number;
        *last = seen.max(*last);
    }

    fn restore_remembered(&mut self, mut remembered: Vec<Remembered>) {
        remembered.sort_by_key(|one| one.until);
        for Remembered { entity, message_id, until } in remembered {
            let named = |known: &&mut Entity| known.name.eq_ignore_ascii_case(&entity);
            let duplicates = self.entities.iter_mut().find(named).and_then(|known| known.duplicates.as_mut());
            if let Some(duplicates) = duplicates {
                duplicates.insert(message_id.into(), until);
            }
        }
    }
}
