//! What the machine looks at in a message.

use std::{collections::BTreeMap, fmt::Write, time::Duration};

use time::OffsetDateTime;
use usher_bus::PropertyValue;

use super::Sections;
use crate::{
    machine::Facets,
    wire::codec::{
        items::Items,
        reader::{Malformed, Value},
    },
};

/// Looks it up. `size` is the size of the whole message in bytes.
pub(super) fn facets(sections: &Sections<'_>, size: usize) -> Result<Facets, Malformed> {
    let mut fields = sections.properties()?;
    let message_id = id(fields.field()?)?;
    let _user_id = fields.field()?;
    let to = text(&mut fields)?;
    let subject = text(&mut fields)?;
    let reply_to = text(&mut fields)?;
    let correlation_id = id(fields.field()?)?;
    let content_type = text(&mut fields)?;
    let _content_encoding = fields.field()?;
    let lifetime = lifetime(&mut fields)?;
    let session_id = text(&mut fields)?;
    let _group_sequence = fields.field()?;
    let reply_to_session_id = text(&mut fields)?;
    Ok(Facets {
        message_id,
        correlation_id,
        subject,
        to,
        reply_to,
        reply_to_session_id,
        session_id,
        content_type,
        properties: properties(sections.application_properties()?)?,
        time_to_live: lifetime.or(time_to_live(sections.header()?)?),
        size,
    })
}

fn text(fields: &mut Items<'_>) -> Result<Option<String>, Malformed> {
    Ok(fields.field()?.text().map(str::to_owned))
}

/// Ids may be numbers, UUIDs and bytes as well (3.2.11 to 3.2.14). They are compared as text.
fn id(value: Value<'_>) -> Result<Option<String>, Malformed> {
    Ok(match value {
        Value::Null => None,
        Value::Text(text) => Some(text.to_owned()),
        Value::Unsigned(number) => Some(number.to_string()),
        Value::Uuid(uuid) => Some(uuid.to_string()),
        Value::Binary(bytes) => Some(hex(bytes)),
        _ => return Err(Malformed("an id is of no type that ids have")),
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        // Writing to a string can't fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// The header counts in milliseconds of 32 bits. For longer ones the SDKs also set an expiry and a creation
/// time in the properties, which then count.
fn lifetime(fields: &mut Items<'_>) -> Result<Option<Duration>, Malformed> {
    match (fields.field()?, fields.field()?) {
        (Value::Timestamp(expiry), Value::Timestamp(creation)) => {
            Ok(Some(Duration::from_millis(u64::try_from(expiry.saturating_sub(creation)).unwrap_or(0))))
        }
        _ => Ok(None),
    }
}

fn time_to_live(mut header: Items<'_>) -> Result<Option<Duration>, Malformed> {
    let _durable_and_priority = (header.field()?, header.field()?);
    Ok(header.field()?.number()?.map(|millis| Duration::from_millis(millis.into())))
}

fn properties(mut entries: Items<'_>) -> Result<BTreeMap<String, PropertyValue>, Malformed> {
    let mut properties = BTreeMap::new();
    while let Some(entry) = entries.entry() {
        let (name, value) = entry?;
        if let Some(value) = property(value) {
            properties.insert(name.to_owned(), value);
        }
    }
    Ok(properties)
}

/// Null counts as missing; bytes and decimals have no place in a rule.
#[expect(clippy::cast_precision_loss, reason = "beyond 63 bits nothing but an approximation is left")]
fn property(value: Value<'_>) -> Option<PropertyValue> {
    Some(match value {
        Value::Boolean(flag) => PropertyValue::Boolean(flag),
        Value::Signed(number) => PropertyValue::Integer(number),
        Value::Unsigned(number) => {
            i64::try_from(number).map_or(PropertyValue::Float(number as f64), PropertyValue::Integer)
        }
        Value::Float(number) => PropertyValue::Float(number),
        Value::Character(character) => PropertyValue::Text(character.into()),
        Value::Text(text) | Value::Symbol(text) => PropertyValue::Text(text.to_owned()),
        Value::Uuid(uuid) => PropertyValue::Uuid(uuid),
        Value::Timestamp(millis) => PropertyValue::Time(moment(millis)?),
        _ => return None,
    })
}

fn moment(millis: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis) * 1_000_000).ok()
}
