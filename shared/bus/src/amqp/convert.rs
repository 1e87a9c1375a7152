//! Our messages as AMQP messages, and back.
//!
//! Application properties keep their kind: text, whole numbers of any width, floating point, truth values, UUIDs and
//! times. Symbols, characters and whole numbers beyond 64 signed bits become text; nulls, binary and decimals, which
//! nothing of ours sends or reads, are dropped. A body that is not binary but a single string keeps its bytes; any
//! other value or sequence leaves an empty body, which whoever decodes it refuses with a reason.

use std::time::Duration;

use bytes::Bytes;
use fe2o3_amqp::Sendable;
use fe2o3_amqp_types::{
    definitions::DeliveryTag,
    messaging::{
        AmqpValue, ApplicationProperties, Body, Data, Header, Message as AmqpMessage, MessageAnnotations,
        MessageId, Properties, annotations::AnnotationKey,
    },
    primitives::{Binary, OrderedMap, SimpleValue, Timestamp, Value},
};
use time::OffsetDateTime;
use usher_clock::Clock;
use uuid::Uuid;

use crate::{Delivery, LockToken, Message, Peeked, PropertyValue};

/// What a body may be on arrival.
pub(crate) type WireBody = Body<Value>;
/// A message on arrival.
pub(crate) type WireMessage = AmqpMessage<WireBody>;
/// A message ready to be sent, more than once if need be.
pub(crate) type WireSendable = Sendable<Data>;

const SEQUENCE_NUMBER: &str = "x-opt-sequence-number";
const ENQUEUED_TIME: &str = "x-opt-enqueued-time";
const LOCKED_UNTIL: &str = "x-opt-locked-until";

/// The longest lock that Service Bus can be told to give.
const LONGEST_LOCK: Duration = Duration::from_secs(5 * 60);
/// What we take a lock to last if what the broker says can't be right; the broker's usual minute, halved for safety.
const ASSUMED_LOCK: Duration = Duration::from_secs(30);

/// A message as it goes onto the wire.
pub(crate) fn to_wire(message: Message) -> WireSendable {
    let properties = Properties {
        message_id: Some(MessageId::String(message.id)),
        subject: message.subject,
        content_type: message.content_type.map(Into::into),
        correlation_id: message.correlation_id.map(MessageId::String),
        ..Properties::default()
    };
    let header = message.time_to_live.map(|ttl| Header {
        ttl: Some(u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX)),
        ..Header::default()
    });
    let application = message.properties.into_iter().map(|(name, value)| (name, simple_value(value)));
    let message = AmqpMessage {
        header,
        delivery_annotations: None,
        message_annotations: None,
        properties: Some(properties),
        application_properties: Some(ApplicationProperties(application.collect::<OrderedMap<_, _>>())),
        body: Data(Binary::from(Vec::from(message.body))),
        footer: None,
    };
    Sendable { message, message_format: 0, settled: Some(false) }
}

fn simple_value(value: PropertyValue) -> SimpleValue {
    match value {
        PropertyValue::Text(text) => SimpleValue::String(text),
        PropertyValue::Integer(number) => SimpleValue::Long(number),
        PropertyValue::Float(number) => SimpleValue::Double(number.into()),
        PropertyValue::Boolean(truth) => SimpleValue::Bool(truth),
        PropertyValue::Uuid(uuid) => SimpleValue::Uuid(uuid.into()),
        PropertyValue::Time(time) => SimpleValue::Timestamp(Timestamp::from_milliseconds(milliseconds(time))),
    }
}

/// A message that was received under the lock that its tag names.
pub(crate) fn delivery(tag: &DeliveryTag, message: WireMessage, clock: Clock) -> Delivery {
    let locked_until = time_annotation(&message, LOCKED_UNTIL);
    let seen = peeked(message, clock);
    Delivery {
        message: seen.message,
        lock: lock_token(tag),
        sequence_number: seen.sequence_number,
        delivery_count: seen.delivery_count,
        enqueued_at: seen.enqueued_at,
        locked_for: lock_duration(locked_until, clock),
    }
}

/// A message that was only looked at.
pub(crate) fn peeked(message: WireMessage, clock: Clock) -> Peeked {
    Peeked {
        sequence_number: integer_annotation(&message, SEQUENCE_NUMBER).unwrap_or_default(),
        delivery_count: message.header.as_ref().map(|header| header.delivery_count).unwrap_or_default(),
        enqueued_at: time_annotation(&message, ENQUEUED_TIME).unwrap_or_else(|| clock.now()),
        message: from_wire(message),
    }
}

