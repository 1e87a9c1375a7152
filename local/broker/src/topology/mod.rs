//! Which queues, topics and subscriptions there are. Fixed while the broker runs: it has no admin API yet
//! that could change them.

mod config;
mod duration;
mod json;
#[cfg(test)]
mod tests;
mod usher;

use std::time::Duration;

pub use config::ConfigError;

use crate::rules::Filter;

/// Everything that a broker serves.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// Queues proper.
    pub queues: Vec<QueueSpec>,
    /// Topics with their subscriptions.
    pub topics: Vec<TopicSpec>,
}

/// A queue.
#[derive(Clone, Debug)]
pub struct QueueSpec {
    /// Its name, as it is shown; addresses are compared without regard to case.
    pub name: String,
    /// What it takes in.
    pub intake: IntakeSpec,
    /// How it delivers.
    pub delivery: DeliverySpec,
}

/// A topic.
#[derive(Clone, Debug)]
pub struct TopicSpec {
    /// Its name, as it is shown; addresses are compared without regard to case.
    pub name: String,
    /// What it takes in.
    pub intake: IntakeSpec,
    /// The longest that any of its subscriptions keeps a message.
    pub default_time_to_live: Option<Duration>,
    /// What is fed from it.
    pub subscriptions: Vec<SubscriptionSpec>,
}

/// A subscription.
#[derive(Clone, Debug)]
pub struct SubscriptionSpec {
    /// Its name, unique within the topic.
    pub name: String,
    /// How it delivers.
    pub delivery: DeliverySpec,
    /// It gets what any one of them matches. None at all means Service Bus's `$Default`, which matches everything.
    pub rules: Vec<Filter>,
}

/// What a queue or topic takes in.
#[derive(Clone, Debug)]
pub struct IntakeSpec {
    /// For how long the same MessageId is taken for the same message; duplicate detection is off if `None`.
    pub duplicate_window: Option<Duration>,
    /// How many bytes it holds before it refuses sends, all copies and dead letters counted.
    pub max_bytes: u64,
}

/// How a queue or subscription delivers.
#[derive(Clone, Debug)]
pub struct DeliverySpec {
    /// How long a receiver may hold a message without renewing its lock.
    pub lock_duration: Duration,
    /// How many failed deliveries dead-letter a message.
    pub max_delivery_count: u32,
    /// The longest that a message is kept.
    pub default_time_to_live: Option<Duration>,
    /// Whether an expired message is dead-lettered rather than dropped.
    pub dead_letter_on_expiry: bool,
}

/// Service Bus's defaults.
impl Default for IntakeSpec {
    fn default() -> Self {
        Self { duplicate_window: None, max_bytes: 1024 << 20 }
    }
}

/// Service Bus's defaults.
impl Default for DeliverySpec {
    fn default() -> Self {
        Self {
            lock_duration: Duration::from_secs(60),
            max_delivery_count: 10,
            default_time_to_live: None,
            dead_letter_on_expiry: false,
        }
    }
}
