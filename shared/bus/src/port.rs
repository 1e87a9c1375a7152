//! The port: what Usher asks of a broker, and how a broker may fail it.
//!
//! Two implementations answer to it, judged by one conformance suite: the Service Bus adapter in this crate,
//! and the broker's own state machine held in memory, on which the simulations run.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use thiserror::Error;

use crate::{Delivery, LockToken, Message, Peeked};

/// A connection to a broker: hands out publishers and receivers.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Opens a publisher on a topic.
    ///
    /// # Errors
    /// As [`BusError`] says: the topic is not there, our key is refused, the broker can't be reached.
    async fn publisher(&self, topic: &str) -> Result<Arc<dyn Publisher>, BusError>;

    /// Opens a receiver on a subscription or on its dead-letter queue. It starts without credit.
    ///
    /// # Errors
    /// As for [`Bus::publisher`].
    async fn receiver(&self, entity: &Entity) -> Result<Arc<dyn Receiver>, BusError>;

    /// Closes the connection and all that was opened on it; waits until its tasks have ended.
    async fn close(&self);
}

/// Sends to one topic.
#[async_trait]
pub trait Publisher: Send + Sync {
    /// Sends the messages and returns once the broker has accepted every one. After an error any of them may
    /// have been accepted: send all again, with the same ids, and duplicate detection keeps one of each.
    ///
    /// # Errors
    /// [`BusError::Full`] if the topic takes no more, [`BusError::TooLarge`] if a message is over the limit,
    /// [`BusError::Unavailable`] if the broker could not be reached for as long as the adapter tries.
    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError>;

    /// The topic's name, for traces; `None` where there is no broker behind it.
    fn topic(&self) -> Option<&str> {
        None
    }
}

/// Receives from one subscription (or its dead-letter queue) under peek-lock. All calls may run at once.
#[async_trait]
pub trait Receiver: Send + Sync {
    /// Allows the broker to deliver `more` messages beyond those already allowed.
    fn add_credit(&self, more: u32);

    /// The next delivery. Waits for as long as it takes, through reconnections. Cancel-safe.
    ///
    /// # Errors
    /// Only what waiting can't mend: the entity is gone, our key is refused, the receiver is closed.
    async fn next(&self) -> Result<Delivery, BusError>;

    /// Takes back the credit not yet used, and returns the deliveries that arrived before the broker knew.
    ///
    /// # Errors
    /// As for [`Receiver::next`]; after an error no credit is outstanding.
    async fn withdraw_credit(&self) -> Result<Vec<Delivery>, BusError>;

    /// Settles a delivery and waits for the broker's answer.
    ///
    /// # Errors
    /// [`BusError::LockLost`] if the lock no longer held: the message will be delivered again.
    async fn settle(&self, lock: LockToken, settlement: Settlement) -> Result<(), BusError>;

    /// Renews the locks, in one request if all of them still hold. The answers stand in the order of the tokens.
    ///
    /// # Errors
    /// If the broker could not be asked; a single lost lock is [`Renewal::Lost`] in its place.
    async fn renew(&self, locks: &[LockToken]) -> Result<Vec<Renewal>, BusError>;

    /// Looks at up to `most` messages from sequence number `from` on, ascending, locking none.
    ///
    /// # Errors
    /// If the broker could not be asked.
    async fn peek(&self, from: i64, most: u32) -> Result<Vec<Peeked>, BusError>;

    /// Closes the receiver. What it held is not settled: its locks run out.
    async fn close(&self);

    /// What it receives from, for traces; `None` where there is no broker behind it.
    fn entity(&self) -> Option<&Entity> {
        None
    }
}

/// How a delivery ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Done: the message leaves the queue.
    Complete,
    /// Failed: available again at once, and the delivery count goes up (AMQP `modified`).
    Abandon,
    /// Given back unharmed: available again at once, the delivery count stays (AMQP `released`).
    Release,
    /// Moved to the dead-letter queue, with the reason why.
    DeadLetter {
        /// A short name, for grouping.
        reason: String,
        /// What a person needs to know; codes and ids, never values.
        description: String,
    },
}

/// The answer to the renewal of one lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// It now holds for this long, counted from the answer.
    Held(Duration),
    /// It no longer held.
    Lost,
}

/// Where messages are received from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Entity {
    /// The topic.
    pub topic: String,
    /// The subscription on it.
    pub subscription: String,
    /// Whether its dead-letter queue is meant.
    pub dead_letter: bool,
}

impl Entity {
    /// The subscription itself.
    pub fn subscription(topic: impl Into<String>, subscription: impl Into<String>) -> Self {
        Self { topic: topic.into(), subscription: subscription.into(), dead_letter: false }
    }

    /// The dead-letter queue of the same subscription.
    pub fn dead_letters(&self) -> Self {
        Self { dead_letter: true, ..self.clone() }
    }
}

/// The entity's address on a Service Bus namespace.
impl fmt::Display for Entity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/Subscriptions/{}", self.topic, self.subscription)?;
        if self.dead_letter { f.write_str("/$DeadLetterQueue") } else { Ok(()) }
    }
}

/// Why the broker did not do what it was asked. No variant carries a message's content.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum BusError {
    /// The topic or the subscription does not exist.
    #[error("{entity} does not exist on the broker")]
    NotFound {
        /// Its address.
        entity: String,
    },
    /// Our key or token is refused, or lacks the right it takes.
    #[error("the broker refuses our credentials for {entity}: {condition}")]
    Unauthorized {
        /// The address that we asked for.
        entity: String,
        /// The broker's own error condition.
        condition: String,
    },
    /// The lock had run out or was never ours.
    #[error("the lock on the message is lost")]
    LockLost,
    /// The topic's quota is used up.
    #[error("the topic is full and takes no more messages")]
    Full,
    /// A message is larger than the broker takes.
    #[error("the message is larger than the broker takes")]
    TooLarge,
    /// No connection, or it broke and the retries are used up.
    #[error("the broker can't be reached: {0}")]
    Unavailable(String),
    /// The broker answered with an error that we have no name for.
    #[error("the broker answered {0}")]
    Refused(String),
    /// The receiver or the connection was closed by us.
    #[error("closed")]
    Closed,
}

impl BusError {
    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Full)
    }

    /// What kind of failure it is, for traces: as Azure's own SDKs name it, where they do.
    /// <https://learn.microsoft.com/dotnet/api/azure.messaging.servicebus.servicebusfailurereason>
    pub fn kind(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "MessagingEntityNotFound",
            Self::Unauthorized { .. } => "Unauthorized",
            Self::LockLost => "MessageLockLost",
            Self::Full => "QuotaExceeded",
            Self::TooLarge => "MessageSizeExceeded",
            Self::Unavailable(_) => "ServiceCommunicationProblem",
            Self::Refused(_) => "GeneralError",
            Self::Closed => "Closed",
        }
    }
}
