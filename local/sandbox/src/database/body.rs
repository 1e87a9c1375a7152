//! What an upsert brings: a row of the table, whole, with nothing in it that some database would not take.

use serde::Deserialize;
use serde_json::{Map, Value};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::Row;

/// The longest texts, in characters, as the columns have them.
const EMAIL: usize = 320;
const TEXT: usize = 256;

/// Every column, and no other.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    user_id: Uuid,
    #[serde(rename = "event_id")]
    _event_id: Uuid,
    tenant_id: Uuid,
    email: Option<String>,
    #[serde(rename = "email_verified")]
    _email_verified: bool,
    display_name: Option<String>,
    given_name: Option<String>,
    surname: Option<String>,
    identity_provider: Option<String>,
    #[serde(rename = "identity_providers")]
    _identity_providers: Vec<Map<String, Value>>,
    app_id: Option<String>,
    #[serde(rename = "attributes")]
    _attributes: Map<String, Value>,
    audit_id: String,
    audit_correlation_id: Option<String>,
    signed_up_at: String,
    seen_at: String,
}

/// The row, or what is wrong with it. The reason names columns, as databases do, and quotes no value.
pub(super) fn read(body: &[u8], user_id: &str, tenant_id: Uuid) -> Result<Row, &'static str> {
    // PostgreSQL takes no NUL, in JSON neither.
    if String::from_utf8_lossy(body).contains("\\u0000") {
        return Err("untranslatable_character");
    }
    let body: Body = serde_json::from_slice(body).map_err(|_| "undefined_column or datatype_mismatch")?;
    if body.user_id.to_string() != user_id || body.tenant_id != tenant_id {
        return Err("check_violation");
    }
    check_lengths(&body)?;
    check_time(&body.signed_up_at)?;
    check_time(&body.seen_at)?;
    let Body { email, display_name, given_name, surname, signed_up_at, .. } = body;
    Ok(Row { user_id: user_id.to_owned(), email, display_name, given_name, surname, signed_up_at })
}

fn check_lengths(body: &Body) -> Result<(), &'static str> {
    let texts = [
        &body.display_name,
        &body.given_name,
        &body.surname,
        &body.identity_provider,
        &body.app_id,
        &body.audit_correlation_id,
        &Some(body.audit_id.clone()),
    ];
    let is_longer = |text: &Option<String>, most| text.as_ref().is_some_and(|it| it.chars().count() > most);
    if is_longer(&body.email, EMAIL) || texts.into_iter().any(|text| is_longer(text, TEXT)) {
        return Err("string_data_right_truncation");
    }
    Ok(())
}

/// In UTC and always as long, since SQLite compares texts.
fn check_time(text: &str) -> Result<(), &'static str> {
    let is_whole = text.len() == "2026-03-01T09:30:00.123456Z".len() && text.ends_with('Z');
    match OffsetDateTime::parse(text, &Rfc3339) {
        Ok(_) if is_whole => Ok(()),
        _ => Err("invalid_datetime_format"),
    }
}
