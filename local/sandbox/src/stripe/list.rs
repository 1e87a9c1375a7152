//! `GET /v1/customers` and `GET /v1/customers/{id}`: what they show is never behind.

use axum::extract::{Path, RawQuery, State};
use serde_json::{Value, json};

use super::{
    account::{Account, Customer},
    errors::{Admitted, Refused, settle},
    form::{Params, limit, only, read_query},
};
use crate::{Answer, Sandbox};

pub(super) async fn retrieve(
    State(sandbox): State<Sandbox>,
    Admitted(realm): Admitted,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    sandbox.with(|world, _| {
        let customer = read_query(query.as_deref()).and_then(|params| only(&params, &[])).and_then(|()| {
            let customer = world.stripe.account(realm).customers.get(&id);
            customer.map(Customer::json).ok_or_else(|| Refused::missing_customer(&id, "id"))
        });
        settle(world, customer.map(Answer::ok))
    })
}

pub(super) async fn list(
    State(sandbox): State<Sandbox>,
    Admitted(realm): Admitted,
    RawQuery(query): RawQuery,
) -> Answer {
    sandbox.with(|world, _| {
        let page = read_query(query.as_deref()).and_then(|params| page(world.stripe.account(realm), &params));
        settle(world, page.map(Answer::ok))
    })
}

fn page(account: &Account, params: &Params) -> Result<Value, Refused> {
    only(params, &["email", "limit", "starting_after", "ending_before"])?;
    let limit = limit(params)?;
    let listed = listed(account, params.get("email").map(String::as_str));
    let (data, has_more) = match (params.get("starting_after"), params.get("ending_before")) {
        (Some(_), Some(_)) => {
            return Err(Refused::invalid("You can't use both starting_after and ending_before."));
        }
        (Some(after), None) => {
            forward(&listed[position(account, &listed, after, "starting_after")? + 1..], limit)
        }
        (None, Some(before)) => {
            backward(&listed[..position(account, &listed, before, "ending_before")?], limit)
        }
        (None, None) => forward(&listed, limit),
    };
    let data: Vec<Value> = data.iter().map(|customer| customer.json()).collect();
    Ok(json!({"object": "list", "url": "/v1/customers", "has_more": has_more, "data": data}))
}

/// Newest first. The address is compared as it is, case included.
fn listed<'a>(account: &'a Account, email: Option<&str>) -> Vec<&'a Customer> {
    let customers = account.created.iter().rev().filter_map(|id| account.customers.get(id));
    let has_email = |customer: &&Customer| {
        email.is_none_or(|email| customer.now.texts.get("email").is_some_and(|e| e == email))
    };
    customers.filter(|customer| !customer.deleted).filter(has_email).collect()
}

fn position(account: &Account, listed: &[&Customer], id: &str, param: &str) -> Result<usize, Refused> {
    if !account.customers.contains_key(id) {
        return Err(Refused::missing_customer(id, param));
    }
    let position = listed.iter().position(|customer| customer.id == id);
    position.ok_or_else(|| Refused::missing_customer(id, param))
}

fn forward<'a, 'c>(rest: &'a [&'c Customer], limit: usize) -> (&'a [&'c Customer], bool) {
    (&rest[..limit.min(rest.len())], rest.len() > limit)
}

fn backward<'a, 'c>(rest: &'a [&'c Customer], limit: usize) -> (&'a [&'c Customer], bool) {
    (&rest[rest.len().saturating_sub(limit)..], rest.len() > limit)
}
