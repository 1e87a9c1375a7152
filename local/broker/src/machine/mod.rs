//! The state machine: what a broker holds, and what each call changes.
//!
//! Every call that changes something is told the time and first does what was due by then ([`Machine::advance`]),
//! so no caller can see a lock that has run out or an expired message. The queues are ordered maps and all that
//! lies in the future stands in one agenda: no call looks through a whole queue.

mod address;
mod advance;
mod agenda;
mod duplicates;
mod entity;
mod journal;
mod message;
mod queue;
mod receive;
mod restore;
mod send;
mod settle;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub use journal::{Change, Remembered, Restored, Stored};
pub use message::{
    Counts, DeadLetter, Facets, LockLost, Locked, Millis, NewMessage, QueueId, Seen, SendError, SettleError,
    Target, TopicId,
};

pub(crate) use address::key as address_key;
use agenda::Agenda;
use entity::{Entity, Route};
use queue::Queue;

use crate::{
    rules::Filter,
    topology::{DeliverySpec, IntakeSpec, QueueSpec, TopicSpec, Topology},
};

/// The largest message taken, in bytes: that of Service Bus's standard tier.
pub const MAX_MESSAGE_BYTES: usize = 256 << 10;

/// The property of a dead letter that holds its reason.
pub const DEAD_LETTER_REASON: &str = "DeadLetterReason";

/// The property of a dead letter that holds its description.
pub const DEAD_LETTER_DESCRIPTION: &str = "DeadLetterErrorDescription";

/// A broker's whole state. `P` is the payload: cloned once a copy, so it should be cheap to clone.
#[derive(Debug)]
pub struct Machine<P> {
    /// What can be sent to, queues proper and topics.
    entities: Vec<Entity>,
    /// What can be received from. A dead-letter queue follows the queue that it belongs to.
    queues: Vec<Queue<P>>,
    /// Addresses in lower case.
    addresses: BTreeMap<String, Target>,
    agenda: Agenda,
    woken: BTreeSet<QueueId>,
    changes: Vec<Change<P>>,
    /// The upper half of every lock token: what sets this life of the broker apart from its earlier ones.
    boot: u64,
    /// The lower half of the last lock token.
    last_lock: u64,
    last_group: u64,
}

impl<P: Clone> Machine<P> {
    /// An empty broker. `boot` must differ between two lives of a broker, or a lock of the one could settle in the other.
    pub fn new(topology: &Topology, boot: u64) -> Self {
        let mut machine = Self {
            entities: Vec::new(),
            queues: Vec::new(),
            addresses: BTreeMap::new(),
            agenda: Agenda::default(),
            woken: BTreeSet::new(),
            changes: Vec::new(),
            boot,
            last_lock: 0,
            last_group: 0,
        };
        for queue in &topology.queues {
            machine.add_queue(queue);
        }
        for topic in &topology.topics {
            machine.add_topic(topic);
        }
        machine
    }

    fn add_queue(&mut self, spec: &QueueSpec) {
        let entity = self.add_entity(&spec.name, &spec.intake);
        let queue = self.add_queue_pair(spec.name.clone(), entity, &spec.delivery);
        self.queues[queue.index()].sendable = true;
        self.entities[entity].routes.push(Route { queue, rules: Vec::new() });
    }

    fn add_topic(&mut self, spec: &TopicSpec) {
        let entity = self.add_entity(&spec.name, &spec.intake);
        self.entities[entity].default_time_to_live = spec.default_time_to_live;
        self.addresses.insert(address::key(&spec.name), Target::Topic(TopicId(small(entity))));
        for subscription in &spec.subscriptions {
            let name = address::subscription(&spec.name, &subscription.name);
            let queue = self.add_queue_pair(name, entity, &subscription.delivery);
            self.entities[entity].routes.push(Route { queue, rules: subscription.rules.clone() });
        }
    }

    fn add_entity(&mut self, name: &str, spec: &IntakeSpec) -> usize {
        self.entities.push(Entity::new(name, spec));
        self.entities.len() - 1
    }

    /// A queue and, behind it, its dead-letter queue.
    fn add_queue_pair(&mut self, name: String, entity: usize, spec: &DeliverySpec) -> QueueId {
        let queue = QueueId(small(self.queues.len()));
        let dead_letters = address::dead_letters(&name);
        self.addresses.insert(address::key(&name), Target::Queue(queue));
        self.addresses.insert(address::key(&dead_letters), Target::Queue(queue.dead_letters()));
        self.queues.push(Queue::new(name, entity, spec, false));
        self.queues.push(Queue::new(dead_letters, entity, spec, true));
        queue
    }

    /// What an address stands for: `<queue>`, `<topic>` or `<topic>/Subscriptions/<subscription>`, each but a
    /// topic also with `/$DeadLetterQueue`. Case, slashes around it and a scheme and host in front don't matter.
    pub fn find(&self, address: &str) -> Option<Target> {
        self.addresses.get(&address::key(address)).copied()
    }

    /// The rules by which a queue is fed; none at all means `$Default`, which matches everything.
    pub fn rules(&self, queue: QueueId) -> &[Filter] {
        let entity = &self.entities[self.queue(queue).entity];
        let route = entity.routes.iter().find(|route| route.queue == queue);
        route.map(|route| route.rules.as_slice()).unwrap_or_default()
    }

    /// Every queue with its canonical name, in the order of their ids.
    pub fn queues(&self) -> impl Iterator<Item = (QueueId, &str)> {
        self.queues.iter().enumerate().map(|(index, queue)| (QueueId(small(index)), queue.name.as_str()))
    }

    /// Whether there is something to receive. What is due but has not been done by `advance` is not looked at.
    pub fn available(&self, queue: QueueId) -> bool {
        !self.queue(queue).available.is_empty()
    }

    /// How much a queue holds.
    pub fn counts(&self, queue: QueueId) -> Counts {
        self.queue(queue).counts()
    }

    /// When [`Machine::advance`] next has something to do that a receiver could notice.
    pub fn next_deadline(&self) -> Option<Millis> {
        self.agenda.next()
    }

    /// The queues that gained a message to receive since this was last asked, so that only those need a look.
    pub fn take_woken(&mut self) -> Vec<QueueId> {
        std::mem::take(&mut self.woken).into_iter().collect()
    }

    /// What has to be on disk before the calls made since this was last asked may be acknowledged, in order.
    pub fn take_changes(&mut self) -> Vec<Change<P>> {
        std::mem::take(&mut self.changes)
    }

    /// Ids come from this machine alone, through `find` and `queues`.
    fn queue(&self, id: QueueId) -> &Queue<P> {
        &self.queues[id.index()]
    }

    fn queue_mut(&mut self, id: QueueId) -> &mut Queue<P> {
        &mut self.queues[id.index()]
    }
}

impl QueueId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }

    /// The dead-letter queue behind a queue: the two stand side by side, the queue at an even index.
    fn dead_letters(self) -> Self {
        Self(self.0 | 1)
    }

    /// The queue that a dead-letter queue belongs to, or the queue itself.
    fn owner(self) -> Self {
        Self(self.0 & !1)
    }
}

fn small(index: usize) -> u32 {
    u32::try_from(index).expect("a topology holds fewer than 2^32 entities")
}
