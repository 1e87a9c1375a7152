//! The Stripe accounts, and which of them a user's customer belongs in.
//!
//! ```toml
//! [[account]]
//! name = "eu"
//! secret_key_env = "STRIPE_SECRET_KEY_EU"
//! self_asserted = true
//! when = { attribute = "extension_0123456789abcdef0123456789abcdef_CompanyType", equals = "business" }
//!
//! [[account]]
//! name = "everybody-else"
//! secret_key_file = "/run/secrets/stripe"
//! # no `when`: must be the last
//! ```
//!
//! The rules say where a customer is made, and not where one is: whoever has a customer keeps it, even if the rules or
//! what they look at have changed since. So what is there already is looked for in each account.

mod read;

use std::sync::Once;

use usher_conditions::{Conditions, Facts};
use usher_http::{Failure, Pace, QuotaUse};
use usher_subscriber::{Down, Ports};

use crate::{
    BillingSettings, Mode, SecretKey,
    customer::{Customer, NewCustomer},
    stripe::{Stripe, StripeError},
};

/// The accounts of a file, in its order, with their keys.
#[derive(Clone, Debug)]
pub struct StripeAccounts(pub(crate) Vec<AccountSettings>);

/// An account as it is set.
#[derive(Clone, Debug)]
pub(crate) struct AccountSettings {
    /// `None`: it is the only one.
    name: Option<String>,
    pub(crate) key: SecretKey,
    when: Conditions,
}

/// The accounts, the first that holds first.
pub(crate) struct Accounts {
    all: Vec<Account>,
    /// All are of one.
    mode: Option<Mode>,
    told: Once,
    /// The setting that holds their keys.
    setting: &'static str,
}

struct Account {
    name: Option<String>,
    when: Conditions,
    stripe: Stripe,
}

impl AccountSettings {
    /// The account of everybody.
    pub(crate) fn only(key: SecretKey) -> Self {
        Self { name: None, key, when: Conditions::default() }
    }
}

impl Accounts {
    /// The accounts of these settings.
    pub(crate) fn new(settings: &BillingSettings, ports: &Ports) -> Result<Self, usher_service::Failure> {
        let (accounts, setting) = settings.accounts()?;
        let mode = accounts.first().map(|first| first.key.mode());
        let all = accounts.into_iter().map(|account| Account::new(account, settings, ports));
        Ok(Self { all: all.collect(), mode, setting, told: Once::new() })
    }

    /// Says once of which mode the accounts are: it decides whether money moves.
    pub(crate) fn tell_mode(&self) {
        if let Some(mode) = self.mode {
            let accounts = self.all.len();
            self.told.call_once(|| tracing::info!(%mode, accounts, "customers are made in Stripe"));
        }
    }

    /// The account that a user's customer is to be made in; `None` if no rule is for them.
    pub(crate) fn of(&self, facts: &Facts<'_>) -> Option<&Stripe> {
        self.all.iter().find(|account| account.when.hold(facts) == Some(true)).map(|account| &account.stripe)
    }

    /// The properties of a user that must be read to decide.
    pub(crate) fn attributes(&self) -> Vec<&str> {
        self.all.iter().flat_map(|account| account.when.attributes()).collect()
    }

    /// How much of each account's calls is used.
    pub(crate) fn quotas(&self) -> Vec<QuotaUse> {
        self.all.iter().map(|account| account.stripe.quota()).collect()
    }

    /// Whether each account is there, takes its key, and is of the key's mode.
    pub(crate) async fn probe(&self) -> Result<(), Down> {
        for account in &self.all {
            let there = account.stripe.probe().await;
            there.map_err(|error| Down {
                vendor: "Stripe",
                setting: error.setting(self.setting),
                failure: account.named(error.failure()),
            })?;
        }
        Ok(())
    }

    /// The customer with this id, if it is the one that `new` is to be: whoever could write the user's attribute could
    /// otherwise claim another's customer.
    pub(crate) async fn verified(
        &self,
        id: &str,
        new: &NewCustomer,
    ) -> Result<Option<Customer>, StripeError> {
        for account in &self.all {
            let customer = account.stripe.customer(id).await?;
            if let Some(customer) = customer.filter(|customer| new.is_already(customer)) {
                return Ok(Some(customer));
            }
        }
        Ok(None)
    }

    /// The customer that `new` is already, in whichever account.
    pub(crate) async fn find(&self, new: &NewCustomer) -> Result<Option<Customer>, StripeError> {
        for account in &self.all {
            if let Some(customer) = account.stripe.find(new).await? {
                return Ok(Some(customer));
            }
        }
        Ok(None)
    }
}

impl Account {
    fn new(account: AccountSettings, settings: &BillingSettings, ports: &Ports) -> Self {
        let AccountSettings { name, key, when } = account;
        let calls = settings.stripe_calls_per_second.unwrap_or_else(|| key.mode().calls_per_second());
        let base = settings.stripe_api_base.clone();
        let stripe = Stripe::new(ports.http.clone(), base, key, Pace::per_second(calls), ports.clock);
        Self { name, when, stripe }
    }

    /// The failure with the account that it happened in, if there are several.
    fn named(&self, failure: Failure) -> Failure {
        let Some(name) = &self.name else { return failure };
        let code = failure.code.map(|code| format!("{code} ")).unwrap_or_default();
        Failure { code: Some(format!("{code}account={name}")), ..failure }
    }
}
