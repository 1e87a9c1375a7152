//! What the stand-in for Stripe is told, and what it tells the ledger of how billing is set.

use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

use super::StripePast;
use crate::{STRIPE_KEY, STRIPE_KEY_EU};

/// The file for `STRIPE_ACCOUNTS` that puts the customers of businesses into the second account. It takes the keys from
/// `STRIPE_SECRET_KEY_EU` and `STRIPE_SECRET_KEY_REST`.
pub const STRIPE_ACCOUNTS: &str = include_str!("accounts.toml");

/// How Stripe behaves, and how billing is set.
#[derive(Clone, Debug)]
pub struct StripeSettings {
    /// The accepted secret keys of the one account, or of the account of everybody whom the second is not for. A key of
    /// another mode leads to other customers, as in life.
    pub keys: Vec<SecretString>,
    /// The accepted secret keys of the second account.
    pub keys_eu: Vec<SecretString>,
    /// Whether billing goes by [`STRIPE_ACCOUNTS`]: the ledger looks in which account a customer is.
    pub two_accounts: bool,
    /// The share of those who sign up whom Stripe knows already by their address, between 0 and 1. Who it is follows
    /// from the seed and from their id.
    pub existing: f64,
    /// What it may know of them.
    pub pasts: Vec<StripePast>,
    /// What billing does about them.
    pub policy: StripePolicy,
    /// The open extension in which billing leaves the customer's id too.
    pub open_extension: Option<String>,
    /// How far search is behind. A minute, in an outage an hour.
    pub search_lag: Duration,
    /// Reads, and as many writes, a second: 25 in real test mode, 100 live.
    pub per_second: u32,
    /// Whether a refusal of the parameters is stored under the idempotency key. Stripe's documentation says
    /// that it is not; which checks it means, it does not say.
    pub stores_refusals: bool,
}

impl Default for StripeSettings {
    fn default() -> Self {
        Self {
            keys: vec![STRIPE_KEY.into()],
            keys_eu: vec![STRIPE_KEY_EU.into()],
            two_accounts: false,
            existing: 0.0,
            pasts: StripePast::ALL.into(),
            policy: StripePolicy::Create,
            open_extension: None,
            search_lag: Duration::from_secs(60),
            per_second: 100,
            stores_refusals: false,
        }
    }
}

/// What billing does about somebody whom Stripe knows already by their address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum StripePolicy {
    /// Leaves the customer alone and makes another.
    #[default]
    Create,
    /// Takes it over, if the address is verified and there is one that names nobody.
    Link,
    /// Refuses the sign-up.
    Reject,
}

/// The flags of `usher-sandbox` that say how billing is set. Where billing has a setting of its own, theirs is the same
/// variable: whoever sets it for both has told both.
#[derive(Args, Clone, Debug)]
pub struct StripeFlags {
    /// What billing does about people whom Stripe knows already.
    #[arg(
        long = "stripe-existing",
        env = "STRIPE_EXISTING",
        value_name = "POLICY",
        value_enum,
        default_value_t
    )]
    policy: StripePolicy,
    /// The share of people whom Stripe knows already by their address, between 0 and 1.
    #[arg(
        long = "stripe-known",
        env = "SANDBOX_STRIPE_KNOWN",
        value_name = "SHARE",
        value_parser = share,
        default_value_t = 0.0
    )]
    known: f64,
    /// Billing has two accounts, by the rules of the stand-ins.
    #[arg(long = "stripe-two-accounts", env = "SANDBOX_STRIPE_TWO_ACCOUNTS")]
    two_accounts: bool,
    /// The open extension in which billing leaves the customer's id too.
    #[arg(long = "stripe-open-extension", env = "STRIPE_OPEN_EXTENSION", value_name = "NAME")]
    open_extension: Option<String>,
}

impl StripeFlags {
    /// The settings with what the flags say.
    #[must_use]
    pub fn apply(&self, settings: StripeSettings) -> StripeSettings {
        StripeSettings {
            policy: self.policy,
            existing: self.known,
            two_accounts: self.two_accounts,
            open_extension: self.open_extension.clone(),
            ..settings
        }
    }
}

fn share(text: &str) -> Result<f64, &'static str> {
    let share = text.parse::<f64>().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or("must be a share between 0 and 1")
}
