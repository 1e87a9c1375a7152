//! `PATCH /users/{id}`: all of it or nothing, and only what can be written.

use axum::http::StatusCode;
use serde_json::{Map, Value};
use time::OffsetDateTime;

use super::{
    User,
    graph::{Caller, Refused, often},
    schema,
};
use crate::{Answer, SandboxSettings, stripe_customer_id_attribute, world::World};

pub(super) fn patch_user(
    world: &mut World,
    caller: Caller,
    id: &str,
    body: &Value,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    throttle(world, caller, now)?;
    let changes = body.as_object().filter(|changes| !changes.is_empty());
    let changes = changes.ok_or_else(|| Refused::bad_request("Empty Payload. JSON content expected."))?;
    check(&world.settings, changes)?;
    let user = world.tenant.directory.find(id, now)?;
    for (name, value) in changes {
        apply(user, name, value);
    }
    Ok(Answer::no_content())
}

fn throttle(world: &mut World, Caller(app): Caller, now: OffsetDateTime) -> Result<(), Refused> {
    let Some(quota) = world.tenant.quotas.get_mut(&app) else { return Ok(()) };
    quota.writes.admit(now).map_err(|wait| Refused::throttled(often(&mut world.chance, wait)))
}

fn check(settings: &SandboxSettings, changes: &Map<String, Value>) -> Result<(), Refused> {
    let refused = |message| Refused::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message);
    for (name, value) in changes {
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
