//! `POST /v1/customers` and `POST /v1/customers/{id}`.

use axum::{
    Extension,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, Uri},
};
use time::OffsetDateTime;

use super::{
    account::new_id,
    accounts::Realm,
    errors::{Admitted, Refused, settle},
    fields::Fields,
    form::{Params, read_body},
    idempotency::{NotExecuted, Write, key, once},
};
use crate::{Answer, Sandbox, gate::Arrival, world::World};

pub(super) async fn create(
    State(sandbox): State<Sandbox>,
    Admitted(realm): Admitted,
    Extension(arrival): Extension<Arrival>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    sandbox.with(|world, now| match read(realm, &uri, &headers, &body, arrival) {
        Ok(write) => once(world, write, now, |world, params| create_customer(world, realm, params, now)),
        Err(refused) => settle(world, Err(refused)),
    })
}

pub(super) async fn update(
    State(sandbox): State<Sandbox>,
    Admitted(realm): Admitted,
    Extension(arrival): Extension<Arrival>,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    sandbox.with(|world, now| match read(realm, &uri, &headers, &body, arrival) {
        Ok(write) => once(world, write, now, |world, params| update_customer(world, realm, &id, params, now)),
        Err(refused) => settle(world, Err(refused)),
    })
}

fn read(
    realm: Realm,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    arrival: Arrival,
) -> Result<Write, Refused> {
    let key = key(headers)?;
    Ok(Write { realm, path: uri.path().to_owned(), params: read_body(headers, body)?, key, arrival })
}

fn create_customer(
    world: &mut World,
    realm: Realm,
    params: &Params,
    now: OffsetDateTime,
) -> Result<Answer, NotExecuted> {
    let fields = Fields::parse(params).map_err(NotExecuted::Invalid)?;
    let id = new_id(&mut world.chance);
    let customer = world.stripe.account(realm).create(fields, id, now, world.settings.stripe.search_lag);
    Ok(Answer::ok(customer.json()))
}

fn update_customer(
    world: &mut World,
    realm: Realm,
    id: &str,
    params: &Params,
    now: OffsetDateTime,
) -> Result<Answer, NotExecuted> {
    let fields = Fields::parse(params).map_err(NotExecuted::Invalid)?;
    let customer = world.stripe.account(realm).update(id, fields, now, world.settings.stripe.search_lag);
    customer.map(|customer| Answer::ok(customer.json())).map_err(NotExecuted::Failed)
}
