//! Billing: every sign-up becomes one Stripe customer, and the customer's id stands on the Entra user.
//!
//! Stripe has no upsert, so "one" is made of four looks, from the surest to the slowest: the id that already
//! stands on the user; a search by the metadata that we write (which lags by a minute); a list by e-mail (which
//! does not); and a creation under an idempotency key that is the event's, so that two deliveries at once make
//! one customer. A customer counts as ours only if its metadata names this tenant and this user.
//!
//! Before the creation comes whoever was a customer before the sign-up: left alone, linked or a reason to refuse, as
//! `STRIPE_EXISTING` says. With several accounts (`STRIPE_ACCOUNTS`) what is ours is looked for in each of them, and
//! what is not there yet is made in the one that the rules choose.

mod accounts;
mod check;
mod create;
mod customer;
mod existing;
mod find;
mod mode;
mod settings;
mod stripe;

use async_trait::async_trait;
use serde_json::{Map, json};
use usher_clock::Clock;
use usher_conditions::Facts;
use usher_entra::{Graph, GraphError, User};
use usher_event::Event;
use usher_http::{Failure, FailureClass, QuotaUse};
use usher_subscriber::{Consumer, Down, GraphUse, Handler, NoCommand, Outcome, Ports, Presence, Rejection};
use uuid::Uuid;

pub use accounts::StripeAccounts;
pub use existing::Existing;
pub use mode::{Mode, SecretKey};
pub use settings::BillingSettings;

use crate::{
    accounts::Accounts,
    customer::{Customer, NewCustomer},
    stripe::StripeError,
};

/// What is read of a user beside the customer's id and what the accounts' rules look at.
const USER_FIELDS: [&str; 3] = ["mail", "identities", "displayName"];
/// The property of the open extension that holds the customer's id.
const IN_EXTENSION: &str = "stripeCustomerId";

/// The handler.
pub struct Billing {
    tenant_id: Uuid,
    accounts: Accounts,
    graph: Graph,
    attribute: String,
    existing: Existing,
    open_extension: Option<String>,
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
        self.accounts.probe().await?;
        self.graph.probe().await.map_err(entra_down)?;
        self.accounts.tell_mode();
        match self.accounts.attributes() {
            none if none.is_empty() => Ok(()),
            attributes => self.graph.probe_reading(&attributes).await.map_err(|error| match error {
                // Graph is there, as we have just seen: it is what the rules name that users don't have.
                GraphError::Refused(_) => Down { setting: settings::ACCOUNTS, ..entra_down(error) },
                error => entra_down(error),
            }),
        }
    }

    async fn presence(&self, event: &Event) -> Result<Presence, Failure> {
        self.look(event).await
    }
}

impl Consumer for Billing {
    const NAME: &'static str = "billing";
    const ABOUT: &'static str =
        "Makes a Stripe customer of every sign-up and writes its id back on the Entra user.";
    type Settings = BillingSettings;
    type Command = NoCommand;

    fn new(settings: BillingSettings, ports: Ports) -> Result<Self, usher_service::Failure> {
        Ok(Self {
            tenant_id: settings.entra.tenant_id,
            accounts: Accounts::new(&settings, &ports)?,
            graph: ports.graph(&settings.entra)?,
            attribute: settings.stripe_customer_id_attribute,
            existing: settings.stripe_existing,
            open_extension: settings.stripe_open_extension,
            clock: ports.clock,
        })
    }

    fn graph(&self) -> Option<GraphUse<'_>> {
        Some(GraphUse { graph: &self.graph, permissions: vec!["User.ReadWrite.All"] })
    }

    fn quotas(&self) -> Vec<QuotaUse> {
        self.accounts.quotas()
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
        let customer = match self.known(&user, &new).await? {
            Some(customer) => customer,
            None => self.bring(event, &user, &new).await?,
        };
        self.write_back(&user, &customer).await.map_err(|error| self.entra_failed(event, error))?;
        Ok(Outcome::Done)
    }

    /// The user as it is now: a customer may have corrected what was typed at the sign-up.
    async fn user(&self, event: &Event) -> Result<User, Outcome> {
        let user = self.graph.user(event.data.user_id, &self.fields()).await;
        user.map_err(|error| match error {
            // What we read is what the settings name: the probe tells whether users have that.
            GraphError::Refused(failure) => Outcome::Unavailable { vendor: "Entra", failure },
            error => self.entra_failed(event, error),
        })
    }

    /// The customer that the sign-up has already: by the id on the user, or else by what the customers say.
    async fn known(&self, user: &User, new: &NewCustomer) -> Result<Option<Customer>, StripeError> {
        if let Some(id) = user.text(&self.attribute)
            && let Some(customer) = self.accounts.verified(id, new).await?
        {
            return Ok(Some(customer));
        }
        self.accounts.find(new).await
    }

    /// The customer that the sign-up gets now, in the account that the rules choose: an existing one, or a new one.
    async fn bring(&self, event: &Event, user: &User, new: &NewCustomer) -> Result<Customer, Outcome> {
        let facts = Facts::of_sign_up(user, &event.data);
        let account = self.accounts.of(&facts).ok_or_else(|| rejected("no-account"))?;
        let verified = user.verified_addresses();
        let is_verified =
            new.email().is_some_and(|email| verified.iter().any(|own| own.eq_ignore_ascii_case(email)));
        match existing::existing(self.existing, account, new, is_verified).await? {
            Some(customer) => Ok(customer),
            None => create::create(account, new).await,
        }
    }

    /// The attribute first: it is what we look at.
    async fn write_back(&self, user: &User, customer: &Customer) -> Result<(), GraphError> {
        if user.text(&self.attribute) != Some(&customer.id) {
            self.graph.patch_user(user.id, &json!({ &self.attribute: customer.id })).await?;
        }
        if let Some(name) = &self.open_extension {
            let properties = Map::from_iter([(IN_EXTENSION.to_owned(), json!(customer.id))]);
            self.graph.set_open_extension(user.id, name, properties).await?;
        }
        Ok(())
    }

    /// What is read of a user.
    fn fields(&self) -> Vec<&str> {
        let mut fields = [&USER_FIELDS[..], &[&self.attribute]].concat();
        for attribute in self.accounts.attributes() {
            if !fields.contains(&attribute) {
                fields.push(attribute);
            }
        }
        fields
    }

    /// A user who can't be found is waited for, and after that gone; all else is the call's own failure.
    fn entra_failed(&self, event: &Event, error: GraphError) -> Outcome {
        match error.about_user_of_age(self.clock.since(event.data.signed_up_at)) {
            GraphError::NotFound(_) => Outcome::Skipped("user-gone"),
            error => Outcome::failed("Entra", error.into()),
        }
    }
}

fn entra_down(error: GraphError) -> Down {
    Down { vendor: "Entra", setting: error.credential_setting(), failure: error.into() }
}

/// What the operator's own settings refuse, in the manner of what Stripe does.
fn rejected(code: &'static str) -> Outcome {
    Outcome::Reject(Rejection::by("Stripe", &Failure::named(FailureClass::Refused, code)))
}

#[cfg(test)]
mod tests;
