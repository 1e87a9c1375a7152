//! The stand-in for a Salesforce org: its token endpoint, contacts and leads under an external id, their description
//! and the queries that ask which of them exist.
//!
//! Stricter than Salesforce in one thing: claims and queries that have more in them than we send are refused, so that
//! nothing that we send goes unnoticed. Laxer in another: it takes any address with something on both sides of one @
//! and a dot behind it, so that each refusal here is one that was asked for.

mod describe;
mod errors;
mod query;
mod records;
mod token;

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use axum::{
    Router,
    routing::{get, patch, post},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Call, Sandbox, gate::gated};
pub(crate) use errors::ordered;
pub(crate) use records::Record;

/// The private key whose certificate the connected app has, in a PEM file's text. It opens nothing but a sandbox.
pub const SALESFORCE_PRIVATE_KEY: &str = include_str!("../../salesforce-key.pem");

/// The time over which calls are counted.
const DAY: Duration = Duration::from_secs(24 * 3600);

/// What stands in the way of somebody's record, from before the sign-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SalesforcePast {
    /// Nothing.
    #[default]
    None,
    /// Two records have their external id, so that an upsert does not know which to change: 300.
    Ambiguous,
    /// A validation rule of the org's refuses them: `FIELD_CUSTOM_VALIDATION_EXCEPTION`.
    Refused,
}

/// How the org behaves.
#[derive(Clone, Debug)]
pub struct SalesforceSettings {
    /// How many calls the org has in any 24 hours, whoever makes them.
    pub daily_calls: usize,
    /// How many of them others have made already.
    pub used_by_others: usize,
    /// For how long a token is good.
    pub session: Duration,
    /// How many records a query answers with at once.
    pub query_page: usize,
}

impl Default for SalesforceSettings {
    fn default() -> Self {
        Self {
            daily_calls: 1_000_000,
            used_by_others: 0,
            session: Duration::from_secs(2 * 3600),
            query_page: 2_000,
        }
    }
}

/// What the org holds.
#[derive(Default)]
pub(crate) struct Org {
    /// By object, as its name is written here, and external id.
    records: BTreeMap<(&'static str, String), Record>,
    /// How many records there have been: each has a number.
    made: u64,
    /// Good tokens, and until when.
    tokens: BTreeMap<String, OffsetDateTime>,
    /// When the calls of the last day came in.
    calls: VecDeque<OffsetDateTime>,
    /// What is left of queries that had more to show than a page.
    cursors: BTreeMap<String, query::Cursor>,
}

impl Org {
    /// The records with this external id, whatever their object.
    pub(crate) fn of(&self, external_id: &str) -> impl Iterator<Item = &Record> {
        self.records.iter().filter(move |((_, id), _)| id == external_id).map(|(_, record)| record)
    }

    /// The external ids of all records, each as often as there are records with it.
    pub(crate) fn external_ids(&self) -> impl Iterator<Item = &str> {
        self.records.keys().map(|(_, id)| id.as_str())
    }

    /// How many calls are used, and how many there are.
    fn usage(&mut self, settings: &SalesforceSettings, now: OffsetDateTime) -> (usize, usize) {
        while self.calls.front().is_some_and(|&first| first + DAY <= now) {
            self.calls.pop_front();
        }
        (self.calls.len() + settings.used_by_others, settings.daily_calls)
    }
}

impl Sandbox {
    /// The fields of the Salesforce record that somebody has, external id included. `None` if they have none.
    pub fn salesforce_record(&self, user: Uuid) -> Option<BTreeMap<String, Value>> {
        self.with(|world, _| {
            world.salesforce.of(&user.to_string()).next().map(|record| record.fields.clone())
        })
    }

    /// Ends all sessions, as an administrator of the org can: every token is refused from now on.
    pub fn end_salesforce_sessions(&self) {
        self.with(|world, _| world.salesforce.tokens.clear());
    }
}

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    let object = "/services/data/{version}/sobjects/{object}";
    let query = "/services/data/{version}/query";
    Router::new()
        .route("/services/oauth2/token", gated(sandbox, Call::SalesforceToken, post(token::issue)))
        .route(&format!("{object}/describe"), gated(sandbox, Call::DescribeObject, get(describe::describe)))
        .route(
            &format!("{object}/{{field}}/{{value}}"),
            gated(sandbox, Call::UpsertRecord, patch(records::upsert)),
        )
        .route(query, gated(sandbox, Call::QueryRecords, get(query::first)))
        .route(&format!("{query}/{{cursor}}"), gated(sandbox, Call::QueryRecords, get(query::next)))
        .fallback(errors::no_such_resource)
        .method_not_allowed_fallback(errors::no_such_method)
        .with_state(sandbox.clone())
}
