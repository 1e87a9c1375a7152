//! Groups: what kind they are, and who is in them.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::StatusCode;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    directory::not_found,
    graph::{Caller, Refused, select},
    writes::Writer,
};
use crate::{
    ADMINS_GROUP_ID, Answer, BUSINESS_GROUP_ID, DYNAMIC_GROUP_ID, GOOGLE_GROUP_ID, MEMBERS_GROUP_ID,
    Permission, world::World,
};

/// A group.
pub(crate) struct Group {
    name: &'static str,
    kind: GroupKind,
    pub(crate) members: BTreeSet<Uuid>,
}

#[derive(Clone, Copy, PartialEq)]
enum GroupKind {
    Security,
    /// Its members have the directory roles that it has.
    RoleAssignable,
    /// Entra finds its members by a rule.
    Dynamic,
}

/// The groups that a sandbox has.
pub(super) fn usual() -> BTreeMap<Uuid, Group> {
    let group = |name, kind| Group { name, kind, members: BTreeSet::new() };
    BTreeMap::from([
        (MEMBERS_GROUP_ID, group("Members", GroupKind::Security)),
        (BUSINESS_GROUP_ID, group("Business customers", GroupKind::Security)),
        (GOOGLE_GROUP_ID, group("Google sign-ins", GroupKind::Security)),
        (ADMINS_GROUP_ID, group("Administrators", GroupKind::RoleAssignable)),
        (DYNAMIC_GROUP_ID, group("Everybody in Oslo", GroupKind::Dynamic)),
    ])
}

impl Group {
    /// What Graph shows. A group that can't have roles says so with null.
    fn json(&self, id: Uuid) -> Value {
        let dynamic = self.kind == GroupKind::Dynamic;
        json!({
            "id": id,
            "description": null,
            "displayName": self.name,
            "groupTypes": if dynamic { json!(["DynamicMembership"]) } else { json!([]) },
            "isAssignableToRole": (self.kind == GroupKind::RoleAssignable).then_some(true),
            "mailEnabled": false,
            "mailNickname": id.simple(),
            "membershipRule": dynamic.then_some("user.city -eq \"Oslo\""),
            "membershipRuleProcessingState": dynamic.then_some("On"),
            "securityEnabled": true,
            "visibility": null,
        })
    }
}

pub(super) fn show(world: &World, caller: Caller, id: &str, query: &str) -> Result<Answer, Refused> {
    caller.needs(world, &[Permission::GroupMemberRead, Permission::GroupMemberReadWrite])?;
    let found = id.parse().ok().and_then(|id: Uuid| Some((id, world.tenant.groups.get(&id)?)));
    let (id, group) = found.ok_or_else(|| not_found(id))?;
    select(group.json(id), "group", query)
}

/// `POST /groups/{id}/members/$ref`
/// <https://learn.microsoft.com/graph/api/group-post-members>
pub(super) fn add_member(
    world: &mut World,
    writer: Writer,
    id: &str,
    body: &Value,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    writer.admit(world, &[Permission::GroupMemberReadWrite], now)?;
    let member = referenced(body)?;
    let id: Uuid = id.parse().map_err(|_| not_found(id))?;
    let kind =
        world.tenant.groups.get(&id).map(|group| group.kind).ok_or_else(|| not_found(&id.to_string()))?;
    check_kind(world, writer.caller, kind)?;
    let member = world.tenant.directory.find(member, now)?.id;
    let members = world.tenant.groups.get_mut(&id).map(|group| &mut group.members);
    if members.is_some_and(|members| members.insert(member)) {
        return Ok(Answer::no_content());
    }
    let message =
        "One or more added object references already exist for the following modified properties: 'members'.";
    Err(Refused::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message))
}

/// Nobody can be added where Entra finds the members, and only those who may give roles where members have some.
fn check_kind(world: &World, caller: Caller, kind: GroupKind) -> Result<(), Refused> {
    match kind {
        GroupKind::Security => Ok(()),
        GroupKind::RoleAssignable => caller.needs(world, &[Permission::RoleManagementReadWrite]),
        GroupKind::Dynamic => Err(Refused::forbidden()),
    }
}

/// The object that `@odata.id` names, and nothing else stands in the body.
fn referenced(body: &Value) -> Result<&str, Refused> {
    let reference = body.as_object().filter(|body| body.len() == 1).and_then(|body| body.get("@odata.id"));
    let url = reference.and_then(Value::as_str).filter(|url| url::Url::parse(url).is_ok());
    let id = url.and_then(|url| url.split_once("/v1.0/directoryObjects/")).map(|(_, id)| id);
    id.filter(|id| !id.is_empty() && !id.contains('/'))
        .ok_or_else(|| Refused::bad_request("Invalid URL format specified in payload."))
}
