//! Taking in what a sender sent.

use bytes::{BufMut, Bytes};

use super::{Sections, annotation, facets::facets, section};
use crate::{
    machine::NewMessage,
    wire::codec::{
        reader::{Malformed, Reader},
        write,
    },
};

/// The message format of a batch: its body's data sections are encoded messages (Service Bus's own).
pub(crate) const BATCH_FORMAT: u32 = 0x8001_3700;

/// The messages in a delivery: one, or those of a batch.
pub(crate) fn admit(delivery: &[u8], format: u32) -> Result<Vec<NewMessage<Bytes>>, Malformed> {
    if format != BATCH_FORMAT {
        return admit_one(delivery).map(|message| vec![message]);
    }
    Sections::of(delivery)?.data().map(|message| admit_one(message?)).collect()
}

fn admit_one(message: &[u8]) -> Result<NewMessage<Bytes>, Malformed> {
    let sections = Sections::of(message)?;
    let facets = facets(&sections, message.len())?;
    let payload = if names_ours(&sections)? {
        without_ours(&sections)?.into()
    } else {
        Bytes::copy_from_slice(message)
    };
    Ok(NewMessage { facets, payload })
}

/// Whether there is an annotation that only the broker may give: when a received message is sent again as it is.
/// Looking at all of them also proves the section well-formed.
fn names_ours(sections: &Sections<'_>) -> Result<bool, Malformed> {
    let mut entries = sections.message_annotations()?;
    let mut found = false;
    while let Some(entry) = entries.entry() {
        found |= annotation::is_ours(entry?.0);
    }
    Ok(found)
}

fn without_ours(sections: &Sections<'_>) -> Result<Vec<u8>, Malformed> {
    let (count, kept) = kept_entries(sections.message_annotations, annotation::is_ours)?;
    let mut out = Vec::new();
    put_section(&mut out, section::HEADER, sections.header);
    write::section_map(&mut out, section::MESSAGE_ANNOTATIONS, count, |out| out.put_slice(&kept));
    put_section(&mut out, section::PROPERTIES, sections.properties);
    put_section(&mut out, section::APPLICATION_PROPERTIES, sections.application_properties);
    out.put_slice(sections.body);
    Ok(out)
}

pub(super) fn put_section<B: BufMut>(out: &mut B, descriptor: u8, value: Option<&[u8]>) {
    if let Some(value) = value {
        out.put_slice(&[0x00, 0x53, descriptor]);
        out.put_slice(value);
    }
}

/// The entries of a map whose keys are not to be dropped, as they were encoded, and how many keys and values.
pub(super) fn kept_entries(
    map: Option<&[u8]>,
    dropped: impl Fn(&str) -> bool,
) -> Result<(u32, Vec<u8>), Malformed> {
    let (mut count, mut kept) = (0, Vec::new());
    let Some(map) = map else { return Ok((count, kept)) };
    let mut entries = Reader::new(map).map()?;
    while entries.len() > 0 {
        let (key, value) = (entries.encoded()?, entries.encoded()?);
        if !Reader::new(key).value()?.text().is_some_and(&dropped) {
            kept.extend_from_slice(key);
            kept.extend_from_slice(value);
            count += 2;
        }
    }
    Ok((count, kept))
}
