//! The stand-in for a SQL database with the table of sign-ups: an upsert and a probe over HTTP, for simulations, where
//! time is paused and no driver can be. It is as strict as the strictest of the real ones.
//!
//! With processes the consumer writes a SQLite file, and what stands there counts.

mod body;
mod file;

use std::collections::BTreeMap;

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, put},
};
use serde_json::json;

use crate::{Answer, Call, Sandbox, gate::gated, world::World};

/// A row, as far as the ledger looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) user_id: String,
    pub(crate) email: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) given_name: Option<String>,
    pub(crate) surname: Option<String>,
    /// In UTC, as `2026-03-01T09:30:00.123456Z`: such texts sort as the times do.
    pub(crate) signed_up_at: String,
}

/// The rows that came over HTTP, by the user's id.
#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<String, Row>,
}

impl Table {
    /// One row for each user; an earlier sign-up does not overwrite a later one.
    fn upsert(&mut self, row: Row) {
        let is_earlier = |there: &Row| row.signed_up_at < there.signed_up_at;
        if !self.rows.get(&row.user_id).is_some_and(is_earlier) {
            self.rows.insert(row.user_id.clone(), row);
        }
    }
}

/// All rows by the user's id as it stands there: those of the file, if the consumer writes to one.
pub(crate) fn rows(world: &World) -> BTreeMap<String, Vec<Row>> {
    let all = match &world.settings.sql_database {
        Some(path) => file::rows_of_file(path),
        None => world.database.rows.values().cloned().collect(),
    };
    let mut rows: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in all {
        rows.entry(row.user_id.clone()).or_default().push(row);
    }
    rows
}

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/rows/{user_id}", gated(sandbox, Call::UpsertRow, put(upsert)))
        .route("/health", gated(sandbox, Call::ProbeDatabase, get(health)))
        .with_state(sandbox.clone())
}

async fn upsert(State(sandbox): State<Sandbox>, Path(user_id): Path<String>, body: Bytes) -> Answer {
    sandbox.with(|world, _| match body::read(&body, &user_id, world.settings.tenant_id) {
        Ok(row) => {
            world.database.upsert(row);
            Answer::no_content()
        }
        Err(why) => Answer::new(StatusCode::BAD_REQUEST, json!({"error": why})),
    })
}

async fn health(State(sandbox): State<Sandbox>) -> Answer {
    sandbox.with(|world, _| Answer::ok(json!({"rows": world.database.rows.len()})))
}

/// A status that was ordered as a fault.
pub(crate) fn ordered(status: StatusCode) -> impl IntoResponse {
    Answer::new(status, json!({"error": "ordered"}))
}
