//! What travels on the bus, free of any wire format.

use std::{collections::BTreeMap, fmt, time::Duration};

use bytes::Bytes;
use time::OffsetDateTime;
use uuid::Uuid;

/// The names of the properties that a broker adds to a dead letter.
pub(crate) const DEAD_LETTER_REASON: &str = "DeadLetterReason";
pub(crate) const DEAD_LETTER_DESCRIPTION: &str = "DeadLetterErrorDescription";

/// One message, as it is sent. `Debug` shows neither body nor property values.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// MessageId: what the broker's duplicate detection compares.
    pub id: String,
    /// Subject (also called label).
    pub subject: Option<String>,
    /// Media type of `body`.
    pub content_type: Option<String>,
    /// CorrelationId, if any.
    pub correlation_id: Option<String>,
    /// The payload, opaque to the bus.
    pub body: Bytes,
    /// Application properties: what subscription rules look at, and the trace context.
    pub properties: BTreeMap<String, PropertyValue>,
    /// How long the broker keeps it; the entity's default if `None`.
    pub time_to_live: Option<Duration>,
}

impl Message {
    /// A message with nothing but an id and a body.
    pub fn new(id: impl Into<String>, body: impl Into<Bytes>) -> Self {
        Self {
            id: id.into(),
            subject: None,
            content_type: None,
            correlation_id: None,
            body: body.into(),
            properties: BTreeMap::new(),
            time_to_live: None,
        }
    }

    /// The same message with one more application property.
    pub fn with_property(mut self, name: impl Into<String>, value: impl Into<PropertyValue>) -> Self {
        self.properties.insert(name.into(), value.into());
        self
    }

    /// The text of an application property; `None` if it is missing or not text.
    pub fn text_property(&self, name: &str) -> Option<&str> {
        match self.properties.get(name) {
            Some(PropertyValue::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Why this message was dead-lettered: its reason and its description, where the broker gave them.
    pub fn dead_letter(&self) -> (Option<&str>, Option<&str>) {
        (self.text_property(DEAD_LETTER_REASON), self.text_property(DEAD_LETTER_DESCRIPTION))
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("subject", &self.subject)
            .field("bytes", &self.body.len())
            .field("properties", &self.properties.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// A value of an application property.
#[derive(Clone, Debug, PartialEq)]
pub enum PropertyValue {
    /// A string.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A floating-point number.
    Float(f64),
    /// A truth value.
    Boolean(bool),
    /// A UUID.
    Uuid(Uuid),
    /// A point in time, to the millisecond.
    Time(OffsetDateTime),
}

impl From<&str> for PropertyValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for PropertyValue {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

/// The token under which a delivery is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LockToken(pub Uuid);

/// A message received under peek-lock: ours until the lock runs out or it is settled.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// What settles and renews it.
    pub lock: LockToken,
    /// Its place in the subscription, ascending.
    pub sequence_number: i64,
    /// How many deliveries failed before this one: 0 on the first.
    pub delivery_count: u32,
    /// When the broker accepted it.
    pub enqueued_at: OffsetDateTime,
    /// How long the lock lasts, counted from the moment of receipt.
    pub locked_for: Duration,
}

/// A message seen without locking it.
#[derive(Clone, Debug)]
pub struct Peeked {
    /// The message.
    pub message: Message,
    /// Its place in the subscription, ascending.
    pub sequence_number: i64,
    /// How many of its deliveries failed.
    pub delivery_count: u32,
    /// When the broker accepted it.
    pub enqueued_at: OffsetDateTime,
}
