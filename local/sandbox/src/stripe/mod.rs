//! The stand-in for Stripe: the customers of two accounts.

mod account;
mod accounts;
mod create;
pub(crate) mod errors;
mod fields;
mod form;
mod idempotency;
mod list;
mod past;
mod query;
mod search;
mod settings;

use axum::{
    Router,
    routing::{get, post},
};

use crate::{Call, Sandbox, gate::gated};
pub(crate) use accounts::{Accounts, Realm};
pub use past::StripePast;
pub(crate) use past::{Before, remember};
pub use settings::{STRIPE_ACCOUNTS, StripeFlags, StripePolicy, StripeSettings};

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
