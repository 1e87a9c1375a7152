//! Between the port's types and the machine's.

use time::OffsetDateTime;
use usher_bus::{BusError, Delivery, Message, Peeked, PropertyValue};

use crate::machine::{
    DEAD_LETTER_DESCRIPTION, DEAD_LETTER_REASON, DeadLetter, Facets, Locked, Millis, NewMessage, Seen,
    SendError,
};

pub(super) fn new_message(message: Message) -> NewMessage<Message> {
    let facets = Facets {
        message_id: Some(message.id.clone()),
        correlation_id: message.correlation_id.clone(),
        subject: message.subject.clone(),
        content_type: message.content_type.clone(),
        properties: message.properties.clone(),
        time_to_live: message.time_to_live,
        size: size(&message),
        ..Facets::default()
    };
    NewMessage { facets, payload: message }
}

/// About what the message takes when encoded: AMQP adds a few bytes to each value.
fn size(message: &Message) -> usize {
    let optional = [&message.subject, &message.content_type, &message.correlation_id];
    let texts: usize = optional.into_iter().flatten().map(String::len).sum();
    let properties: usize =
        message.properties.iter().map(|(name, value)| name.len() + value_size(value)).sum();
    message.body.len() + message.id.len() + texts + properties
}

fn value_size(value: &PropertyValue) -> usize {
    match value {
        PropertyValue::Text(text) => text.len(),
        PropertyValue::Uuid(_) => 16,
        PropertyValue::Integer(_) | PropertyValue::Float(_) | PropertyValue::Time(_) => 8,
        PropertyValue::Boolean(_) => 1,
    }
}

pub(super) fn delivery(locked: Locked<Message>, now: Millis) -> Delivery {
    Delivery {
        message: explained(locked.payload, locked.dead_letter),
        lock: locked.token,
        sequence_number: locked.sequence_number,
        delivery_count: locked.delivery_count,
        enqueued_at: moment(locked.enqueued_at),
        locked_for: now.until(locked.locked_until),
    }
}

pub(super) fn peeked(seen: Seen<Message>) -> Peeked {
    Peeked {
        message: explained(seen.payload, seen.dead_letter),
        sequence_number: seen.sequence_number,
        delivery_count: seen.delivery_count,
        enqueued_at: moment(seen.enqueued_at),
    }
}

/// The message with the properties that tell why it was dead-lettered; an empty text was not given.
fn explained(mut message: Message, dead_letter: Option<DeadLetter>) -> Message {
    if let Some(DeadLetter { reason, description, .. }) = dead_letter {
        for (name, text) in [(DEAD_LETTER_REASON, reason), (DEAD_LETTER_DESCRIPTION, description)] {
            if !text.is_empty() {
                message.properties.insert(name.to_owned(), text.into());
            }
        }
    }
    message
}

fn moment(at: Millis) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .expect("every moment that the machine was told came out of the clock as an OffsetDateTime")
}

pub(super) fn refused(error: SendError) -> BusError {
    match error {
        SendError::Full => BusError::Full,
        SendError::TooLarge => BusError::TooLarge,
        SendError::NotSendable => BusError::Refused(error.to_string()),
    }
}
