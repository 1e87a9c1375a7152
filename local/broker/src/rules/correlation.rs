//! The correlation filter: every property that it names must be equal.

use std::collections::BTreeMap;

use usher_bus::PropertyValue;

use super::{
    property::{SystemProperty, user_property},
    value::Value,
};
use crate::machine::Facets;

/// What a message must equal in, to the letter. `None` and absent keys don't matter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CorrelationFilter {
    /// ContentType.
    pub content_type: Option<String>,
    /// CorrelationId.
    pub correlation_id: Option<String>,
    /// Label, that is, Subject.
    pub label: Option<String>,
    /// MessageId.
    pub message_id: Option<String>,
    /// ReplyTo.
    pub reply_to: Option<String>,
    /// ReplyToSessionId.
    pub reply_to_session_id: Option<String>,
    /// SessionId.
    pub session_id: Option<String>,
    /// To.
    pub to: Option<String>,
    /// Application properties.
    pub properties: BTreeMap<String, PropertyValue>,
}

impl CorrelationFilter {
    /// Whether it asks for nothing at all.
    pub fn is_empty(&self) -> bool {
        self.properties.is_empty() && self.system().iter().all(|(_, wanted)| wanted.is_none())
    }

    /// Whether the message equals it in all that it names.
    pub fn matches(&self, message: &Facets) -> bool {
        let system = |(property, wanted): &(SystemProperty, &Option<String>)| {
            wanted.is_none() || wanted.as_deref() == property.of(message)
        };
        let user = |(name, wanted): (&String, &PropertyValue)| {
            user_property(message, name)
                .is_some_and(|found| Value::from(found).equals(wanted.into()) == Some(true))
        };
        self.system().iter().all(system) && self.properties.iter().all(user)
    }

    fn system(&self) -> [(SystemProperty, &Option<String>); 8] {
        [
            (SystemProperty::ContentType, &self.content_type),
            (SystemProperty::CorrelationId, &self.correlation_id),
            (SystemProperty::Label, &self.label),
            (SystemProperty::MessageId, &self.message_id),
            (SystemProperty::ReplyTo, &self.reply_to),
            (SystemProperty::ReplyToSessionId, &self.reply_to_session_id),
            (SystemProperty::SessionId, &self.session_id),
            (SystemProperty::To, &self.to),
        ]
    }
}
