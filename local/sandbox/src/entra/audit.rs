//! `GET /auditLogs/directoryAudits`: late, out of order, in pages, and throttled.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, Uri},
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use url::form_urlencoded;

use super::{
    entries::AuditEntry,
    filter::Filter,
    graph::{Caller, Refused, base_url, often, query_options, settle},
};
use crate::{Answer, Sandbox, world::World};

const PATH: &str = "/v1.0/auditLogs/directoryAudits";
const OPTIONS: [&str; 4] = ["$filter", "$orderby", "$top", "$skiptoken"];
/// The most that `$top` may ask for.
const TOP_MAX: usize = 1000;
/// How many cursors are remembered; the oldest is forgotten first. More than any reader holds at once.
const CURSORS: usize = 256;

/// Result sets that are being paged through. Each is as it was when its first page was asked for.
#[derive(Default)]
pub(super) struct Pages {
    cursors: BTreeMap<String, Cursor>,
    oldest_first: VecDeque<String>,
}

#[derive(Clone)]
struct Cursor {
    /// The query of the first page: a link is followed as it is or not at all.
    query: String,
    entries: Arc<[usize]>,
    from: usize,
    size: usize,
}

impl Pages {
    fn remember(&mut self, token: String, cursor: Cursor) {
        if self.oldest_first.len() == CURSORS
            && let Some(oldest) = self.oldest_first.pop_front()
        {
            self.cursors.remove(&oldest);
        }
        self.oldest_first.push_back(token.clone());
        self.cursors.insert(token, cursor);
    }
}

pub(super) async fn list(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    uri: Uri,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Answer {
    let base = base_url(&uri, &headers);
    sandbox.with(|world, now| {
        let page = page(world, caller, &base, &query.unwrap_or_default(), now);
        settle(world, now, page)
    })
}

fn page(
    world: &mut World,
    caller: Caller,
    base: &str,
    query: &str,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    throttle(world, caller, now)?;
    let options = query_options(query, &OPTIONS)?;
    let first_query = without_skiptoken(query);
    let cursor = match options.get("$skiptoken") {
        Some(token) => resumed(world, token, &first_query)?,
        None => first(world, &options, first_query, now)?,
    };
    Ok(serve(world, base, cursor))
}

fn throttle(world: &mut World, Caller(app): Caller, now: OffsetDateTime) -> Result<(), Refused> {
    let Some(quota) = world.tenant.quotas.get_mut(&app) else { return Ok(()) };
    quota.audit.admit(now).map_err(|wait| Refused::throttled(often(&mut world.chance, wait)))
}

fn without_skiptoken(query: &str) -> String {
    let is_skiptoken =
        |pair: &str| form_urlencoded::parse(pair.as_bytes()).any(|(name, _)| name == "$skiptoken");
    let kept: Vec<_> = query.split('&').filter(|pair| !is_skiptoken(pair)).collect();
    kept.join("&")
}

fn resumed(world: &World, token: &str, query: &str) -> Result<Cursor, Refused> {
    let cursor = world.tenant.pages.cursors.get(token).filter(|cursor| cursor.query == query);
    cursor.cloned().ok_or_else(|| Refused::bad_request("The skip token is not valid for this request."))
}

fn first(
    world: &World,
    options: &BTreeMap<String, String>,
    query: String,
    now: OffsetDateTime,
) -> Result<Cursor, Refused> {
    let filter = options.get("$filter").map(|filter| Filter::parse(filter)).transpose();
    let filter = filter.map_err(Refused::bad_request)?.unwrap_or_default();
    let descending = descending(options.get("$orderby").map(String::as_str))?;
    let size = page_size(options.get("$top").map(String::as_str))?.min(world.settings.audit.page_size);
    let entries = found(world, &filter, descending, now);
    Ok(Cursor { query, entries, from: 0, size })
}

fn found(world: &World, filter: &Filter, descending: bool, now: OffsetDateTime) -> Arc<[usize]> {
    let log = &world.tenant.log;
    let kept_since = now - world.settings.audit.retention;
    let shows =
        |entry: &AuditEntry| entry.visible_at <= now && entry.at >= kept_since && filter.matches(entry);
    let mut found: Vec<usize> = (0..log.len()).filter(|&i| shows(&log[i])).collect();
    found.sort_by_key(|&i| (log[i].at, i));
    if descending {
        found.reverse();
    }
    found.into()
}

/// Newest first unless told otherwise, as Graph does.
fn descending(orderby: Option<&str>) -> Result<bool, Refused> {
    match orderby {
        None | Some("activityDateTime desc") => Ok(true),
        Some("activityDateTime" | "activityDateTime asc") => Ok(false),
        Some(other) => Err(Refused::bad_request(format!("Ordering by '{other}' is not supported."))),
    }
}

fn page_size(top: Option<&str>) -> Result<usize, Refused> {
    let Some(top) = top else { return Ok(TOP_MAX) };
    let size = top.parse().ok().filter(|size| (1..=TOP_MAX).contains(size));
    size.ok_or_else(|| {
        Refused::bad_request(format!("Invalid value '{top}' for $top: it must be between 1 and {TOP_MAX}."))
    })
}

fn serve(world: &mut World, base: &str, cursor: Cursor) -> Answer {
    let until = (cursor.from + cursor.size).min(cursor.entries.len());
    let log = &world.tenant.log;
    let value: Vec<Value> = cursor.entries[cursor.from..until].iter().map(|&i| log[i].json.clone()).collect();
    let context = "https://graph.microsoft.com/v1.0/$metadata#auditLogs/directoryAudits";
    let mut body = json!({"@odata.context": context, "value": value});
    if until < cursor.entries.len() {
        let token = format!("{:032x}__{until}", world.chance.u128(..));
        let separator = if cursor.query.is_empty() { "" } else { "&" };
        body["@odata.nextLink"] =
            format!("{base}{PATH}?{}{separator}$skiptoken={token}", cursor.query).into();
        world.tenant.pages.remember(token, Cursor { from: until, ..cursor });
    }
    Answer::ok(body)
}
