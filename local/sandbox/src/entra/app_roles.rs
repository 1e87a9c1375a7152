//! Service principals, their app roles, and who has been assigned one.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    directory::not_found,
    graph::{Caller, Refused, select},
    writes::Writer,
};
use crate::{
    Answer, PORTAL_RESOURCE_ID, PORTAL_ROLE_ID, Permission,
    world::{World, random_uuid},
};

/// An app's face in this tenant.
pub(crate) struct ServicePrincipal {
    name: &'static str,
    role: Uuid,
    /// Who has been assigned its one role.
    assigned: BTreeSet<Uuid>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Assignment {
    principal_id: Uuid,
    resource_id: Uuid,
    app_role_id: Uuid,
}

/// The service principals that a sandbox has.
pub(super) fn usual() -> BTreeMap<Uuid, ServicePrincipal> {
    let portal = ServicePrincipal { name: "Seats portal", role: PORTAL_ROLE_ID, assigned: BTreeSet::new() };
    BTreeMap::from([(PORTAL_RESOURCE_ID, portal)])
}

impl ServicePrincipal {
    /// What somebody has been assigned.
    pub(crate) fn roles_of(&self, user: Uuid) -> impl Iterator<Item = Uuid> {
        self.assigned.contains(&user).then_some(self.role).into_iter()
    }

    fn json(&self, id: Uuid) -> Value {
        json!({
            "id": id,
            "accountEnabled": true,
            "appId": Uuid::from_u128(!id.as_u128()),
            "appRoleAssignmentRequired": false,
            "appRoles": [{
                "allowedMemberTypes": ["User"], "description": "Somebody who has seats.", "displayName": "Customer",
                "id": self.role, "isEnabled": true, "origin": "Application", "value": "Customer",
            }],
            "displayName": self.name,
            "servicePrincipalType": "Application",
        })
    }
}

pub(super) fn show(world: &World, caller: Caller, id: &str, query: &str) -> Result<Answer, Refused> {
    caller.needs(world, &[Permission::ApplicationRead])?;
    let found = id.parse().ok().and_then(|id: Uuid| Some((id, world.tenant.service_principals.get(&id)?)));
    let (id, service) = found.ok_or_else(|| not_found(id))?;
    select(service.json(id), "servicePrincipal", query)
}

/// `POST /users/{id}/appRoleAssignments`
/// <https://learn.microsoft.com/graph/api/user-post-approleassignments>
pub(super) fn assign(
    world: &mut World,
    writer: Writer,
    id: &str,
    body: &Value,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    writer.admit(world, &[Permission::AppRoleAssignmentReadWrite], now)?;
    let assignment = Assignment::deserialize(body)
        .map_err(|_| refused("Invalid value specified for a property of resource 'AppRoleAssignment'."))?;
    let user = world.tenant.directory.find(id, now)?.id;
    if user != assignment.principal_id {
        return Err(refused("Not a valid reference update."));
    }
    check_role(world, &assignment)?;
    writer.enter(world, id, now)?;
    let service = world.tenant.service_principals.get_mut(&assignment.resource_id);
    if service.is_some_and(|service| service.assigned.insert(user)) {
        return Ok(created(world, &assignment));
    }
    Err(duplicate(&mut world.chance))
}

fn check_role(world: &World, assignment: &Assignment) -> Result<(), Refused> {
    let resource = assignment.resource_id;
    let service = world.tenant.service_principals.get(&resource);
    let service = service.ok_or_else(|| not_found(&resource.to_string()))?;
    if service.role == assignment.app_role_id {
        return Ok(());
    }
    Err(refused(&format!("Permission being assigned was not found on application '{resource}'.")))
}

/// Both are seen: which of them depends on who answers.
fn duplicate(chance: &mut fastrand::Rng) -> Refused {
    if chance.bool() {
        return refused("Permission being assigned already exists on the object");
    }
    let message = "EntitlementGrant entry already exists.";
    Refused::new(StatusCode::BAD_REQUEST, "Request_MultipleObjectsWithSameKeyValue", message)
}

fn refused(message: &str) -> Refused {
    Refused::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
}

fn created(world: &mut World, assignment: &Assignment) -> Answer {
    let body = json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#appRoleAssignments/$entity",
        "id": random_uuid(&mut world.chance),
        "appRoleId": assignment.app_role_id,
        "principalId": assignment.principal_id,
        "principalType": "User",
        "resourceId": assignment.resource_id,
    });
    Answer::new(StatusCode::CREATED, body)
}
