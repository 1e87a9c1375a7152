//! The properties of a message as rules name them: without regard to case, in one of two scopes.

use usher_bus::PropertyValue;

use super::value::Value;
use crate::machine::Facets;

/// A property that an expression names.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Property {
    /// One that the sender made up: an application property.
    User(String),
    /// One that Service Bus defines.
    System(SystemProperty),
}

/// The system properties that a rule can look at. Those that come into being only with the broker's own work
/// (sequence number, enqueued time and the like) are not known yet when rules are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SystemProperty {
    ContentType,
    CorrelationId,
    Label,
    MessageId,
    ReplyTo,
    ReplyToSessionId,
    SessionId,
    To,
}

impl SystemProperty {
    const NAMES: [(&'static str, Self); 9] = [
        ("ContentType", Self::ContentType),
        ("CorrelationId", Self::CorrelationId),
        ("Label", Self::Label),
        ("Subject", Self::Label),
        ("MessageId", Self::MessageId),
        ("ReplyTo", Self::ReplyTo),
        ("ReplyToSessionId", Self::ReplyToSessionId),
        ("SessionId", Self::SessionId),
        ("To", Self::To),
    ];

    pub(super) fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, property)| *property)
    }

    pub(super) fn of(self, message: &Facets) -> Option<&str> {
        let text = match self {
            Self::ContentType => &message.content_type,
            Self::CorrelationId => &message.correlation_id,
            Self::Label => &message.subject,
            Self::MessageId => &message.message_id,
            Self::ReplyTo => &message.reply_to,
            Self::ReplyToSessionId => &message.reply_to_session_id,
            Self::SessionId => &message.session_id,
            Self::To => &message.to,
        };
        text.as_deref()
    }
}

impl Property {
    /// Its value; unknown if the message lacks it.
    pub(super) fn of<'m>(&self, message: &'m Facets) -> Value<'m> {
        match self {
            Self::System(property) => property.of(message).map_or(Value::Unknown, Value::Text),
            Self::User(name) => user_property(message, name).map_or(Value::Unknown, Value::from),
        }
    }
}

/// The property of exactly this name, or else one that differs from it in case only.
pub(super) fn user_property<'m>(message: &'m Facets, name: &str) -> Option<&'m PropertyValue> {
    let alike =
        || message.properties.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    message.properties.get(name).or_else(alike)
}
