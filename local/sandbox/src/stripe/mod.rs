//! The stand-in for a Stripe account: its customers.

mod account;
mod create;
pub(crate) mod errors;
mod fields;
mod form;
mod idempotency;
mod list;
mod query;
mod search;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{Call, Sandbox, gate::gated};
pub(crate) use account::Account;

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    let customers = gated(sandbox, Call::ListCustomers, get(list::list)).merge(gated(
        sandbox,
        Call::CreateCustomer,
        post(create::create),
    ));
    let customer = gated(sandbox, Call::GetCustomer, get(list::retrieve)).merge(gated(
        sandbox,
        Call::UpdateCustomer,
        post(create::update),
    ));
    Router::new()
        .route("/v1/customers", customers)
        .route("/v1/customers/search", gated(sandbox, Call::SearchCustomers, get(search::search)))
        .route("/v1/customers/{id}", customer)
        .fallback(errors::no_such_url)
        .method_not_allowed_fallback(errors::no_such_url)
        .with_state(sandbox.clone())
}
