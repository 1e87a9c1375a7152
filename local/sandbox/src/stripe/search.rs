//! `GET /v1/customers/search`: powerful, and behind. Never read after write.

use axum::extract::{RawQuery, State};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{
    account::{Account, Customer},
    errors::{Admitted, Refused, settle},
    form::{Params, limit, only, read_query},
    query::Query,
};
use crate::{Answer, Sandbox};

pub(super) async fn search(
    State(sandbox): State<Sandbox>,
    Admitted(realm): Admitted,
    RawQuery(query): RawQuery,
) -> Answer {
    sandbox.with(|world, now| {
        let page =
            read_query(query.as_deref()).and_then(|params| page(world.stripe.account(realm), &params, now));
        settle(world, page.map(Answer::ok))
    })
}

fn page(account: &Account, params: &Params, now: OffsetDateTime) -> Result<Value, Refused> {
    only(params, &["query", "limit", "page"])?;
    let limit = limit(params)?;
    let from = from(params)?;
    let missing =
        || Refused::invalid("Missing required param: query.").with_code("parameter_missing").at("query");
    let query = Query::parse(params.get("query").ok_or_else(missing)?);
    let query =
        query.map_err(|_| Refused::invalid("We were unable to parse your search query.").at("query"))?;
    let found = found(account, &query, now);
    let shown = found.iter().skip(from).take(limit).map(|customer| customer.json());
    let shown: Vec<Value> = shown.collect();
    let until = from + shown.len();
    let has_more = until < found.len();
    Ok(json!({
        "object": "search_result", "url": "/v1/customers/search", "has_more": has_more, "data": shown,
        "next_page": has_more.then(|| until.to_string()),
    }))
}

fn from(params: &Params) -> Result<usize, Refused> {
    let Some(page) = params.get("page") else { return Ok(0) };
    page.parse().map_err(|_| Refused::invalid("Invalid page.").at("page"))
}

fn found<'a>(account: &'a Account, query: &Query, now: OffsetDateTime) -> Vec<&'a Customer> {
    let customers = account.created.iter().rev().filter_map(|id| account.customers.get(id));
    let matches =
        |customer: &&Customer| customer.as_indexed(now).is_some_and(|version| query.matches(version));
    customers.filter(matches).collect()
}