/// How much longer a lock lasts that runs out at `until` by the broker's clock. Where that is nothing, or more than
/// the broker ever gives, the two clocks differ: then a cautious assumption has to do.
pub(crate) fn lock_duration(until: Option<OffsetDateTime>, clock: Clock) -> Duration {
    let left = until.map(|until| clock.until(until)).unwrap_or_default();
    if left.is_zero() || left > LONGEST_LOCK { ASSUMED_LOCK } else { left }
}

/// The lock token is the delivery tag, read as a little-endian GUID.
fn lock_token(tag: &DeliveryTag) -> LockToken {
    let mut bytes = [0; 16];
    for (byte, of_tag) in bytes.iter_mut().zip(tag.iter()) {
        *byte = *of_tag;
    }
    LockToken(Uuid::from_bytes_le(bytes))
}

fn from_wire(message: WireMessage) -> Message {
    let properties = message.properties.unwrap_or_default();
    let application = message.application_properties.unwrap_or_default().0.into_iter();
    Message {
        id: properties.message_id.map(id_text).unwrap_or_default(),
        subject: properties.subject,
        content_type: properties.content_type.map(|symbol| symbol.0),
        correlation_id: properties.correlation_id.map(id_text),
        body: body_bytes(message.body),
        properties: application.filter_map(|(name, value)| Some((name, property_value(value)?))).collect(),
        time_to_live: message
            .header
            .and_then(|header| header.ttl)
            .map(|ttl| Duration::from_millis(ttl.into())),
    }
}

fn id_text(id: MessageId) -> String {
    match id {
        MessageId::String(text) => text,
        MessageId::Uuid(uuid) => Uuid::from(uuid).to_string(),
        MessageId::Ulong(number) => number.to_string(),
        MessageId::Binary(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

fn body_bytes(body: WireBody) -> Bytes {
    match body {
        Body::Data(mut sections) if sections.len() == 1 => {
            sections.pop().map(|Data(bytes)| Bytes::from(bytes.into_vec())).unwrap_or_default()
        }
        Body::Data(sections) => sections.iter().flat_map(|Data(bytes)| bytes.iter().copied()).collect(),
        Body::Value(AmqpValue(Value::String(text))) => Bytes::from(text),
        Body::Value(AmqpValue(Value::Binary(bytes))) => Bytes::from(bytes.into_vec()),
        Body::Value(_) | Body::Sequence(_) | Body::Empty => Bytes::new(),
    }
}

fn property_value(value: SimpleValue) -> Option<PropertyValue> {
    use PropertyValue::{Boolean, Float, Integer, Text, Time};
    Some(match value {
        SimpleValue::String(text) => Text(text),
        SimpleValue::Symbol(symbol) => Text(symbol.0),
        SimpleValue::Char(character) => Text(character.to_string()),
        SimpleValue::Bool(truth) => Boolean(truth),
        SimpleValue::Ubyte(number) => Integer(number.into()),
        SimpleValue::Ushort(number) => Integer(number.into()),
        SimpleValue::Uint(number) => Integer(number.into()),
        SimpleValue::Ulong(number) => {
            i64::try_from(number).map_or_else(|_| Text(number.to_string()), Integer)
        }
        SimpleValue::Byte(number) => Integer(number.into()),
        SimpleValue::Short(number) => Integer(number.into()),
        SimpleValue::Int(number) => Integer(number.into()),
        SimpleValue::Long(number) => Integer(number),
        SimpleValue::Float(number) => Float(number.into_inner().into()),
        SimpleValue::Double(number) => Float(number.into_inner()),
        SimpleValue::Uuid(uuid) => PropertyValue::Uuid(uuid.into()),
        SimpleValue::Timestamp(time) => Time(instant(time.milliseconds())?),
        _ => return None,
    })
}

fn annotation<'a>(message: &'a WireMessage, name: &str) -> Option<&'a Value> {
    let MessageAnnotations(annotations) = message.message_annotations.as_ref()?;
    annotations.get(&name as &dyn AnnotationKey)
}

fn integer_annotation(message: &WireMessage, name: &str) -> Option<i64> {
    match annotation(message, name)? {
        Value::Long(number) => Some(*number),
        Value::Ulong(number) => i64::try_from(*number).ok(),
        _ => None,
    }
}

fn time_annotation(message: &WireMessage, name: &str) -> Option<OffsetDateTime> {
    match annotation(message, name)? {
        Value::Timestamp(time) => instant(time.milliseconds()),
        _ => None,
    }
}

/// A point in time, from AMQP's milliseconds since 1970.
pub(crate) fn instant(milliseconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000).ok()
}

fn milliseconds(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos().div_euclid(1_000_000)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
