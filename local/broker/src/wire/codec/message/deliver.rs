//! Putting the broker's own sections around a stored message.

use bytes::BufMut;
use usher_bus::LockToken;

use super::{
    Sections,
    admit::{kept_entries, put_section},
    annotation, section,
};
use crate::{
    machine::{DEAD_LETTER_DESCRIPTION, DEAD_LETTER_REASON, DeadLetter, Locked, Millis, Seen},
    wire::codec::{reader::Malformed, write},
};

/// What the broker knows of a message that the sender didn't.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stamp<'a> {
    pub(crate) sequence_number: i64,
    pub(crate) delivery_count: u32,
    pub(crate) enqueued_at: Millis,
    pub(crate) locked_until: Option<Millis>,
    pub(crate) token: Option<LockToken>,
    pub(crate) dead_letter: Option<&'a DeadLetter>,
}

impl<'a, P> From<&'a Locked<P>> for Stamp<'a> {
    fn from(locked: &'a Locked<P>) -> Self {
        Self {
            sequence_number: locked.sequence_number,
            delivery_count: locked.delivery_count,
            enqueued_at: locked.enqueued_at,
            locked_until: Some(locked.locked_until),
            token: Some(locked.token),
            dead_letter: locked.dead_letter.as_ref(),
        }
    }
}

impl<'a, P> From<&'a Seen<P>> for Stamp<'a> {
    fn from(seen: &'a Seen<P>) -> Self {
        Self {
            sequence_number: seen.sequence_number,
            delivery_count: seen.delivery_count,
            enqueued_at: seen.enqueued_at,
            locked_until: seen.locked_until,
            token: None,
            dead_letter: seen.dead_letter.as_ref(),
        }
    }
}

/// Appends the message as it is delivered.
pub(crate) fn deliver<B: BufMut + AsMut<[u8]>>(
    out: &mut B,
    message: &[u8],
    stamp: &Stamp<'_>,
) -> Result<(), Malformed> {
    let sections = Sections::of(message)?;
    header(out, &sections, stamp.delivery_count)?;
    if let Some(LockToken(token)) = stamp.token {
        write::section_map(out, section::DELIVERY_ANNOTATIONS, 2, |out| {
            write::symbol(out, annotation::LOCK_TOKEN);
            write::uuid(out, token);
        });
    }
    annotations(out, &sections, stamp)?;
    put_section(out, section::PROPERTIES, sections.properties);
    match stamp.dead_letter {
        Some(why) => dead_letter_properties(out, sections.application_properties, why)?,
        None => put_section(out, section::APPLICATION_PROPERTIES, sections.application_properties),
    }
    out.put_slice(sections.body);
    Ok(())
}

/// The sender's durability, priority and time to live, and our delivery count.
fn header<B: BufMut + AsMut<[u8]>>(
    out: &mut B,
    sections: &Sections<'_>,
    delivery_count: u32,
) -> Result<(), Malformed> {
    let mut fields = sections.header()?;
    let kept = [fields.encoded()?, fields.encoded()?, fields.encoded()?];
    write::composite(out, section::HEADER, 5, |out| {
        kept.into_iter().for_each(|field| out.put_slice(field));
        write::null(out);
        write::uint(out, delivery_count);
    });
    Ok(())
}

fn annotations<B: BufMut + AsMut<[u8]>>(
    out: &mut B,
    sections: &Sections<'_>,
    stamp: &Stamp<'_>,
) -> Result<(), Malformed> {
    let given = sections.message_annotations()?;
    let source = stamp.dead_letter.map(|why| why.source.as_str());
    let ours = 2 + u32::from(stamp.locked_until.is_some()) + u32::from(source.is_some());
    let count = 2 * ours + u32::try_from(given.len()).unwrap_or(0);
    write::section_map(out, section::MESSAGE_ANNOTATIONS, count, |out| {
        write::symbol(out, annotation::SEQUENCE_NUMBER);
        write::long(out, stamp.sequence_number);
        write::symbol(out, annotation::ENQUEUED_TIME);
        write::timestamp(out, stamp.enqueued_at.0);
        if let Some(until) = stamp.locked_until {
            write::symbol(out, annotation::LOCKED_UNTIL);
            write::timestamp(out, until.0);
        }
        if let Some(source) = source {
            write::symbol(out, annotation::DEAD_LETTER_SOURCE);
            write::text(out, source);
        }
        out.put_slice(given.rest());
    });
    Ok(())
}

/// The reason and the description replace those that an earlier life as a dead letter may have left.
fn dead_letter_properties<B: BufMut + AsMut<[u8]>>(
    out: &mut B,
    given: Option<&[u8]>,
    why: &DeadLetter,
) -> Result<(), Malformed> {
    let (count, kept) =
        kept_entries(given, |key| [DEAD_LETTER_REASON, DEAD_LETTER_DESCRIPTION].contains(&key))?;
    let added = [(DEAD_LETTER_REASON, &why.reason), (DEAD_LETTER_DESCRIPTION, &why.description)];
    let added = added.into_iter().filter(|(_, value)| !value.is_empty());
    let total = count + 2 * u32::try_from(added.clone().count()).unwrap_or(0);
    write::section_map(out, section::APPLICATION_PROPERTIES, total, |out| {
        out.put_slice(&kept);
        for (key, value) in added {
            write::text(out, key);
            write::text(out, value);
        }
    });
    Ok(())
}
