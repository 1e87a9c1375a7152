//! All that is known of a dead letter, as one JSON object; names and addresses in it masked unless they are asked for.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use usher_bus::{Peeked, PropertyValue};
use usher_event::property;

use super::{
    letter::{Letter, time},
    mask,
};

/// Properties that hold ids, codes and names of ours; others may hold anything.
const HARMLESS: [&str; 8] = [
    property::EVENT_TYPE,
    property::TENANT_ID,
    property::TRACEPARENT,
    property::TRACESTATE,
    property::REPLAY_TO,
    "Diagnostic-Id",
    "DeadLetterReason",
    "DeadLetterErrorDescription",
];

/// One line of an export.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    #[serde(flatten)]
    letter: Letter,
    delivery_count: u32,
    message_id: String,
    subject: Option<String>,
    content_type: Option<String>,
    correlation_id: Option<String>,
    properties: BTreeMap<String, String>,
    #[serde(flatten)]
    body: Body,
}

/// A body, under a name that says of what kind it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
enum Body {
    /// JSON.
    #[serde(rename = "body")]
    Json(Value),
    /// Text that is no JSON.
    Text(String),
    /// Neither, in hexadecimal.
    Hex(String),
    /// No JSON, so that nothing can be masked in it: how long it is.
    Bytes(usize),
}

impl Record {
    pub(crate) fn of(peeked: &Peeked, reveal: bool) -> Self {
        let message = &peeked.message;
        let properties =
            message.properties.iter().map(|(name, value)| (name.clone(), shown(name, value, reveal)));
        Self {
            letter: Letter::of(peeked),
            delivery_count: peeked.delivery_count,
            message_id: message.id.clone(),
            subject: message.subject.clone(),
            content_type: message.content_type.clone(),
            correlation_id: message.correlation_id.clone(),
            properties: properties.collect(),
            body: body(&message.body, reveal),
        }
    }

    pub(crate) fn to_line(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }
}

/// A property's value, masked if it may be personal.
pub(super) fn shown(name: &str, value: &PropertyValue, reveal: bool) -> String {
    let text = match value {
        PropertyValue::Text(it) => it.clone(),
        PropertyValue::Integer(it) => it.to_string(),
        PropertyValue::Float(it) => it.to_string(),
        PropertyValue::Boolean(it) => it.to_string(),
        PropertyValue::Uuid(it) => it.to_string(),
        PropertyValue::Time(it) => time(*it),
    };
    if reveal || HARMLESS.contains(&name) { text } else { mask::text(&text) }
}

fn body(bytes: &[u8], reveal: bool) -> Body {
    match serde_json::from_slice::<Value>(bytes) {
        Ok(event) => Body::Json(if reveal { event } else { mask::event(event) }),
        Err(_) if !reveal => Body::Bytes(bytes.len()),
        Err(_) => match std::str::from_utf8(bytes) {
            Ok(text) => Body::Text(text.to_owned()),
            Err(_) => Body::Hex(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        },
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;
    use usher_bus::Message;

    use super::*;

    fn line(body: &[u8], reveal: bool) -> Value {
        let message = Message::new("m7", body.to_vec())
            .with_property("DeadLetterReason", "StripeRejected")
            .with_property("note", "ask Ada");
        let enqueued_at = OffsetDateTime::UNIX_EPOCH;
        let peeked = Peeked { message, sequence_number: 7, delivery_count: 2, enqueued_at };
        serde_json::from_str(&Record::of(&peeked, reveal).to_line().unwrap()).unwrap()
    }

    #[test]
    fn a_line_holds_all_that_is_known_and_masks_what_is_personal() {
        let body = br#"{"data": {"email": "ada@example.com", "userId": "a1b2"}}"#;
        let masked = line(body, false);
        assert_eq!((&masked["sequenceNumber"], &masked["deliveryCount"]), (&7.into(), &2.into()));
        assert_eq!((&masked["reason"], &masked["messageId"]), (&"StripeRejected".into(), &"m7".into()));
        assert_eq!(masked["body"]["data"]["userId"], "a1b2");
        assert!(!masked.to_string().contains("example.com") && !masked.to_string().contains("ask Ada"));
        let revealed = line(body, true);
        assert_eq!(revealed["body"]["data"]["email"], "ada@example.com");
        assert_eq!(revealed["properties"]["note"], "ask Ada");
    }

    #[test]
    fn what_is_no_json_is_kept_whole_if_it_may_be_shown_and_only_measured_if_not() {
        assert_eq!(line(b"Ada Lovelace", false)["bytes"], 12);
        assert_eq!(line(b"Ada Lovelace", true)["text"], "Ada Lovelace");
        assert_eq!(line(b"\xff\x01", true)["hex"], "ff01");
        assert!(!line(b"Ada Lovelace", false).to_string().contains("Ada"));
    }
}
