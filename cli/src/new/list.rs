//! The list of consumers, with one more: edited as text, so that whoever keeps it finds it as they left it.

use serde_json::Value;
use usher_service::Failure;

use super::{name::Name, workspace::LIST};

/// The list's text with this consumer at its end.
///
/// # Errors
/// [`Failure::Unavailable`] if the text is no such list.
pub(crate) fn with(text: &str, name: &Name, about: &str) -> Result<String, Failure> {
    let before = entries(text)?;
    let (head, tail) = text.rsplit_once(']').ok_or_else(unreadable)?;
    let about = Value::from(about);
    let comma = if before.is_empty() { "" } else { "," };
    let text =
        format!("{}{comma}\n  {{ \"name\": \"{name}\", \"about\": {about} }}\n]{tail}", head.trim_end());
    // Whatever it looked like: the same as before, and one more.
    let after = entries(&text)?;
    if after.len() == before.len() + 1 && after.starts_with(&before) { Ok(text) } else { Err(unreadable()) }
}

/// Whether a consumer of this name is on the list.
///
/// # Errors
/// As [`with`].
pub(crate) fn has(text: &str, name: &Name) -> Result<bool, Failure> {
    Ok(entries(text)?.iter().any(|entry| entry["name"] == name.as_str()))
}

fn entries(text: &str) -> Result<Vec<Value>, Failure> {
    let entries: Vec<Value> = serde_json::from_str(text).map_err(|_| unreadable())?;
    let is_entry = |entry: &Value| entry["name"].is_string() && entry["about"].is_string();
    if entries.iter().all(is_entry) { Ok(entries) } else { Err(unreadable()) }
}

fn unreadable() -> Failure {
    Failure::Unavailable(format!("{LIST} is not a list of objects with a name and an about: mend it first"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::new::name::checked;

    #[test]
    fn a_line_is_added_and_the_others_stay_as_they_are() {
        let before = "[\n  { \"name\": \"billing\",   \"about\": \"Bills\" }\n]\n";
        let after = with(before, &checked("audit-trail").unwrap(), "Notes each sign-up").unwrap();
        let expected = "[\n  { \"name\": \"billing\",   \"about\": \"Bills\" },\n  { \"name\": \"audit-trail\", \"about\": \"Notes each sign-up\" }\n]\n";
        assert_eq!(after, expected);
        let empty = with("[]", &checked("audit-trail").unwrap(), "Notes").unwrap();
        assert_eq!(empty, "[\n  { \"name\": \"audit-trail\", \"about\": \"Notes\" }\n]");
        assert!(has(&after, &checked("audit-trail").unwrap()).unwrap());
        assert!(!has(before, &checked("audit-trail").unwrap()).unwrap());
    }

    #[test]
    fn what_is_no_list_is_left_alone() {
        for wrong in ["", "{}", "[1]", "[{ \"name\": \"billing\" }]", "[] ]"] {
            assert!(with(wrong, &checked("audit-trail").unwrap(), "Notes").is_err(), "{wrong}");
        }
    }
}
