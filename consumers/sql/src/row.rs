//! The row that a sign-up becomes.

use std::{collections::BTreeMap, fmt};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use time::{Duration, OffsetDateTime, UtcOffset};
use usher_event::{Event, EventId, IdentityProvider};
use uuid::Uuid;

/// How many columns there are.
pub(crate) const WIDTH: usize = 17;
/// The longest text in a column, in characters: what Graph has for a display name.
pub(crate) const TEXT: usize = 256;
/// The longest address, in characters: RFC 3696, 64 before the @ and 255 after it.
pub(crate) const EMAIL: usize = 320;

/// Where somebody signs in who has an account elsewhere.
const FEDERATED: &str = "federated";
/// What every user has, and nobody signs up with.
const PRINCIPAL_NAME: &str = "userPrincipalName";

/// A sign-up as the table has it, each field under its column's name. All texts are as they were typed, but without
/// NUL, which PostgreSQL can't hold, and no longer than their columns. Times are in UTC, to the microsecond, which is as
/// fine as the three databases are. `Debug` shows ids only.
///
/// As JSON, ids and times are texts, such as `2026-03-01T09:30:00.123456Z`.
#[derive(Clone, PartialEq, Serialize)]
pub struct Row {
    /// The user's object id: the key.
    pub user_id: Uuid,
    /// The event's.
    pub event_id: EventId,
    /// The external tenant.
    pub tenant_id: Uuid,
    /// E-mail address, if there is one.
    pub email: Option<String>,
    /// Whether the tenant itself verified the address.
    pub email_verified: bool,
    /// May be `unknown`, which Entra writes where nobody was asked.
    pub display_name: Option<String>,
    /// First name, if asked for.
    pub given_name: Option<String>,
    /// Last name, if asked for.
    pub surname: Option<String>,
    /// With whom the user signs in, such as `google.com`, or else how, such as `emailAddress`.
    pub identity_provider: Option<String>,
    /// All ways in which the user signs in, as the event has them.
    pub identity_providers: Value,
    /// The application through which the user signed up.
    pub app_id: Option<String>,
    /// Custom attributes by name.
    pub attributes: Value,
    /// The entry of the audit log that told of the sign-up.
    pub audit_id: String,
    /// What the entries of one operation share.
    pub audit_correlation_id: Option<String>,
    /// When the sign-up was recorded.
    #[serde(serialize_with = "as_iso")]
    pub signed_up_at: OffsetDateTime,
    /// When it was handled: becomes `first_seen_at` of a new row, and `updated_at` of one that changes.
    #[serde(serialize_with = "as_iso")]
    pub seen_at: OffsetDateTime,
}

impl Row {
    /// What this sign-up becomes, handled at this moment.
    pub fn of(event: &Event, now: OffsetDateTime) -> Self {
        let data = &event.data;
        Self {
            user_id: data.user_id,
            event_id: event.id,
            tenant_id: data.tenant_id,
            email: clean_optional(data.email.as_deref(), EMAIL),
            email_verified: data.email_verified,
            display_name: clean_optional(data.display_name.as_deref(), TEXT),
            given_name: clean_optional(data.given_name.as_deref(), TEXT),
            surname: clean_optional(data.surname.as_deref(), TEXT),
            identity_provider: clean_optional(provider(&data.identity_providers), TEXT),
            identity_providers: data.identity_providers.iter().map(provider_json).collect(),
            app_id: clean_optional(data.app_id.as_deref(), TEXT),
            attributes: clean_object(&data.attributes),
            audit_id: clean(&data.audit.id, TEXT),
            audit_correlation_id: clean_optional(data.audit.correlation_id.as_deref(), TEXT),
            signed_up_at: to_the_microsecond(data.signed_up_at),
            seen_at: to_the_microsecond(now),
        }
    }

