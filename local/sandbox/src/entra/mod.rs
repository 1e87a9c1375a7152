//! The stand-in for an Entra External ID tenant: its token endpoint and its part of Microsoft Graph.

mod audit;
mod batch;
pub(crate) mod entries;
mod filter;
pub(crate) mod graph;
mod patch;
mod schema;
pub(crate) mod token;
mod users;

use std::collections::BTreeMap;

use axum::{
    Router,
    routing::{get, patch, post},
};
use uuid::Uuid;

use crate::{Call, Sandbox, SandboxSettings, gate::gated, throttle::Window};
use audit::Pages;
use entries::AuditEntry;
use token::Token;
pub(crate) use users::{Directory, User};

/// The tenant's state.
pub(crate) struct Tenant {
    pub(crate) directory: Directory,
    pub(crate) log: Vec<AuditEntry>,
    tokens: BTreeMap<String, Token>,
    pages: Pages,
    quotas: BTreeMap<Uuid, Quota>,
}

/// What one app may still ask for.
struct Quota {
    audit: Window,
    writes: Window,
}

impl Tenant {
    pub(crate) fn new(settings: &SandboxSettings) -> Self {
        let (requests, span) = settings.audit.requests;
        let (writes, writes_span) = settings.directory_writes;
        let quota = || Quota { audit: Window::new(requests, span), writes: Window::new(writes, writes_span) };
        Self {
            directory: Directory::default(),
            log: Vec::new(),
            tokens: BTreeMap::new(),
            pages: Pages::default(),
            quotas: settings.clients.iter().map(|client| (client.id, quota())).collect(),
        }
    }
}

pub(crate) fn login_router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/{tenant}/oauth2/v2.0/token", gated(sandbox, Call::Token, post(token::issue)))
        .with_state(sandbox.clone())
}

pub(crate) fn graph_router(sandbox: &Sandbox) -> Router {
    let user = gated(sandbox, Call::GetUser, get(users::get)).merge(gated(
        sandbox,
        Call::PatchUser,
        patch(users::patch),
    ));
    Router::new()
        .route("/v1.0/auditLogs/directoryAudits", gated(sandbox, Call::ListAudits, get(audit::list)))
        .route("/v1.0/users/{id}", user)
        .route("/v1.0/$batch", gated(sandbox, Call::Batch, post(batch::run)))
        .fallback(graph::no_such_resource)
        .method_not_allowed_fallback(graph::no_such_method)
        .with_state(sandbox.clone())
}
