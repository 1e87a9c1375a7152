//! The CloudEvents envelope: written, read, and checked against its data.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{EventError, EventId, UserSignedUp};

/// Media type of a message's body.
pub const CONTENT_TYPE: &str = "application/cloudevents+json";
/// Subject of the message that carries the event.
pub const SUBJECT: &str = "UserSignedUp";
/// The event's type; the major version is its last part.
pub const EVENT_TYPE: &str = "usher.user-signed-up.v1";

const TYPE_BEFORE_VERSION: &str = "usher.user-signed-up.v";
const SPEC_VERSION: &str = "1.0";
const SOURCE_BEFORE_TENANT: &str = "https://graph.microsoft.com/tenants/";
const DATA_SCHEMA: &str = "urn:usher:schema:user-signed-up:v1";
const DATA_CONTENT_TYPE: &str = "application/json";

/// A sign-up in its envelope. Made from the data alone, so that the two can't contradict each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The same for every message about this sign-up.
    pub id: EventId,
    /// What happened.
    pub data: UserSignedUp,
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a, Data> {
    #[serde(borrow)]
    specversion: Cow<'a, str>,
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    subject: Cow<'a, str>,
    #[serde(with = "time::serde::rfc3339")]
    time: OffsetDateTime,
    #[serde(default)]
    datacontenttype: Option<Cow<'a, str>>,
    #[serde(default)]
    dataschema: Option<Cow<'a, str>>,
    data: Data,
}

/// The part of any CloudEvent that says whether the rest can be read.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

impl Event {
    /// The event for this sign-up.
    pub fn new(data: UserSignedUp) -> Self {
        Self { id: EventId::of(data.tenant_id, data.user_id), data }
    }

    /// The body of the message that carries it.
    pub fn to_json(&self) -> Vec<u8> {
        let envelope = Envelope {
            specversion: SPEC_VERSION.into(),
            kind: EVENT_TYPE.into(),
            source: source(self.data.tenant_id).into(),
            id: self.id.to_string().into(),
            subject: self.data.user_id.to_string().into(),
            time: self.data.signed_up_at,
            datacontenttype: Some(DATA_CONTENT_TYPE.into()),
            dataschema: Some(DATA_SCHEMA.into()),
            data: &self.data,
        };
        serde_json::to_vec(&envelope).expect("strings, numbers and maps with text keys always serialise")
    }

    /// Reads a message's body.
    ///
    /// # Errors
    /// [`EventError`] says which part can't be read, and never what stands there.
    pub fn from_json(body: &[u8]) -> Result<Self, EventError> {
        let envelope: Envelope<'_, UserSignedUp> = serde_json::from_slice(body).or_else(|_| explain(body))?;
        check_kind(&envelope.kind)?;
        let event = Self::new(envelope.data);
        let consistent =
            |field, holds: bool| if holds { Ok(()) } else { Err(EventError::Inconsistent { field }) };
        consistent("specversion", envelope.specversion == SPEC_VERSION)?;
        consistent("id", envelope.id == event.id.to_string())?;
        consistent("source", envelope.source == source(event.data.tenant_id))?;
        consistent("subject", envelope.subject == event.data.user_id.to_string())?;
        Ok(event)
    }
}

fn source(tenant_id: Uuid) -> String {
    format!("{SOURCE_BEFORE_TENANT}{tenant_id}")
}

fn check_kind(kind: &str) -> Result<(), EventError> {
    let version = kind.strip_prefix(TYPE_BEFORE_VERSION).and_then(|version| version.parse().ok());
    match version {
        Some(1) => Ok(()),
        Some(other) => Err(EventError::UnknownMajorVersion(other)),
        None => Err(EventError::UnknownType),
    }
}

/// Reads once more what could not be read, now keeping track of the place. An event of another kind is told as
/// such, whatever else is unlike ours in it.
fn explain(body: &[u8]) -> Result<Envelope<'_, UserSignedUp>, EventError> {
    check_kind(&decode::<Kind>(body)?.kind)?;
    decode(body)
}

fn decode<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, EventError> {
    let mut json = serde_json::Deserializer::from_slice(body);
    serde_path_to_error::deserialize(&mut json).map_err(|error| EventError::from_json(&error))
}
