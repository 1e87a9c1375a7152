//! The creation of a customer, once for each sign-up.

use usher_http::{Failure, FailureClass};
use usher_subscriber::Outcome;

use crate::{
    customer::{Customer, NewCustomer},
    stripe::Stripe,
};

/// How many idempotency keys there are for one thing that is to be done once. A delivery's attempt spends one at most,
/// by a failure that Stripe stores: these are the attempts of several deliveries, and in a day they can be used again.
pub(crate) const KEYS: u32 = 32;

/// Creates the customer under the event's first idempotency key that is not spent. One is if it only repeats an earlier
/// failure, or was used with other parameters; we go on to the next only after a look whether it had an effect. That takes
/// an e-mail, since only the list by e-mail does not lag: without one we wait for the search to catch up rather than risk
/// a second customer.
///
/// The keys and their order are the same for everybody at any time. So whatever a key is used for, late or at the same
/// moment elsewhere, whoever comes to it gets that one customer or sees it spent.
pub(crate) async fn create(stripe: &Stripe, new: &NewCustomer) -> Result<Customer, Outcome> {
    for key in (0..KEYS).map(|at| new.idempotency_key(at)) {
        match stripe.create(new, &key).await {
            Err(error) if error.key_is_spent() => {}
            answer => return answer.map_err(Outcome::from),
        }
        if let Some(customer) = stripe.find(new).await? {
            return Ok(customer);
        }
        if new.emails().next().is_none() {
            break;
        }
    }
    Err(key_spent())
}

/// The key's own end is waited for. Stripe is there and works: hence a conflict.
fn key_spent() -> Outcome {
    Outcome::Retry(Failure::status(FailureClass::Transient, 409).with_code(Some("idempotency key spent")))
}
