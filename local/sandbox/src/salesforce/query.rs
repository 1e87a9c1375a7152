//! `GET /services/data/{version}/query?q=..`: which external ids exist, which is how one finds out who is missing.
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_query.htm>
//!
//! Of SOQL it knows `SELECT field, .. FROM object WHERE field IN ('..', ..)` and `.. WHERE field != null`.

use std::collections::BTreeSet;

use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
};
use serde_json::{Map, Value, json};
use url::form_urlencoded;

use super::{
    SalesforcePast,
    describe::{Column, Object, object},
    errors::{Admitted, Refused, settle},
};
use crate::{Answer, Sandbox, world::World};

/// The longest query of a request, in bytes as encoded: Salesforce's bound on a URI, 414 beyond it.
const LONGEST_URI: usize = 16_384;

/// What is left of a query.
pub(super) struct Cursor {
    total: usize,
    rest: Vec<Value>,
}

/// What is asked.
struct Soql {
    object: Object,
    columns: Vec<Column>,
    /// The external ids that are asked about; `None`: all.
    among: Option<BTreeSet<String>>,
}

pub(super) async fn first(
    State(sandbox): State<Sandbox>,
    _: Admitted,
    Path(version): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    sandbox.with(|world, now| {
        let answer = soql(query.as_deref().unwrap_or_default()).map(|soql| {
            let rows = rows(world, &soql, &version);
            page(world, &version, Cursor { total: rows.len(), rest: rows })
        });
        settle(world, now, answer)
    })
}

pub(super) async fn next(
    State(sandbox): State<Sandbox>,
    _: Admitted,
    Path((version, cursor)): Path<(String, String)>,
) -> Answer {
    sandbox.with(|world, now| {
        let unknown = || Refused::bad("INVALID_QUERY_LOCATOR", "invalid query locator");
        let cursor = world.salesforce.cursors.remove(&cursor).ok_or_else(unknown);
        let answer = cursor.map(|cursor| page(world, &version, cursor));
        settle(world, now, answer)
    })
}

/// Reads the one parameter that there is.
fn soql(query: &str) -> Result<Soql, Refused> {
    if query.len() > LONGEST_URI {
        return Err(Refused::new(StatusCode::URI_TOO_LONG, "URI_TOO_LONG", "URI Too Long"));
    }
    let mut parameters = form_urlencoded::parse(query.as_bytes());
    match (parameters.next(), parameters.next()) {
        (Some((name, text)), None) if name == "q" => parse(&text),
        _ => Err(malformed("q")),
    }
}

fn parse(text: &str) -> Result<Soql, Refused> {
    let (selected, rest) = between(text, "SELECT ", " FROM ")?;
    let (name, condition) = between(rest, "", " WHERE ")?;
    // An object that is not there is another error in a query than in a path.
    let object = object(name.trim()).map_err(|_| {
        Refused::bad("INVALID_TYPE", format!("sObject type '{}' is not supported.", name.trim()))
    })?;
    let columns = selected.split(',').map(|name| column(&object, name.trim()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let (field, among) = match condition.split_once(" IN ") {
        Some((field, list)) => (field, Some(texts(list)?)),
        None => (condition.strip_suffix("!= null").ok_or_else(|| malformed(condition))?, None),
    };
    if !column(&object, field.trim())?.is_external_id() {
        return Err(malformed(field));
    }
    Ok(Soql { object, columns, among })
}

fn between<'t>(text: &'t str, before: &str, behind: &str) -> Result<(&'t str, &'t str), Refused> {
    let split = text.strip_prefix(before).and_then(|text| text.split_once(behind));
    split.ok_or_else(|| malformed(behind.trim()))
}

fn column(object: &Object, name: &str) -> Result<Column, Refused> {
    let column = object.column(name).copied();
    column.ok_or_else(|| Refused::bad("INVALID_FIELD", format!("No such column '{name}' on entity")))
}

/// `('a', 'b')`. Ids have no quotes in them.
fn texts(list: &str) -> Result<BTreeSet<String>, Refused> {
    let inner = list.trim().strip_prefix('(').and_then(|list| list.strip_suffix(')'));
    let inner = inner.ok_or_else(|| malformed("IN"))?;
    let text = |text: &str| text.trim().strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned);
    inner.split(',').map(text).collect::<Option<_>>().ok_or_else(|| malformed("IN"))
}

fn malformed(near: &str) -> Refused {
    Refused::bad("MALFORMED_QUERY", format!("unexpected token: '{near}'"))
}

/// A row for each record. Whose external id two records have has two.
fn rows(world: &World, soql: &Soql, version: &str) -> Vec<Value> {
    let is_asked = |id: &str| soql.among.as_ref().is_none_or(|among| among.contains(id));
    let records = world.salesforce.records.iter();
    let records = records.filter(|((object, id), _)| *object == soql.object.name && is_asked(id));
    let rows = records.map(|((_, id), record)| {
        let value = |name: &str| match name {
            "Id" => Value::from(record.id.as_str()),
            name => record.fields.get(name).cloned().unwrap_or_default(),
        };
        row(soql, version, id, value)
    });
    let is_ambiguous = |role: &crate::role::Role| role.person.salesforce == SalesforcePast::Ambiguous;
    let ambiguous = world.roles.iter().filter(|(_, role)| is_ambiguous(role)).map(|(id, _)| id.to_string());
    let doubled = ambiguous.filter(|id| is_asked(id)).flat_map(|id| [id.clone(), id]);
    let doubled = doubled.map(|id| row(soql, version, &id, |_| Value::Null));
    rows.chain(doubled).collect()
}

fn row(soql: &Soql, version: &str, external_id: &str, value: impl Fn(&str) -> Value) -> Value {
    let object = soql.object.name;
    let url = format!("/services/data/{version}/sobjects/{object}/{external_id}");
    let mut row = Map::from_iter([("attributes".to_owned(), json!({"type": object, "url": url}))]);
    for column in &soql.columns {
        let value = if column.is_external_id() { external_id.into() } else { value(column.name) };
        row.insert(column.name.to_owned(), value);
    }
    Value::Object(row)
}

fn page(world: &mut World, version: &str, Cursor { total, mut rest }: Cursor) -> Answer {
    let later = rest.split_off(rest.len().min(world.settings.salesforce.query_page));
    let mut body = json!({"totalSize": total, "done": later.is_empty(), "records": rest});
    if !later.is_empty() {
        let cursor = format!("01g{:016x}-{}", world.chance.u64(..), total - later.len());
        body["nextRecordsUrl"] = format!("/services/data/{version}/query/{cursor}").into();
        world.salesforce.cursors.insert(cursor, Cursor { total, rest: later });
    }
    Answer::ok(body)
}
