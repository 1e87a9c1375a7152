//! One entry of the audit log, whatever shape it came in.

use serde::{Deserialize, Deserializer};
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

/// The fields that Usher uses. The log leaves fields out, sets them to null and to "": all mean the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Its id; opaque.
    pub id: String,
    /// When it happened.
    pub at: OffsetDateTime,
    /// What happened, such as `Add user`.
    pub activity: Option<String>,
    /// Whether it succeeded.
    pub success: bool,
    /// What the entries of one operation share.
    pub correlation_id: Option<String>,
    /// Who did it.
    pub actor: AuditActor,
    /// The first user that it was done to.
    pub target_user: Option<Uuid>,
}

/// Who did something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditActor {
    /// The app's id, where the log says so.
    pub app_id: Option<Uuid>,
    /// The object id of the app's service principal in this tenant: often all that the log says.
    pub service_principal_id: Option<Uuid>,
    /// Whether a person did it, with whatever app.
    pub is_person: bool,
}

/// An entry that can't be read.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("entry {} of the audit log can't be read at {at}", id.as_deref().unwrap_or("without an id"))]
pub struct BadEntry {
    /// Its id, if that much can be read.
    pub id: Option<String>,
    /// The JSON path of the first offence.
    pub at: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    #[serde(deserialize_with = "not_empty")]
    id: String,
    #[serde(with = "time::serde::rfc3339")]
    activity_date_time: OffsetDateTime,
    #[serde(default)]
    activity_display_name: Option<String>,
    #[serde(default)]
    result: Option<String>,
    #[serde(default)]
    correlation_id: Option<String>,
    #[serde(default)]
    initiated_by: Option<RawActors>,
    #[serde(default)]
    target_resources: Option<Vec<RawTarget>>,
}

#[derive(Default, Deserialize)]
struct RawActors {
    #[serde(default)]
    app: Option<RawApp>,
    #[serde(default)]
    user: Option<RawPerson>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawApp {
    #[serde(default)]
    app_id: Option<String>,
    #[serde(default)]
    service_principal_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPerson {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    user_principal_name: Option<String>,
}

#[derive(Deserialize)]
struct RawTarget {
    #[serde(default)]
    id: Option<String>,
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct OnlyId {
    id: String,
}

impl AuditEntry {
    pub(crate) fn read(json: &str) -> Result<Self, BadEntry> {
        let mut reader = serde_json::Deserializer::from_str(json);
        let raw: Raw = serde_path_to_error::deserialize(&mut reader).map_err(|error| BadEntry {
            id: serde_json::from_str(json).ok().map(|OnlyId { id }| id),
            at: error.path().to_string(),
        })?;
        Ok(raw.into())
    }
}

impl From<Raw> for AuditEntry {
    fn from(raw: Raw) -> Self {
        Self {
            id: raw.id,
            at: raw.activity_date_time,
            activity: filled(raw.activity_display_name),
            success: raw.result.as_deref() == Some("success"),
            correlation_id: filled(raw.correlation_id),
            actor: raw.initiated_by.unwrap_or_default().into(),
            target_user: first_user(raw.target_resources.unwrap_or_default()),
        }
    }
}

impl From<RawActors> for AuditActor {
    fn from(raw: RawActors) -> Self {
        let app = raw.app.unwrap_or_default();
        let uuid = |text: Option<String>| text.and_then(|text| text.parse().ok());
        Self {
            app_id: uuid(app.app_id),
            service_principal_id: uuid(app.service_principal_id),
            is_person: raw
                .user
                .is_some_and(|person| filled(person.id.or(person.user_principal_name)).is_some()),
        }
    }
}

fn first_user(targets: Vec<RawTarget>) -> Option<Uuid> {
    let user = targets.into_iter().find(|target| target.kind.as_deref() == Some("User"))?;
    user.id?.parse().ok()
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn not_empty<'de, D: Deserializer<'de>>(reader: D) -> Result<String, D::Error> {
    let text = String::deserialize(reader)?;
    if text.is_empty() { Err(serde::de::Error::custom("empty")) } else { Ok(text) }
}
