//! The stand-in for an Entra External ID tenant: its token endpoint and its part of Microsoft Graph.

mod app_roles;
mod assertion;
mod audit;
mod batch;
mod created;
pub(crate) mod denied;
mod directory;
pub(crate) mod entries;
mod extensions;
mod filter;
pub(crate) mod graph;
mod groups;
mod holdings;
mod operation;
mod pages;
mod patch;
pub(crate) mod principal_name;
mod schema;
pub(crate) mod token;
mod user;
mod users;
mod writes;

use std::collections::BTreeMap;

use axum::{
    Router,
    routing::{get, patch, post},
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    Call, Sandbox, SandboxSettings,
    gate::gated,
    throttle::{Bucket, Window},
};
use app_roles::ServicePrincipal;
use directory::Directory;
use entries::AuditEntry;
use groups::Group;
use pages::Pages;
use token::Token;
pub(crate) use user::User;

/// The tenant's state.
pub(crate) struct Tenant {
    pub(crate) directory: Directory,
    pub(crate) log: Vec<AuditEntry>,
    pub(crate) groups: BTreeMap<Uuid, Group>,
    pub(crate) service_principals: BTreeMap<Uuid, ServicePrincipal>,
    tokens: BTreeMap<String, Token>,
    /// Assertions that were used and have not expired: by app, each by its own id, until when (seconds of Unix).
    assertions: BTreeMap<(Uuid, String), i64>,
    audit_pages: Pages<audit::Cursor>,
    user_pages: Pages<Uuid>,
    quotas: BTreeMap<Uuid, Quota>,
}

/// What one app may still ask for.
struct Quota {
    audit: Window,
    writes: Bucket,
}

impl Tenant {
    pub(crate) fn new(settings: &SandboxSettings) -> Self {
        let (requests, span) = settings.audit.requests;
        let (writes, writes_span) = settings.directory_writes;
        let quota = || Quota { audit: Window::new(requests, span), writes: Bucket::new(writes, writes_span) };
        Self {
            directory: Directory::default(),
            log: Vec::new(),
            groups: groups::usual(),
            service_principals: app_roles::usual(),
            tokens: BTreeMap::new(),
            assertions: BTreeMap::new(),
            audit_pages: Pages::default(),
            user_pages: Pages::default(),
            quotas: settings.apps.iter().map(|app| (app.id, quota())).collect(),
        }
    }

    /// The app that a token was given to, if it is good for this resource.
    pub(crate) fn holder(&self, token: &str, resource: &str, now: OffsetDateTime) -> Option<Uuid> {
        let token = self.tokens.get(token)?;
        (token.resource == resource && token.expires_at > now).then_some(token.client)
    }

    /// Ends all tokens of these apps.
    pub(crate) fn end_tokens(&mut self, of: impl Fn(Uuid) -> bool) {
        self.tokens.retain(|_, token| !of(token.client));
    }
}

pub(crate) fn login_router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", gated(sandbox, Call::Token, post(token::issue)))
        .with_state(sandbox.clone())
}

pub(crate) fn graph_router(sandbox: &Sandbox) -> Router {
    let read = |call| gated(sandbox, call, get(operation::single));
    let add = |call| gated(sandbox, call, post(operation::single));
    let user = read(Call::GetUser).merge(gated(sandbox, Call::PatchUser, patch(operation::single)));
    let roles = read(Call::ListAppRoles).merge(add(Call::AssignAppRole));
    Router::new()
        .route("/v1.0/auditLogs/directoryAudits", gated(sandbox, Call::ListAudits, get(audit::list)))
        .route("/v1.0/users", gated(sandbox, Call::ListUsers, get(users::list)))
        .route("/v1.0/users/{id}", user)
        .route("/v1.0/users/{id}/appRoleAssignments", roles)
        .route("/v1.0/users/{id}/checkMemberGroups", add(Call::CheckGroups))
        .route("/v1.0/users/{id}/extensions", add(Call::SetOpenExtension))
        .route(
            "/v1.0/users/{id}/extensions/{name}",
            gated(sandbox, Call::SetOpenExtension, patch(operation::single)),
        )
        .route("/v1.0/groups/{id}", read(Call::GetGroup))
        .route("/v1.0/groups/{id}/members/$ref", add(Call::AddMember))
        .route("/v1.0/servicePrincipals/{id}", read(Call::GetServicePrincipal))
        .route("/v1.0/$batch", gated(sandbox, Call::Batch, post(batch::run)))
        .fallback(graph::no_such_resource)
        .method_not_allowed_fallback(graph::no_such_method)
        .with_state(sandbox.clone())
}
