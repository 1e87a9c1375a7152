//! `PATCH /services/data/{version}/sobjects/{object}/{external id field}/{value}`: makes a record, or changes one.
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/dome_upsert.htm>

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

use super::{
    SalesforcePast,
    describe::{Column, Kind, Object, object},
    errors::{Admitted, Refused, settle},
};
use crate::{Answer, Sandbox, world::World};

/// A record.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(super) id: String,
    /// By name as the object has it, external id included.
    pub(crate) fields: BTreeMap<String, Value>,
}

/// Object, field and value of the external id, as in the path.
type Place = (String, String, String, String);

pub(super) async fn upsert(
    State(sandbox): State<Sandbox>,
    _: Admitted,
    Path((version, name, field, value)): Path<Place>,
    body: Bytes,
) -> Answer {
    sandbox.with(|world, now| {
        let outcome = put(world, &version, &name, (field.as_str(), value.as_str()), &body);
        settle(world, now, outcome)
    })
}

fn put(
    world: &mut World,
    version: &str,
    name: &str,
    (field, external_id): (&str, &str),
    body: &[u8],
) -> Result<Answer, Refused> {
    let object = object(name)?;
    let external = external_id_of(&object, field)?;
    let fields = read(body)?;
    let past = past(world, external_id);
    if past == SalesforcePast::Ambiguous {
        return Ok(several(version, &object));
    }
    let key = (object.name, external_id.to_owned());
    let is_new = !world.salesforce.records.contains_key(&key);
    let fields = check(&object, external, &fields, is_new)?;
    if past == SalesforcePast::Refused {
        let message = "Blocked customers can't be changed here.";
        return Err(Refused::bad("FIELD_CUSTOM_VALIDATION_EXCEPTION", message));
    }
    let org = &mut world.salesforce;
    org.made += u64::from(is_new);
    let id = format!("{}5e{:010}AAA", object.prefix, org.made);
    let record = org.records.entry(key).or_insert_with(|| Record {
        id,
        fields: BTreeMap::from([(external.name.to_owned(), Value::from(external_id))]),
    });
    record.fields.extend(fields);
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let body = json!({"id": record.id, "success": true, "errors": [], "created": is_new});
    Ok(Answer::new(status, body))
}

fn external_id_of<'o>(object: &'o Object, field: &str) -> Result<&'o Column, Refused> {
    object.column(field).filter(|column| column.is_external_id()).ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {field}");
        Refused::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    })
}

fn read(body: &[u8]) -> Result<Map<String, Value>, Refused> {
    serde_json::from_slice(body).map_err(|_| Refused::bad("JSON_PARSER_ERROR", "Unexpected character"))
}

/// What stood in the way of this record before.
fn past(world: &World, external_id: &str) -> SalesforcePast {
    let role = external_id.parse::<Uuid>().ok().and_then(|user| world.roles.get(&user));
    role.map_or(SalesforcePast::None, |role| role.person.salesforce)
}

/// The records that have this external id. There is no error in it, only places.
fn several(version: &str, object: &Object) -> Answer {
    let place =
        |n: u32| format!("/services/data/{version}/sobjects/{}/{}5e{n:010}AAA", object.name, object.prefix);
    Answer::new(StatusCode::MULTIPLE_CHOICES, json!([place(999_999_998), place(999_999_999)]))
}

/// The fields as they are kept.
fn check(
    object: &Object,
    external: &Column,
    fields: &Map<String, Value>,
    is_new: bool,
) -> Result<BTreeMap<String, Value>, Refused> {
    let mut checked = BTreeMap::new();
    for (name, value) in fields {
        let column = object.column(name).ok_or_else(|| {
            let message = format!("No such column '{name}' on sobject of type {}", object.name);
            Refused::bad("INVALID_FIELD", message)
        })?;
        if column.name == external.name {
            let message = "The external ID field should not be specified in the sobject data.";
            return Err(Refused::bad("INVALID_FIELD", message).of_field(name));
        }
        check_value(column, value)?;
        checked.insert(column.name.to_owned(), value.clone());
    }
    let is_empty = |column: &Column| match checked.get(column.name) {
        Some(value) => value.is_null() || value == "",
        None => is_new,
    };
    match object.columns.iter().find(|column| column.required && is_empty(column)) {
        Some(Column { name, .. }) => {
            let message = format!("Required fields are missing: [{name}]");
            Err(Refused::bad("REQUIRED_FIELD_MISSING", message).of_field(name))
        }
        None => Ok(checked),
    }
}

fn check_value(column: &Column, value: &Value) -> Result<(), Refused> {
    let Column { name, kind, length, .. } = *column;
    let wrong_type = || Refused::bad("JSON_PARSER_ERROR", format!("Cannot deserialize instance of {name}"));
    match (kind, value) {
        (Kind::System, _) => {
            let message = format!(
                "Unable to create/update fields: {name}. Please check the security settings of this field and verify \
                 that it is read/write for your profile or permission set."
            );
            Err(Refused::bad("INVALID_FIELD_FOR_INSERT_UPDATE", message).of_field(name))
        }
        (_, Value::Null) => Ok(()),
        (Kind::Text | Kind::Email, Value::String(text)) if text.encode_utf16().count() > length => {
            let message = format!("{name}: data value too large: {text} (max length={length})");
            Err(Refused::bad("STRING_TOO_LONG", message).of_field(name))
        }
        (Kind::Email, Value::String(text)) if !is_address(text) => {
            let message = format!("{name}: invalid email address: {text}");
            Err(Refused::bad("INVALID_EMAIL_ADDRESS", message).of_field(name))
        }
        (Kind::Text | Kind::Email, Value::String(_)) | (Kind::Boolean, Value::Bool(_)) => Ok(()),
        (Kind::DateTime, Value::String(text)) if OffsetDateTime::parse(text, &Rfc3339).is_ok() => Ok(()),
        _ => Err(wrong_type().of_field(name)),
    }
}

fn is_address(text: &str) -> bool {
    let parts = text.split_once('@');
    parts.is_some_and(|(local, domain)| {
        !local.is_empty()
            && !text.contains(char::is_whitespace)
            && domain.contains('.')
            && !domain.contains('@')
    })
}
