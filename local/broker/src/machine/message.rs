//! What goes into the machine, what comes out of it, and the clock both are measured by.

use std::{collections::BTreeMap, fmt, time::Duration};

use thiserror::Error;
use time::OffsetDateTime;
use usher_bus::{LockToken, PropertyValue};

/// A moment: milliseconds since the Unix epoch. Always passed in, since the machine has no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// The moment `duration` later, in whole milliseconds.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long it is from here to `later`; zero if that has passed.
    pub fn until(self, later: Self) -> Duration {
        Duration::from_millis(u64::try_from(later.0.saturating_sub(self.0)).unwrap_or(0))
    }
}

impl From<OffsetDateTime> for Millis {
    fn from(moment: OffsetDateTime) -> Self {
        let millis = moment.unix_timestamp_nanos().div_euclid(1_000_000);
        Self(i64::try_from(millis).expect("every year that OffsetDateTime can hold fits"))
    }
}

/// A queue, a subscription, or the dead-letter queue of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(pub(crate) u32);

/// A topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub(crate) u32);

/// What an address stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Something to receive from; to send to as well if it is a queue proper.
    Queue(QueueId),
    /// Something to send to.
    Topic(TopicId),
}

/// What the machine looks at in a message: what rules, duplicate detection, expiry and quota need. `Debug`
/// shows no property's value.
#[derive(Clone, Default, PartialEq)]
pub struct Facets {
    /// MessageId: what duplicate detection compares.
    pub message_id: Option<String>,
    /// CorrelationId.
    pub correlation_id: Option<String>,
    /// Subject, in rules also called `Label`.
    pub subject: Option<String>,
    /// To.
    pub to: Option<String>,
    /// ReplyTo.
    pub reply_to: Option<String>,
    /// ReplyToSessionId.
    pub reply_to_session_id: Option<String>,
    /// SessionId.
    pub session_id: Option<String>,
    /// ContentType.
    pub content_type: Option<String>,
    /// Application properties, in rules also called user properties.
    pub properties: BTreeMap<String, PropertyValue>,
    /// How long it wants to be kept; as long as the entity allows if `None`.
    pub time_to_live: Option<Duration>,
    /// Encoded size in bytes.
    pub size: usize,
}

impl fmt::Debug for Facets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Facets")
            .field("message_id", &self.message_id)
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// A message to send. The payload is opaque here: whatever the caller wants back on delivery.
#[derive(Clone, Debug)]
pub struct NewMessage<P> {
    /// What the machine looks at.
    pub facets: Facets,
    /// What it hands on. One clone is made for each copy.
    pub payload: P,
}

/// A message delivered under a lock.
#[derive(Clone, Debug)]
pub struct Locked<P> {
    /// What settles and renews it.
    pub token: LockToken,
    /// When the lock runs out.
    pub locked_until: Millis,
    /// Its place in the queue, ascending from 1.
    pub sequence_number: i64,
    /// How many deliveries failed before this one: 0 on the first.
    pub delivery_count: u32,
    /// When it was accepted.
    pub enqueued_at: Millis,
    /// What the sender gave.
    pub payload: P,
    /// Why it lies in the dead-letter queue, if it does.
    pub dead_letter: Option<DeadLetter>,
}

/// A message seen without locking it.
#[derive(Clone, Debug)]
pub struct Seen<P> {
    /// Its place in the queue, ascending from 1.
    pub sequence_number: i64,
    /// How many of its deliveries failed.
    pub delivery_count: u32,
    /// When it was accepted.
    pub enqueued_at: Millis,
    /// When the lock that somebody holds on it runs out.
    pub locked_until: Option<Millis>,
    /// What the sender gave.
    pub payload: P,
    /// Why it lies in the dead-letter queue, if it does.
    pub dead_letter: Option<DeadLetter>,
}

/// Why a message was dead-lettered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// A short name; empty if the receiver gave none.
    pub reason: String,
    /// What a person needs to know; empty if the receiver gave none.
    pub description: String,
    /// The canonical name of the queue or subscription that it came from.
    pub source: String,
}

/// How many messages a queue holds. Expired ones count until [`Machine::advance`](super::Machine::advance) ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that can be received now.
    pub available: usize,
    /// Those under a lock.
    pub locked: usize,
    /// Both.
    pub total: usize,
}

/// Why a send was refused, all of it.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SendError {
    /// What the topic or queue holds, its dead letters included, would go over its quota.
    #[error("the entity's quota is used up")]
    Full,
    /// A message is larger than [`MAX_MESSAGE_BYTES`](super::MAX_MESSAGE_BYTES).
    #[error("a message is larger than the broker takes")]
    TooLarge,
    /// Subscriptions and dead-letter queues take no messages.
    #[error("nothing can be sent to this entity")]
    NotSendable,
}

/// The lock had run out, or the token was never one of this queue.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the lock on the message is lost")]
pub struct LockLost;

/// Why a delivery was not settled.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum SettleError {
    /// As it says; the message will be delivered again, or was.
    #[error(transparent)]
    LockLost(#[from] LockLost),
    /// A dead letter can't be dead-lettered. The lock still holds.
    #[error("a message in a dead-letter queue can't be dead-lettered")]
    AlreadyDead,
}
