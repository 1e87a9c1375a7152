//! The creation of a customer, once for each sign-up.

use usher_clock::Clock;
use usher_http::{Failure, FailureClass};
use usher_subscriber::Outcome;

use crate::{
    customer::{Customer, NewCustomer},
    stripe::{Stripe, StripeError},
};

/// How long the key after a spent one serves, in seconds: deliveries at about the same time share it, and a failure
/// stored under it stands in the way no longer than this.
const KEY_SERVES: i64 = 300;

/// The period of time that a key for which the first is spent serves for.
pub(crate) fn period(clock: Clock) -> i64 {
    clock.now().unix_timestamp() / KEY_SERVES
}

/// Creates the customer under the event's idempotency key. A key that only repeats an earlier failure, or that was used
/// with other parameters, is given up for one that changes with time: but first we look whether it had an effect, which
/// takes an e-mail, since only the list by e-mail does not lag. Without one we wait for the search to catch up rather
/// than risk a second customer.
pub(crate) async fn create(stripe: &Stripe, new: &NewCustomer, clock: Clock) -> Result<Customer, Outcome> {
    match stripe.create(new, &new.idempotency_key(None)).await {
        Err(error) if error.key_is_spent() => {}
        answer => return answer.map_err(Outcome::from),
    }
    if let Some(customer) = stripe.find(new).await? {
        return Ok(customer);
    }
    if new.emails().next().is_none() {
        return Err(key_spent());
    }
    let created = stripe.create(new, &new.idempotency_key(Some(period(clock)))).await;
    created.map_err(|error: StripeError| if error.key_is_spent() { key_spent() } else { error.into() })
}

/// The key's own end is waited for. Stripe is there and works: hence a conflict.
fn key_spent() -> Outcome {
    Outcome::Retry(Failure::status(FailureClass::Transient, 409).with_code(Some("idempotency key spent")))
}
