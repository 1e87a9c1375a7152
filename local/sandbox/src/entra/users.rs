//! `GET /users/{id}` and `GET /users`: not there yet for a moment, then readable, then perhaps gone.

use axum::{
    extract::{RawQuery, State},
    http::{HeaderMap, Uri},
};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    User, created,
    graph::{Caller, Refused, base_url, query_options, settle},
    pages::{top, without_skiptoken},
    schema,
};
use crate::{Answer, Permission, Sandbox, SandboxSettings, world::World};

/// Either lets an app read users.
const READERS: [Permission; 2] = [Permission::UserRead, Permission::UserReadWrite];
const PATH: &str = "/v1.0/users";
/// How many users a page has unless `$top` says otherwise, and the most that it may say.
const TOP: usize = 100;
const TOP_MAX: usize = 999;

pub(super) fn read(
    world: &mut World,
    caller: Caller,
    id: &str,
    query: &str,
    now: OffsetDateTime,
) -> Result<Answer, Refused> {
    caller.needs(world, &READERS)?;
    let options = query_options(query, &["$select"])?;
    let selected = selected(&world.settings, options.get("$select").map(String::as_str))?;
    let user = world.tenant.directory.find(id, now)?;
    let mut body = shown(user.shown(&mut world.chance, now), &selected);
    let context = format!("https://graph.microsoft.com/v1.0/$metadata#users({})/$entity", selected.join(","));
    body.insert("@odata.context".to_owned(), context.into());
    Ok(Answer::ok(Value::Object(body)))
}

fn selected<'q>(settings: &SandboxSettings, select: Option<&'q str>) -> Result<Vec<&'q str>, Refused> {
    let Some(select) = select else { return Ok(schema::DEFAULT.to_vec()) };
    let selected: Vec<&str> = select.split(',').map(str::trim).collect();
    match selected.iter().find(|name| !schema::is_known(settings, name)) {
        Some(unknown) => Err(Refused::unknown_property(unknown, "user")),
        None => Ok(selected),
    }
}

/// The selected properties. Custom attributes without a value are left out, all others are null.
fn shown(properties: &Map<String, Value>, selected: &[&str]) -> Map<String, Value> {
    let mut body = Map::new();
    for &name in selected {
        match properties.get(name) {
            Some(value) => _ = body.insert(name.to_owned(), value.clone()),
            None if schema::is_extension(name) => {}
            None => _ = body.insert(name.to_owned(), Value::Null),
        }
    }
    body
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
    caller.needs(world, &READERS)?;
    let options = query_options(query, &["$select", "$top", "$filter", "$skiptoken"])?;
    let option = |name| options.get(name).map(String::as_str);
    let selected = selected(&world.settings, option("$select"))?;
    let size = top(option("$top"), TOP_MAX)?.unwrap_or(TOP).min(world.settings.user_page_size);
    let since = option("$filter").map(created::since).transpose()?;
    let first_query = without_skiptoken(query);
    let after = option("$skiptoken").map(|token| world.tenant.user_pages.resume(token, &first_query));
    let (value, next) = users_after(world, after.transpose()?, since, size, &selected, now);
    let mut body =
        json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users", "value": value});
    if let Some(last) = next {
        let token = format!("RFNwdAIAAQAA{:032x}", world.chance.u128(..));
        let link = world.tenant.user_pages.remember(token, &first_query, last);
        body["@odata.nextLink"] = format!("{base}{PATH}?{link}").into();
    }
    Ok(Answer::ok(body))
}

/// A page, and the last user on it if there are more.
fn users_after(
    world: &mut World,
    after: Option<Uuid>,
    since: Option<OffsetDateTime>,
    size: usize,
    selected: &[&str],
    now: OffsetDateTime,
) -> (Vec<Value>, Option<Uuid>) {
    let World { tenant, chance, .. } = world;
    let is_wanted = |user: &&User| since.is_none_or(|since| created::is_since(user, since));
    let mut users = tenant.directory.after(after, now).filter(is_wanted);
    let (mut value, mut last) = (Vec::new(), None);
    for user in users.by_ref().take(size) {
        value.push(Value::Object(shown(user.shown(chance, now), selected)));
        last = Some(user.id);
    }
    let more = users.next().is_some();
    (value, last.filter(|_| more))
}
