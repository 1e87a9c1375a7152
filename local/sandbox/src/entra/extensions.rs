//! `POST /users/{id}/extensions` and `PATCH /users/{id}/extensions/{name}`: open extensions, which nobody declares.
//! <https://learn.microsoft.com/graph/api/opentypeextension-post-opentypeextension>

use axum::http::StatusCode;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{directory::not_found, graph::Refused, writes::Writer};
use crate::{Answer, Permission, world::World};

/// How many extensions a user has room for, of one app's making.
const MOST: usize = 2;
/// How much one holds, in bytes of JSON.
const LARGEST: usize = 2 * 1024;
/// Names that are Microsoft's own.
const RESERVED: [&str; 2] = ["com.microsoft", "com.onmicrosoft"];
/// What says that it is an open extension, with and without the sign in front that some write.
const TYPES: [&str; 2] = ["microsoft.graph.openTypeExtension", "#microsoft.graph.openTypeExtension"];

/// Makes an extension; or, with the name of one, changes it.
pub(super) fn set(
    world: &mut World,
    writer: Writer,
    user: &str,
    extension: Option<&str>,
    body: &Value,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    writer.admit(world, &[Permission::UserReadWrite], now)?;
    let (named, properties) = read(body)?;
    match (extension, named) {
        (None, Some(name)) => make(world, writer, user, name, properties, now),
        (Some(extension), name) if name.is_none_or(|name| name == extension) => {
            writer.enter(world, user, now)?;
            change(world, user, extension, properties, now)
        }
        (None, None) => Err(refused("The extensionName property is missing.")),
        (Some(_), _) => Err(refused("The name of an extension can't be changed.")),
    }
}

/// What is there already is refused without a write, which keeps nobody out.
fn make(
    world: &mut World,
    writer: Writer,
    user: &str,
    name: &str,
    properties: Map<String, Value>,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    check_name(name)?;
    let extensions = &mut world.tenant.directory.find(user, now)?.open_extensions;
    if extensions.contains_key(name) {
        return Err(there_already(&mut world.chance));
    }
    if extensions.len() >= MOST {
        return Err(refused("The limit of extensions on the resource is reached."));
    }
    writer.enter(world, user, now)?;
    let mut shown = Value::Object(properties.clone());
    world.tenant.directory.find(user, now)?.open_extensions.insert(name.to_owned(), properties);
    let context = format!("https://graph.microsoft.com/v1.0/$metadata#users('{user}')/extensions/$entity");
    shown["@odata.context"] = json!(context);
    shown["@odata.type"] = json!(TYPES[1]);
    shown["id"] = json!(name);
    shown["extensionName"] = json!(name);
    Ok(Answer::new(StatusCode::CREATED, shown))
}

/// What is not named stays; null takes a property away.
fn change(
    world: &mut World,
    user: &str,
    name: &str,
    properties: Map<String, Value>,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    let extensions = &mut world.tenant.directory.find(user, now)?.open_extensions;
    let extension = extensions.get_mut(name).ok_or_else(|| not_found(name))?;
    for (name, value) in properties {
        match value {
            Value::Null => _ = extension.remove(&name),
            value => _ = extension.insert(name, value),
        }
    }
    Ok(Answer::no_content())
}

/// The name, if there is one, and the properties of one's own.
fn read(body: &Value) -> Result<(Option<&str>, Map<String, Value>), Refused> {
    let body = body.as_object().filter(|_| body.to_string().len() <= LARGEST);
    let body = body.ok_or_else(|| refused("An extension is an object of 2 KB at most."))?;
    if body.get("@odata.type").and_then(Value::as_str).is_none_or(|of| !TYPES.contains(&of)) {
        return Err(refused("The @odata.type must be microsoft.graph.openTypeExtension."));
    }
    let own = |name: &str| name != "extensionName" && !name.starts_with("@odata.");
    let properties: Map<String, Value> = body
        .iter()
        .filter(|(name, _)| own(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let is_plain = |value: &Value| !value.is_object();
    let is_data = |value: &Value| value.as_array().map_or(is_plain(value), |all| all.iter().all(is_plain));
    if properties.is_empty() || !properties.values().all(is_data) {
        return Err(refused("An extension holds primitive values or arrays of them, one at least."));
    }
    Ok((body.get("extensionName").and_then(Value::as_str), properties))
}

fn check_name(name: &str) -> Result<(), Refused> {
    let is_letter = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let is_reserved = RESERVED.iter().any(|reserved| name.to_lowercase().starts_with(reserved));
    if name.is_empty() || !name.bytes().all(is_letter) || is_reserved {
        return Err(refused("The extensionName is not valid."));
    }
    Ok(())
}

/// Graph's documentation does not say which it is: both are taken to be seen.
fn there_already(chance: &mut fastrand::Rng) -> Refused {
    let status = if chance.bool() { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
    Refused::new(status, "Request_BadRequest", "An extension already exists with given id.")
}

fn refused(message: &str) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
}
