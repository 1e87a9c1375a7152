//! `PATCH /users/{id}`: all of it or nothing, and only what can be written.

use axum::http::StatusCode;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{User, graph::Refused, principal_name, schema, schema::PRINCIPAL_NAME, writes::Writer};
use crate::{
    Answer, Permission, SandboxSettings, latency::between, stripe_customer_id_attribute, world::World,
};

pub(super) fn patch_user(
    world: &mut World,
    writer: Writer,
    id: &str,
    body: &Value,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    writer.admit(world, &[Permission::UserReadWrite], now)?;
    let changes = body.as_object().filter(|changes| !changes.is_empty());
    let changes = changes.ok_or_else(|| Refused::bad_request("Empty Payload. JSON content expected."))?;
    check(&world.settings, changes)?;
    check_not_taken(world, id, changes, now)?;
    writer.enter(world, id, now)?;
    let lag = between(&mut world.chance, &world.settings.read_lag);
    let directory = &mut world.tenant.directory;
    let user = directory.find(id, now)?;
    user.remember(now + lag, now);
    for (name, value) in changes.iter().filter(|(name, _)| *name != PRINCIPAL_NAME) {
        apply(user, name, value);
    }
    let (id, renamed) = (user.id, new_principal_name(user, changes));
    if let Some(name) = renamed {
        directory.rename(id, name);
    }
    Ok(Answer::no_content())
}

fn check(settings: &SandboxSettings, changes: &Map<String, Value>) -> Result<(), Refused> {
    let refused = |message| Refused::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message);
    for (name, value) in changes {
        if name == PRINCIPAL_NAME {
            check_principal_name(settings, value)?;
            continue;
        }
        if schema::is_read_only(name) {
            return Err(refused(format!("Property '{name}' is read-only and cannot be set.")));
        }
        let Some(of) = schema::type_of(settings, name) else {
            return Err(refused(format!("One or more properties are invalid: '{name}' doesn't exist.")));
        };
        if !of.takes(value) {
            let message = format!(
                "Invalid value specified for property '{name}' of resource 'User': {} expected.",
                of.name()
            );
            return Err(refused(message));
        }
    }
    Ok(())
}

fn check_principal_name(settings: &SandboxSettings, value: &Value) -> Result<(), Refused> {
    let name = value.as_str().filter(|name| principal_name::is_legal(name));
    let illegal =
        || Refused::of_property("InvalidValue", PRINCIPAL_NAME, "Property userPrincipalName is invalid.");
    let domain = principal_name::domain(name.ok_or_else(illegal)?);
    if settings.verified_domains.iter().any(|verified| verified.eq_ignore_ascii_case(domain)) {
        return Ok(());
    }
    let message = "The domain portion of the userPrincipalName property is invalid. You must use one of the verified domain names in your organization.";
    Err(Refused::of_property("InvalidValue", PRINCIPAL_NAME, message))
}

/// Unique over the tenant, whatever the case.
fn check_not_taken(
    world: &mut World,
    id: &str,
    changes: &Map<String, Value>,
    now: OffsetDateTime,
) -> Result<(), Refused> {
    let Some(name) = changes.get(PRINCIPAL_NAME).and_then(Value::as_str) else { return Ok(()) };
    let user = world.tenant.directory.find(id, now)?.id;
    if !world.tenant.directory.is_taken(name, user, now) {
        return Ok(());
    }
    let message = "Another object with the same value for property userPrincipalName already exists.";
    Err(Refused::of_property("ObjectConflict", PRINCIPAL_NAME, message))
}

fn new_principal_name<'c>(user: &User, changes: &'c Map<String, Value>) -> Option<&'c str> {
    let name = changes.get(PRINCIPAL_NAME).and_then(Value::as_str);
    name.filter(|name| user.text(PRINCIPAL_NAME) != Some(name))
}

fn apply(user: &mut User, name: &str, value: &Value) {
    let before = user.properties.get(name).filter(|value| !value.is_null());
    let changed = before != Some(value).filter(|value| !value.is_null());
    if changed && name == stripe_customer_id_attribute() {
        user.stripe_id_changes += 1;
    }
    if value.is_null() && schema::is_extension(name) {
        user.properties.remove(name);
    } else {
        user.properties.insert(name.to_owned(), value.clone());
    }
}
