//! `GET /auditLogs/directoryAudits`: late, out of order, in pages, and throttled.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, Uri},
};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    entries::AuditEntry,
    filter::Filter,
    graph::{Caller, Refused, base_url, often, query_options, settle},
    pages::{top, without_skiptoken},
};
use crate::{Answer, Permission, Sandbox, world::World};

const PATH: &str = "/v1.0/auditLogs/directoryAudits";
const OPTIONS: [&str; 4] = ["$filter", "$orderby", "$top", "$skiptoken"];
/// The most that `$top` may ask for.
const TOP_MAX: usize = 1000;
/// A result set that is being paged through, as it was when its first page was asked for.
#[derive(Clone)]
pub(super) struct Cursor {
    entries: Arc<[usize]>,
    from: usize,
    size: usize,
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
    caller.needs(world, &[Permission::AuditLogRead])?;
    throttle(world, caller, now)?;
    let options = query_options(query, &OPTIONS)?;
    let first_query = without_skiptoken(query);
    let cursor = match options.get("$skiptoken") {
        Some(token) => world.tenant.audit_pages.resume(token, &first_query)?,
        None => first(world, &options, now)?,
    };
    Ok(serve(world, base, &first_query, cursor))
}

fn throttle(world: &mut World, Caller(app): Caller, now: OffsetDateTime) -> Result<(), Refused> {
    let Some(quota) = world.tenant.quotas.get_mut(&app) else { return Ok(()) };
    quota.audit.admit(now).map_err(|wait| Refused::throttled(often(&mut world.chance, wait)))
}

fn first(world: &World, options: &BTreeMap<String, String>, now: OffsetDateTime) -> Result<Cursor, Refused> {
    let filter = options.get("$filter").map(|filter| Filter::parse(filter)).transpose();
    let filter = filter.map_err(Refused::bad_request)?.unwrap_or_default();
    let descending = descending(options.get("$orderby").map(String::as_str))?;
    let asked = top(options.get("$top").map(String::as_str), TOP_MAX)?.unwrap_or(TOP_MAX);
    let size = asked.min(world.settings.audit.page_size);
    let entries = found(world, &filter, descending, now);
    Ok(Cursor { entries, from: 0, size })
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

fn serve(world: &mut World, base: &str, query: &str, cursor: Cursor) -> Answer {
    let until = (cursor.from + cursor.size).min(cursor.entries.len());
    let log = &world.tenant.log;
    let value: Vec<Value> = cursor.entries[cursor.from..until].iter().map(|&i| log[i].json.clone()).collect();
    let context = "https://graph.microsoft.com/v1.0/$metadata#auditLogs/directoryAudits";
    let mut body = json!({"@odata.context": context, "value": value});
    if until < cursor.entries.len() {
        let token = format!("{:032x}__{until}", world.chance.u128(..));
        let link = world.tenant.audit_pages.remember(token, query, Cursor { from: until, ..cursor });
        body["@odata.nextLink"] = format!("{base}{PATH}?{link}").into();
    }
    Answer::ok(body)
}