    /// Nobody's row, for the probe, which takes it back. Another nobody's each time: replicas that probe at once would
    /// wait for one another's, and MariaDB calls that a deadlock.
    pub(crate) fn sample() -> Self {
        let user_id = Uuid::new_v4();
        Self {
            user_id,
            event_id: EventId::of(Uuid::nil(), user_id),
            tenant_id: Uuid::nil(),
            email: None,
            email_verified: false,
            display_name: None,
            given_name: None,
            surname: None,
            identity_provider: None,
            identity_providers: Value::Array(vec![]),
            app_id: None,
            attributes: Value::Object(Map::new()),
            audit_id: String::new(),
            audit_correlation_id: None,
            signed_up_at: OffsetDateTime::UNIX_EPOCH,
            seen_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    /// As texts, in the order of the columns.
    pub(crate) fn values(&self) -> [Option<String>; WIDTH] {
        let seen_at = iso(self.seen_at);
        [
            Some(self.user_id.to_string()),
            Some(self.event_id.to_string()),
            Some(self.tenant_id.to_string()),
            self.email.clone(),
            Some(if self.email_verified { "1" } else { "0" }.to_owned()),
            self.display_name.clone(),
            self.given_name.clone(),
            self.surname.clone(),
            self.identity_provider.clone(),
            Some(self.identity_providers.to_string()),
            self.app_id.clone(),
            Some(self.attributes.to_string()),
            Some(self.audit_id.clone()),
            self.audit_correlation_id.clone(),
            Some(iso(self.signed_up_at)),
            Some(seen_at.clone()),
            Some(seen_at),
        ]
    }
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("user_id", &self.user_id)
            .field("event_id", &self.event_id)
            .field("signed_up_at", &self.signed_up_at)
            .finish_non_exhaustive()
    }
}

fn provider(all: &[IdentityProvider]) -> Option<&str> {
    let elsewhere =
        all.iter().find(|one| one.sign_in_type == FEDERATED).and_then(|one| one.issuer.as_deref());
    let here = || all.iter().map(|one| one.sign_in_type.as_str()).find(|kind| *kind != PRINCIPAL_NAME);
    elsewhere.or_else(here)
}

fn provider_json(one: &IdentityProvider) -> Value {
    let kind = Some(clean(&one.sign_in_type, TEXT));
    let fields = [("signInType", kind), ("issuer", clean_optional(one.issuer.as_deref(), TEXT))];
    fields.into_iter().filter_map(|(name, text)| Some((name, text?))).collect()
}

fn clean_object(fields: &BTreeMap<String, Value>) -> Value {
    fields.iter().map(|(name, value)| (without_nul(name), clean_json(value))).collect()
}

/// PostgreSQL can't hold a NUL in JSON either, escaped as it is.
fn clean_json(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(without_nul(text)),
        Value::Array(items) => items.iter().map(clean_json).collect(),
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (without_nul(name), clean_json(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn clean_optional(text: Option<&str>, most: usize) -> Option<String> {
    text.map(|text| clean(text, most))
}

fn clean(text: &str, most: usize) -> String {
    text.chars().filter(|c| *c != '\0').take(most).collect()
}

fn without_nul(text: &str) -> String {
    text.replace('\0', "")
}

/// Rounded the same way by us whatever the database would do: else a repeat would differ from what is there.
fn to_the_microsecond(at: OffsetDateTime) -> OffsetDateTime {
    let at = at.to_offset(UtcOffset::UTC);
    at - Duration::nanoseconds(i64::from(at.nanosecond() % 1_000))
}

/// Always as long, so that texts sort as the times do: SQLite compares texts.
fn iso(at: OffsetDateTime) -> String {
    let (year, month, day) = at.to_calendar_date();
    let (hour, minute, second, micro) = (at.hour(), at.minute(), at.second(), at.microsecond());
    let month = u8::from(month);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{micro:06}Z")
}

fn as_iso<S: Serializer>(at: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&iso(*at))
}

#[cfg(test)]
mod tests;
