//! What a user has: which of the groups that are asked about, and which roles of an application.

use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::graph::{Caller, Refused, query_options};
use crate::{Answer, Permission, world::World};

/// The most groups that one question may name.
const GROUPS: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Question {
    group_ids: Vec<Uuid>,
}

/// `POST /users/{id}/checkMemberGroups`
/// <https://learn.microsoft.com/graph/api/user-checkmembergroups>
pub(super) fn groups(
    world: &mut World,
    caller: Caller,
    id: &str,
    body: &Value,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    caller.needs(world, &[Permission::UserRead, Permission::UserReadWrite])?;
    caller.needs(world, &[Permission::GroupMemberRead, Permission::GroupMemberReadWrite])?;
    let Question { group_ids } = Question::deserialize(body)
        .map_err(|_| Refused::bad_request("Invalid value specified for parameter 'groupIds'."))?;
    if group_ids.len() > GROUPS {
        let message = format!("The number of values for 'groupIds' exceeds the maximum of {GROUPS}.");
        return Err(Refused::bad_request(message));
    }
    let user = world.tenant.directory.find(id, now)?.id;
    let has = |id: &Uuid| world.tenant.groups.get(id).is_some_and(|group| group.members.contains(&user));
    let held: Vec<Uuid> = group_ids.into_iter().filter(has).collect();
    let context = "https://graph.microsoft.com/v1.0/$metadata#Collection(Edm.String)";
    Ok(Answer::ok(json!({ "@odata.context": context, "value": held })))
}

/// `GET /users/{id}/appRoleAssignments`, with the `$filter` of the reference's example.
/// <https://learn.microsoft.com/graph/api/user-list-approleassignments>
pub(super) fn app_roles(
    world: &mut World,
    caller: Caller,
    id: &str,
    query: &str,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    caller.needs(world, &[Permission::AppRoleAssignmentReadWrite])?;
    let options = query_options(query, &["$filter"])?;
    let wanted = options.get("$filter").map(|filter| resource(filter)).transpose()?;
    let user = world.tenant.directory.find(id, now)?.id;
    let services = world.tenant.service_principals.iter();
    let services = services.filter(|(id, _)| wanted.is_none_or(|wanted| **id == wanted));
    let value: Vec<Value> = services
        .flat_map(|(resource, service)| service.roles_of(user).map(|role| assignment(user, *resource, role)))
        .collect();
    let context = "https://graph.microsoft.com/v1.0/$metadata#appRoleAssignments";
    Ok(Answer::ok(json!({ "@odata.context": context, "value": value })))
}

fn resource(filter: &str) -> Result<Uuid, Refused> {
    let id = filter.strip_prefix("resourceId eq ").and_then(|id| id.parse().ok());
    id.ok_or_else(|| Refused::bad_request("Invalid filter clause."))
}

fn assignment(user: Uuid, resource: Uuid, role: Uuid) -> Value {
    json!({
        "id": Uuid::from_u128(user.as_u128() ^ resource.as_u128()),
        "appRoleId": role,
        "principalId": user,
        "principalType": "User",
        "resourceId": resource,
    })
}
