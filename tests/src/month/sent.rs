//! What was sent to the topic, and when first.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use time::OffsetDateTime;
use usher_bus::{BusError, Message, Publisher};
use usher_clock::Clock;

/// A way to the topic that remembers.
pub(super) struct Sent {
    topic: Arc<dyn Publisher>,
    clock: Clock,
    first: Mutex<BTreeMap<String, OffsetDateTime>>,
    again: Mutex<usize>,
}

impl Sent {
    pub(super) fn new(topic: Arc<dyn Publisher>, clock: Clock) -> Self {
        Self { topic, clock, first: Mutex::default(), again: Mutex::default() }
    }

    /// When each message was first accepted, by its id.
    pub(super) fn first(&self) -> BTreeMap<String, OffsetDateTime> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many were sent though they had been before.
    pub(super) fn again(&self) -> usize {
        *self.again.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, id: String) {
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        match first.entry(id) {
            Entry::Vacant(entry) => _ = entry.insert(self.clock.now()),
            Entry::Occupied(_) => *self.again.lock().unwrap_or_else(PoisonError::into_inner) += 1,
        }
    }
}

#[async_trait]
impl Publisher for Sent {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        let ids: Vec<_> = messages.iter().map(|message| message.id.clone()).collect();
        self.topic.publish(messages).await?;
        ids.into_iter().for_each(|id| self.note(id));
        Ok(())
    }
}
