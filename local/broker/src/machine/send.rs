//! Sending: a batch is planned as a whole before anything is changed, so that it is taken whole or not at all.

use std::{collections::BTreeSet, time::Duration};

use super::{
    Change, MAX_MESSAGE_BYTES, Machine, Millis, NewMessage, QueueId, Remembered, SendError, Target,
    agenda::{Due, What},
    entity::Entity,
    queue::Entry,
};

/// A message of the batch and the queues that get a copy of it.
struct Planned<P> {
    message: NewMessage<P>,
    queues: Vec<QueueId>,
}

impl<P: Clone> Machine<P> {
    /// Puts every message of the batch, or on error none, into each queue whose rules want it. A message that
    /// duplicate detection knows counts as accepted and is dropped.
    ///
    /// # Errors
    /// As [`SendError`] says.
    pub fn send(&mut self, to: Target, batch: Vec<NewMessage<P>>, now: Millis) -> Result<(), SendError> {
        self.advance(now);
        let entity = self.sendable(to)?;
        if batch.iter().any(|message| message.facets.size > MAX_MESSAGE_BYTES) {
            return Err(SendError::TooLarge);
        }
        let planned = self.entities[entity].plan(batch, now);
        self.entities[entity].reserve(&planned)?;
        for one in planned {
            self.remember(entity, &one.message, now);
            self.fan_out(entity, one, now);
        }
        Ok(())
    }

    fn sendable(&self, to: Target) -> Result<usize, SendError> {
        match to {
            Target::Topic(topic) => Ok(topic.0 as usize),
            Target::Queue(queue) if self.queue(queue).sendable => Ok(self.queue(queue).entity),
            Target::Queue(_) => Err(SendError::NotSendable),
        }
    }

    fn remember(&mut self, entity: usize, message: &NewMessage<P>, now: Millis) {
        let entity = &mut self.entities[entity];
        if let (Some(duplicates), Some(id)) = (&mut entity.duplicates, &message.facets.message_id) {
            let until = duplicates.remember(id, now);
            let remembered = Remembered { entity: entity.name.clone(), message_id: id.clone(), until };
            self.changes.push(Change::Remembered(remembered));
        }
    }

    fn fan_out(&mut self, entity: usize, planned: Planned<P>, now: Millis) {
        self.last_group += 1;
        let topic_time_to_live = self.entities[entity].default_time_to_live;
        for queue in planned.queues {
            self.enqueue(queue, &planned.message, topic_time_to_live, now);
        }
    }

    fn enqueue(
        &mut self,
        id: QueueId,
        message: &NewMessage<P>,
        topic_time_to_live: Option<Duration>,
        now: Millis,
    ) {
        let queue = &mut self.queues[id.index()];
        queue.last_sequence_number += 1;
        let sequence_number = queue.last_sequence_number;
        let time_to_live = queue.time_to_live(message.facets.time_to_live, topic_time_to_live);
        let entry = Entry {
            payload: message.payload.clone(),
            size: message.facets.size,
            enqueued_at: now,
            expires_at: time_to_live.map(|time_to_live| now.plus(time_to_live)),
            delivery_count: 0,
            lock: None,
            dead_letter: None,
        };
        self.changes.push(Change::Added {
            queue: id,
            sequence_number,
            enqueued_at: now,
            expires_at: entry.expires_at,
            size: entry.size,
            payload: message.payload.clone(),
            group: self.last_group,
        });
        self.insert(id, sequence_number, entry);
    }

    /// Makes a message available in a queue, and sees to its expiry.
    pub(super) fn insert(&mut self, id: QueueId, sequence_number: i64, entry: Entry<P>) {
        let queue = &mut self.queues[id.index()];
        if let Some(at) = entry.expires_at.filter(|_| !queue.is_dead_letters) {
            self.agenda.add(Due { at, what: What::Expires, queue: id, sequence_number });
        }
        queue.messages.insert(sequence_number, entry);
        queue.available.insert(sequence_number);
        self.woken.insert(id);
    }
}

impl Entity {
    /// Drops what duplicate detection knows, from before or from this very batch, and routes the rest.
    fn plan<P>(&mut self, batch: Vec<NewMessage<P>>, now: Millis) -> Vec<Planned<P>> {
        if let Some(duplicates) = &mut self.duplicates {
            duplicates.forget(now);
        }
        let mut within = BTreeSet::new();
        let mut planned = Vec::with_capacity(batch.len());
        for message in batch {
            if self.is_repeat(&message, &mut within, now) {
                continue;
            }
            let wanting = self.routes.iter().filter(|route| route.wants(&message.facets));
            let queues = wanting.map(|route| route.queue).collect();
            planned.push(Planned { message, queues });
        }
        planned
    }

    fn is_repeat<P>(&self, message: &NewMessage<P>, within: &mut BTreeSet<String>, now: Millis) -> bool {
        match (&self.duplicates, &message.facets.message_id) {
            (Some(duplicates), Some(id)) => duplicates.knows(id, now) || !within.insert(id.clone()),
            _ => false,
        }
    }

    /// Takes from the quota what the batch needs, every copy counted.
    fn reserve<P>(&mut self, planned: &[Planned<P>]) -> Result<(), SendError> {
        let bytes: usize = planned.iter().map(|one| one.message.facets.size * one.queues.len()).sum();
        let used = self.used_bytes.saturating_add(bytes as u64);
        if used > self.max_bytes {
            return Err(SendError::Full);
        }
        self.used_bytes = used;
        Ok(())
    }
}
