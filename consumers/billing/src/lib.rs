//! Billing: every sign-up becomes one Stripe customer, and the customer's id stands on the Entra user.
//!
//! Stripe has no upsert, so "one" is made of four looks, from the surest to the slowest: the id that already
//! stands on the user; a search by the metadata that we write (which lags by a minute); a list by e-mail (which
//! does not); and a creation under an idempotency key that is the event's, so that two deliveries at once make
//! one customer. A customer counts as ours only if its metadata names this tenant and this user.

mod customer;
mod settings;
mod stripe;

use async_trait::async_trait;
use serde_json::json;
use usher_clock::Clock;
use usher_entra::{Graph, GraphError, User};
use usher_event::Event;
use usher_http::{Failure, FailureClass, Pace};
use usher_subscriber::{Consumer, Down, Handler, NoCommand, Outcome, Ports};
use uuid::Uuid;

use crate::{
    customer::{Customer, NewCustomer},
    stripe::{Stripe, StripeError},
};
pub use settings::BillingSettings;

/// How long the key after a spent one serves, in seconds: deliveries at about the same time share it, and a failure
/// stored under it stands in the way no longer than this.
const KEY_SERVES: i64 = 300;
/// What is read of a user beside the customer's id.
const USER_FIELDS: [&str; 3] = ["mail", "identities", "displayName"];

/// The handler.
pub struct Billing {
    tenant_id: Uuid,
    stripe: Stripe,
    graph: Graph,
    attribute: String,
    clock: Clock,
}

#[async_trait]
impl Handler for Billing {
    fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    async fn handle(&self, event: &Event) -> Outcome {
        self.bill(event).await.unwrap_or_else(|outcome| outcome)
    }

    async fn probe(&self) -> Result<(), Down> {
        self.stripe.probe().await.map_err(|error| Down {
            vendor: "Stripe",
            setting: error.setting(),
            failure: error.failure(),
        })?;
        self.graph.probe().await.map_err(|error| Down {
            vendor: "Entra",
            setting: error.credential_setting(),
            failure: error.into(),
        })
    }
}

impl Consumer for Billing {
    const NAME: &'static str = "billing";
    const ABOUT: &'static str =
        "Makes a Stripe customer of every sign-up and writes its id back on the Entra user.";
    type Settings = BillingSettings;
    type Command = NoCommand;

    fn new(settings: BillingSettings, ports: Ports) -> Result<Self, usher_service::Failure> {
        let pace = Pace::per_second(settings.calls_per_second());
        Ok(Self {
            tenant_id: settings.entra.tenant_id,
            stripe: Stripe::new(
                ports.http.clone(),
                settings.stripe_api_base,
                settings.stripe_secret_key,
                pace,
                ports.clock,
            ),
            graph: settings.entra.graph(ports.http, ports.clock),
            attribute: settings.stripe_customer_id_attribute,
            clock: ports.clock,
        })
    }

    async fn command(self, command: NoCommand) -> Result<(), usher_service::Failure> {
        match command {}
    }
}

impl Billing {
    /// The whole policy. The error is an outcome too: the one that a failed call calls for.
    async fn bill(&self, event: &Event) -> Result<Outcome, Outcome> {
        let user = self.user(event).await?;
        let new = NewCustomer::of(event, user.email(), user.text("displayName"));
        let on_user = user.text(&self.attribute);
        let customer = match self.verified(on_user, &new).await? {
            Some(customer) => customer,
            None => match self.find(&new).await? {
                Some(customer) => customer,
                None => self.create(&new).await?,
            },
        };
        if on_user != Some(&customer.id) {
            let id_on_user = json!({ &self.attribute: customer.id });
            self.graph
                .patch_user(event.data.user_id, &id_on_user)
                .await
                .map_err(|e| self.entra_failed(event, e))?;
        }
        Ok(Outcome::Done)
    }

    /// The user as it is now: a customer may have corrected what was typed at the sign-up.
    async fn user(&self, event: &Event) -> Result<User, Outcome> {
        let fields = [&USER_FIELDS[..], &[&self.attribute]].concat();
        let user = self.graph.user(event.data.user_id, &fields).await;
        user.map_err(|error| self.entra_failed(event, error))
    }

    /// The customer whose id stands on the user, if it is ours: whoever could write the attribute could
    /// otherwise claim another's customer.
    async fn verified(&self, id: Option<&str>, new: &NewCustomer) -> Result<Option<Customer>, Outcome> {
        let Some(id) = id else { return Ok(None) };
        let customer = self.stripe.customer(id).await.map_err(stripe_failed)?;
        Ok(customer.filter(|customer| new.is_already(customer)))
    }

    async fn find(&self, new: &NewCustomer) -> Result<Option<Customer>, Outcome> {
        let found = self.stripe.search(&new.metadata_query()).await.map_err(stripe_failed)?;
        if let Some(customer) = found.into_iter().find(|customer| new.is_already(customer)) {
            return Ok(Some(customer));
        }
        for email in new.emails() {
            let listed = self.stripe.list_by_email(email).await.map_err(stripe_failed)?;
            if let Some(customer) = listed.into_iter().find(|customer| new.is_already(customer)) {
                return Ok(Some(customer));
            }
        }
        Ok(None)
    }

    /// Creates the customer under the event's idempotency key. A key that only repeats an earlier failure, or that
    /// was used with other parameters, is given up for one that changes with time: but first we look whether it had
    /// an effect, which takes an e-mail, since only the list by e-mail does not lag. Without one we wait for the
    /// search to catch up rather than risk a second customer.
    async fn create(&self, new: &NewCustomer) -> Result<Customer, Outcome> {
        match self.stripe.create(new, &new.idempotency_key(None)).await {
            Err(error) if error.key_is_spent() => {}
            answer => return answer.map_err(stripe_failed),
        }
        if let Some(customer) = self.find(new).await? {
            return Ok(customer);
        }
        if new.emails().next().is_none() {
            return Err(key_spent());
        }
        let period = self.clock.now().unix_timestamp() / KEY_SERVES;
        let created = self.stripe.create(new, &new.idempotency_key(Some(period))).await;
        created.map_err(|error| if error.key_is_spent() { key_spent() } else { stripe_failed(error) })
    }

    /// A user who can't be found is waited for, and after that gone; all else is the call's own failure.
    fn entra_failed(&self, event: &Event, error: GraphError) -> Outcome {
        match error.about_user_of_age(self.clock.since(event.data.signed_up_at)) {
            GraphError::NotFound(_) => Outcome::Skipped("user-gone"),
            error => Outcome::failed("Entra", error.into()),
        }
    }
}

/// The key's own end is waited for. Stripe is there and works: hence a conflict.
fn key_spent() -> Outcome {
    Outcome::Retry(Failure::status(FailureClass::Transient, 409).with_code(Some("idempotency key spent")))
}

fn stripe_failed(error: StripeError) -> Outcome {
    Outcome::failed("Stripe", error.failure())
}

#[cfg(test)]
mod tests;
