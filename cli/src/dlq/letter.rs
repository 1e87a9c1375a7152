//! A dead letter as a line: what tells it from the others, and nothing personal.

use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use usher_bus::Peeked;
use usher_event::{Event, property};
use usher_subscriber::dead_letters::DeadLetter;

/// What a list says of a dead letter.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Letter {
    /// Its place in the queue.
    pub(crate) sequence_number: i64,
    /// When the broker accepted the message.
    pub(crate) enqueued_at: String,
    /// Why it lies here, to group by.
    pub(crate) reason: String,
    /// Statuses, codes and ids.
    pub(crate) description: String,
    /// The event's id; the message's if the body is not an event.
    pub(crate) event_id: String,
    /// The user who signed up, if the body is an event.
    pub(crate) user_id: Option<String>,
    /// The trace of the sign-up.
    pub(crate) trace_id: Option<String>,
}

impl Letter {
    pub(crate) fn of(peeked: &Peeked) -> Self {
        let message = &peeked.message;
        let event = Event::from_json(&message.body).ok();
        let letter = DeadLetter::from(peeked);
        Self {
            sequence_number: peeked.sequence_number,
            enqueued_at: time(peeked.enqueued_at),
            reason: letter.reason().to_owned(),
            description: letter.description().to_owned(),
            event_id: event.as_ref().map_or_else(|| message.id.clone(), |event| event.id.to_string()),
            user_id: event.map(|event| event.data.user_id.to_string()),
            trace_id: message.text_property(property::TRACEPARENT).and_then(usher_telemetry::trace_id_of),
        }
    }
}

/// To the second, in UTC.
pub(crate) fn time(at: OffsetDateTime) -> String {
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}
