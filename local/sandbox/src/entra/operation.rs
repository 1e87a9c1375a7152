//! What can be done both by a call of its own and inside a batch.

use axum::{Extension, body::Bytes, extract::State, http::request::Parts};
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    app_roles, extensions,
    graph::{Caller, Refused, json_body, settle},
    groups, holdings,
    patch::patch_user,
    users,
    writes::Writer,
};
use crate::{Answer, Call, Sandbox, gate::Arrival, world::World};

/// One operation on one object.
#[derive(Clone, Copy)]
pub(super) struct Operation<'p> {
    pub(super) call: Call,
    id: &'p str,
    /// What of the object, where it has a name of its own.
    item: Option<&'p str>,
}

impl<'p> Operation<'p> {
    /// The operation that a method and a path, such as `/users/{id}`, stand for.
    pub(super) fn of(method: &str, path: &'p str) -> Option<Self> {
        let segments: Vec<_> = path.trim_start_matches('/').split('/').collect();
        let (call, id) = match (method, segments.as_slice()) {
            ("GET", ["users", id]) => (Call::GetUser, id),
            ("PATCH", ["users", id]) => (Call::PatchUser, id),
            ("POST", ["users", id, "appRoleAssignments"]) => (Call::AssignAppRole, id),
            ("GET", ["users", id, "appRoleAssignments"]) => (Call::ListAppRoles, id),
            ("POST", ["users", id, "checkMemberGroups"]) => (Call::CheckGroups, id),
            ("POST", ["users", id, "extensions"]) => (Call::SetOpenExtension, id),
            ("PATCH", ["users", id, "extensions", _]) => (Call::SetOpenExtension, id),
            ("GET", ["groups", id]) => (Call::GetGroup, id),
            ("POST", ["groups", id, "members", "$ref"]) => (Call::AddMember, id),
            ("GET", ["servicePrincipals", id]) => (Call::GetServicePrincipal, id),
            _ => return None,
        };
        let item = segments.get(3).copied().filter(|_| call == Call::SetOpenExtension);
        Some(Self { call, id: *id, item })
    }

    pub(super) fn run(
        self,
        world: &mut World,
        writer: Writer,
        query: &str,
        body: impl FnOnce() -> Result<Value, Refused>,
        now: OffsetDateTime,
    ) -> Result<Answer, Refused> {
        let Self { call, id, item } = self;
        match call {
            Call::PatchUser => patch_user(world, writer, id, &body()?, now),
            Call::AssignAppRole => app_roles::assign(world, writer, id, &body()?, now),
            Call::AddMember => groups::add_member(world, writer, id, &body()?, now),
            Call::CheckGroups => holdings::groups(world, writer.caller, id, &body()?, now),
            Call::ListAppRoles => holdings::app_roles(world, writer.caller, id, query, now),
            Call::SetOpenExtension => extensions::set(world, writer, id, item, &body()?, now),
            Call::GetGroup => groups::show(world, writer.caller, id, query),
            Call::GetServicePrincipal => app_roles::show(world, writer.caller, id, query),
            _ => users::read(world, writer.caller, id, query, now),
        }
    }
}

/// An operation in a call of its own.
pub(super) async fn single(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    Extension(arrival): Extension<Arrival>,
    parts: Parts,
    body: Bytes,
) -> Answer {
    let writer = Writer { caller, number: arrival.number };
    let path = parts.uri.path().strip_prefix("/v1.0").unwrap_or_default();
    let query = parts.uri.query().unwrap_or_default();
    sandbox.with(|world, now| {
        let operation = Operation::of(parts.method.as_str(), path);
        let operation = operation.ok_or_else(|| Refused::bad_request("Resource not found."));
        let outcome = operation.and_then(|operation| {
            operation.run(world, writer, query, || json_body(&parts.headers, &body), now)
        });
        settle(world, now, outcome)
    })
}
