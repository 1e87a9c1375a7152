//! Customers who were there before the sign-up: what becomes of one with the same e-mail address.
//!
//! An address is no proof. Whoever signs up with an identity provider that passes on what somebody typed there, or with
//! a form that asks for an address and sends no code, could otherwise take over the customer of whoever the address is
//! really of, invoices and cards included. So a customer is linked only if the tenant itself has verified the address as
//! the user has it now; any other sign-up gets a customer of its own, and the existing one is left alone. And one that
//! names a user already, of this tenant or of another, is theirs: it is never linked again.

use clap::ValueEnum;
use usher_http::{Failure, FailureClass};
use usher_subscriber::Outcome;

use crate::{
    create::KEYS,
    customer::{Customer, NewCustomer},
    rejected,
    stripe::Stripe,
};

/// What becomes of a customer who was there before the sign-up, with the same e-mail address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Existing {
    /// It is left alone: the sign-up gets a customer of its own
    #[default]
    Create,
    /// It becomes the sign-up's, if the tenant has verified the address and the customer names no user yet
    Link,
    /// Nothing: the sign-up is dead-lettered
    Reject,
}

/// The customer that the sign-up gets in place of a new one, if it is to get one.
pub(crate) async fn existing(
    policy: Existing,
    stripe: &Stripe,
    new: &NewCustomer,
    email_is_verified: bool,
) -> Result<Option<Customer>, Outcome> {
    let Some(email) = new.email().filter(|_| policy != Existing::Create) else { return Ok(None) };
    let mut listed = stripe.list_by_email(email).await?;
    // Made since we looked, by another delivery of the same sign-up.
    if let Some(at) = listed.iter().position(|customer| new.is_already(customer)) {
        return Ok(Some(listed.swap_remove(at)));
    }
    match policy {
        Existing::Reject if !listed.is_empty() => Err(rejected("customer-exists")),
        Existing::Link if email_is_verified => link(stripe, new, listed).await,
        Existing::Create | Existing::Link | Existing::Reject => Ok(None),
    }
}

async fn link(
    stripe: &Stripe,
    new: &NewCustomer,
    listed: Vec<Customer>,
) -> Result<Option<Customer>, Outcome> {
    let mut free = listed.into_iter().filter(Customer::is_nobodys);
    match (free.next(), free.next()) {
        (None, _) => Ok(None),
        (Some(customer), None) => claim(stripe, new, &customer.id).await.map(Some),
        // Which of them it is, a person has to say: by the metadata of one, or by an address on one alone.
        (Some(_), Some(_)) => Err(rejected("several-customers")),
    }
}

/// Ties the customer to the user. Stripe knows no "only if it is still free", but an idempotency key knows whose it is:
/// it is the customer's, so that of two users who want one customer at once the second comes with other parameters and
/// is refused, while two deliveries of one sign-up make one change. Whose the customer is then, it says itself: a stored
/// answer may be older than what has been done to the customer since. A key under which a failure is stored is followed
/// by the next, the same for both.
async fn claim(stripe: &Stripe, new: &NewCustomer, id: &str) -> Result<Customer, Outcome> {
    for key in (0..KEYS).map(|at| link_key(id, at)) {
        let is_spent = match stripe.update(id, &new.claim(), &key).await {
            Err(error) if error.is_stored_failure() => true,
            Err(error) if error.is_of_other_parameters() || error.is_missing() => false,
            answer => answer.map(|_| false)?,
        };
        let now = stripe.customer(id).await?;
        let is_free = now.as_ref().is_some_and(Customer::is_nobodys);
        if let Some(customer) = now.filter(|customer| new.is_already(customer)) {
            return Ok(customer);
        }
        if !(is_spent && is_free) {
            break;
        }
    }
    Err(taken())
}

fn link_key(id: &str, at: u32) -> String {
    match at {
        0 => format!("usher-link-{id}"),
        at => format!("usher-link-{id}-{at}"),
    }
}

/// Somebody was quicker, or the failure that is stored has to run out: another look tells. Stripe is there and works.
fn taken() -> Outcome {
    Outcome::Retry(Failure::status(FailureClass::Transient, 409).with_code(Some("customer not linked")))
}
