//! What may be shown of an event to whoever looks over a shoulder: everything that is named here, and of the
//! rest only that it is there. What nobody thought of is masked.

use serde_json::{Map, Value};

/// Fields of the envelope that hold ids, times and names of ours.
const ENVELOPE: [&str; 8] =
    ["specversion", "type", "source", "id", "subject", "time", "datacontenttype", "dataschema"];
/// Such fields of the data.
const DATA: [&str; 7] =
    ["tenantId", "userId", "emailVerified", "identityProviders", "signedUpAt", "appId", "audit"];

/// The event with its personal values masked.
pub(crate) fn event(event: Value) -> Value {
    match event {
        Value::Object(envelope) => Value::Object(fields(envelope, |name, value| match name {
            "data" => data(value),
            _ => except(&ENVELOPE, name, value),
        })),
        other => hidden(other),
    }
}

/// A text that may be personal, masked: its first letter, unless that would be half of it, or a whole name: the
/// scripts in which one character can be one are those without capitals.
pub(crate) fn text(text: &str) -> String {
    let has_case = |letter: &char| letter.is_uppercase() || letter.is_lowercase();
    let first = text.chars().next().filter(has_case).filter(|_| text.chars().nth(2).is_some());
    format!("{}***", first.map(String::from).unwrap_or_default())
}

fn data(data: Value) -> Value {
    match data {
        Value::Object(data) => Value::Object(fields(data, |name, value| except(&DATA, name, value))),
        other => hidden(other),
    }
}

fn fields(object: Map<String, Value>, mut mask: impl FnMut(&str, Value) -> Value) -> Map<String, Value> {
    object
        .into_iter()
        .map(|(name, value)| {
            let value = mask(&name, value);
            (name, value)
        })
        .collect()
}

fn except(harmless: &[&str], name: &str, value: Value) -> Value {
    if harmless.contains(&name) { codes(value) } else { hidden(value) }
}

/// A field that should hold ids and the like may hold anything in a message that is no event of ours.
fn codes(value: Value) -> Value {
    match value {
        Value::String(it) if !is_code(&it) => Value::String(text(&it)),
        Value::Array(items) => Value::Array(items.into_iter().map(codes).collect()),
        Value::Object(object) => Value::Object(fields(object, |_, value| codes(value))),
        other => other,
    }
}

fn is_code(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && b != b'@')
}

/// The shape stays, the values go; absence is worth showing.
fn hidden(value: Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::String(it) => Value::String(text(&it)),
        Value::Array(items) => Value::Array(items.into_iter().map(hidden).collect()),
        Value::Object(object) => Value::Object(fields(object, |_, value| hidden(value))),
        Value::Bool(_) | Value::Number(_) => Value::String("***".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn personal_values_are_masked_and_ids_are_not() {
        let masked = event(json!({
            "id": "30d0953d", "type": "usher.user-signed-up.v1", "unknown": "Ada",
            "data": {
                "userId": "a1b2", "displayName": "Ada Lovelace", "email": "ada+news@example.com", "surname": null,
                "emailVerified": true, "attributes": { "consent": true, "city": "Łódź", "tags": ["x-ray"] },
            },
        }));
        assert_eq!(
            masked,
            json!({
                "id": "30d0953d", "type": "usher.user-signed-up.v1", "unknown": "A***",
                "data": {
                    "userId": "a1b2", "displayName": "A***", "email": "a***", "surname": null,
                    "emailVerified": true, "attributes": { "consent": "***", "city": "Ł***", "tags": ["x***"] },
                },
            })
        );
    }

    #[test]
    fn what_has_no_business_in_a_field_for_ids_is_masked() {
        let masked = event(json!({
            "id": "ada@example.com", "subject": "Ada Lovelace", "data": { "audit": { "id": "Łukasz" } },
        }));
        assert_eq!(masked, json!({ "id": "a***", "subject": "A***", "data": { "audit": { "id": "Ł***" } } }));
    }

    #[test]
    fn a_short_name_does_not_show_at_all() {
        assert_eq!([text("李"), text("Bo"), text("Ada"), text("")], ["***", "***", "A***", "***"]);
        assert_eq!([text("欧阳小明"), text("陈浩然"), text("Ελένη")], ["***", "***", "Ε***"]);
    }

    #[test]
    fn what_is_not_an_event_is_masked_whole() {
        assert_eq!(event(json!("Ada Lovelace")), json!("A***"));
        assert_eq!(event(json!({ "data": "Ada" })), json!({ "data": "A***" }));
    }
}
