//! Where the sections of an encoded message lie.

use super::section;
use crate::wire::codec::{
    items::Items,
    reader::{Malformed, Reader},
};

/// A message cut at its sections. Each holds the section's value without its descriptor.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sections<'a> {
    pub(crate) header: Option<&'a [u8]>,
    pub(crate) message_annotations: Option<&'a [u8]>,
    pub(crate) properties: Option<&'a [u8]>,
    pub(crate) application_properties: Option<&'a [u8]>,
    /// The body's sections and the footer, descriptors included.
    pub(crate) body: &'a [u8],
}

impl<'a> Sections<'a> {
    /// Cuts a message. The sections must come in their order, and a body must be there.
    pub(crate) fn of(message: &'a [u8]) -> Result<Self, Malformed> {
        let mut sections = Self::default();
        let mut reader = Reader::new(message);
        let mut before = 0;
        while !reader.is_empty() {
            let from = reader.rest();
            let (descriptor, value) = reader.described()?;
            let code = u8::try_from(descriptor).unwrap_or(u8::MAX);
            if code <= before {
                return Err(Malformed("the sections of a message are out of order"));
            }
            before = code;
            match code {
                section::HEADER => sections.header = Some(value),
                section::DELIVERY_ANNOTATIONS => {}
                section::MESSAGE_ANNOTATIONS => sections.message_annotations = Some(value),
                section::PROPERTIES => sections.properties = Some(value),
                section::APPLICATION_PROPERTIES => sections.application_properties = Some(value),
                section::DATA | section::SEQUENCE | section::VALUE => {
                    sections.body = from;
                    return only_body(reader).map(|()| sections);
                }
                _ => return Err(Malformed("a section of a message is unknown")),
            }
        }
        Err(Malformed("a message has no body"))
    }

    /// The fields of the header.
    pub(crate) fn header(&self) -> Result<Items<'a>, Malformed> {
        list(self.header)
    }

    /// The fields of the properties.
    pub(crate) fn properties(&self) -> Result<Items<'a>, Malformed> {
        list(self.properties)
    }

    /// The entries of the message annotations.
    pub(crate) fn message_annotations(&self) -> Result<Items<'a>, Malformed> {
        map(self.message_annotations)
    }

    /// The entries of the application properties.
    pub(crate) fn application_properties(&self) -> Result<Items<'a>, Malformed> {
        map(self.application_properties)
    }

    /// What the data sections hold, in order.
    pub(crate) fn data(&self) -> impl Iterator<Item = Result<&'a [u8], Malformed>> + use<'a> {
        let mut reader = Reader::new(self.body);
        std::iter::from_fn(move || (!reader.is_empty()).then(|| data(&mut reader)))
    }
}

fn only_body(mut reader: Reader<'_>) -> Result<(), Malformed> {
    while !reader.is_empty() {
        let (descriptor, _) = reader.described()?;
        if !(u64::from(section::DATA)..=u64::from(section::FOOTER)).contains(&descriptor) {
            return Err(Malformed("a section follows the body"));
        }
    }
    Ok(())
}

fn data<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let (descriptor, value) = reader.described()?;
    if descriptor != u64::from(section::DATA) {
        return Err(Malformed("a batch holds something else than data"));
    }
    Reader::new(value).binary()
}

fn list(encoded: Option<&[u8]>) -> Result<Items<'_>, Malformed> {
    encoded.map_or(Ok(Items::none()), |encoded| Reader::new(encoded).list())
}

fn map(encoded: Option<&[u8]>) -> Result<Items<'_>, Malformed> {
    encoded.map_or(Ok(Items::none()), |encoded| Reader::new(encoded).map())
}
