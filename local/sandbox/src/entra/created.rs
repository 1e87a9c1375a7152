//! The one `$filter` of users that this stand-in takes: `createdDateTime ge {time}`.

use serde_json::Value;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::{User, graph::Refused};

/// The moment that a filter names.
pub(super) fn since(filter: &str) -> Result<OffsetDateTime, Refused> {
    let time = filter.strip_prefix("createdDateTime ge ");
    let time = time.and_then(|time| OffsetDateTime::parse(time, &Rfc3339).ok());
    time.ok_or_else(|| Refused::bad_request("Invalid filter clause."))
}

/// Whether a user was made then or later.
pub(super) fn is_since(user: &User, since: OffsetDateTime) -> bool {
    let created = user.properties.get("createdDateTime").and_then(Value::as_str);
    let created = created.and_then(|created| OffsetDateTime::parse(created, &Rfc3339).ok());
    created.is_some_and(|created| created >= since)
}
