//! Billing's own settings.

use std::num::NonZeroU32;

use clap::Args;
use usher_entra::EntraSettings;
use usher_http::BaseUrl;
use usher_service::Failure;

use crate::{Existing, Mode, SecretKey, StripeAccounts, accounts::AccountSettings};

/// The settings that hold keys, for what is wrong with them.
pub(crate) const SECRET_KEY: &str = "STRIPE_SECRET_KEY";
pub(crate) const ACCOUNTS: &str = "STRIPE_ACCOUNTS";

/// Where Stripe is, with which keys, and where its id goes on the user.
#[derive(Args, Clone, Debug)]
pub struct BillingSettings {
    /// The customers' tenant.
    #[command(flatten)]
    pub entra: EntraSettings,
    /// Secret or restricted key of the one account: write access to customers is all it needs. For several accounts,
    /// STRIPE_ACCOUNTS takes its place.
    #[arg(
        long,
        env = "STRIPE_SECRET_KEY",
        value_name = "KEY",
        hide_env_values = true,
        required_unless_present = "stripe_accounts"
    )]
    pub stripe_secret_key: Option<SecretKey>,
    /// Several accounts, and who belongs to which: a TOML file of [[account]] with a name, the name of an environment
    /// variable that holds its key (secret_key_env) or a file that does (secret_key_file), and a `when` as in the rules
    /// of birthrights. The first that holds counts; the last may do without, and takes everybody else.
    #[arg(long, env = "STRIPE_ACCOUNTS", value_name = "FILE", value_parser = StripeAccounts::read)]
    pub stripe_accounts: Option<StripeAccounts>,
    /// The kind of key that this deployment is for: with any other it does not start.
    #[arg(long, env = "STRIPE_MODE", value_name = "MODE", value_enum)]
    pub stripe_mode: Option<Mode>,
    /// Stripe's address.
    #[arg(long, env = "STRIPE_API_BASE", value_name = "URL", default_value = "https://api.stripe.com")]
    pub stripe_api_base: BaseUrl,
    /// Calls to Stripe a second and account, at most; shared out by hand where several replicas run. 80 with a live key
    /// and 20 with a test key unless set.
    #[arg(long, env = "STRIPE_CALLS_PER_SECOND", value_name = "N")]
    pub stripe_calls_per_second: Option<NonZeroU32>,
    /// The user attribute that receives the customer's id: extension_{b2c-extensions-app id without hyphens}_{name}.
    #[arg(long, env = "STRIPE_CUSTOMER_ID_ATTRIBUTE", value_name = "ATTRIBUTE", value_parser = usher_event::attribute_name)]
    pub stripe_customer_id_attribute: String,
    /// What becomes of a customer who was there before the sign-up, with the same e-mail address.
    #[arg(long, env = "STRIPE_EXISTING", value_name = "POLICY", value_enum, default_value_t)]
    pub stripe_existing: Existing,
    /// An open extension of the user that receives the customer's id too, as stripeCustomerId, such as
    /// com.example.usher; none unless set.
    #[arg(long, env = "STRIPE_OPEN_EXTENSION", value_name = "NAME", value_parser = usher_entra::open_extension_name)]
    pub stripe_open_extension: Option<String>,
}

impl BillingSettings {
    /// The accounts, and the setting that holds their keys.
    ///
    /// # Errors
    /// If none is named, if they are named in two ways, or if they are of another mode than this deployment is for.
    pub(crate) fn accounts(&self) -> Result<(Vec<AccountSettings>, &'static str), Failure> {
        let (accounts, setting) = match (&self.stripe_secret_key, &self.stripe_accounts) {
            (Some(key), None) => (vec![AccountSettings::only(key.clone())], SECRET_KEY),
            (None, Some(StripeAccounts(accounts))) => (accounts.clone(), ACCOUNTS),
            (Some(_), Some(_)) => {
                return Err(Failure::setting(
                    ACCOUNTS,
                    "STRIPE_SECRET_KEY is set as well: unset one of the two",
                ));
            }
            (None, None) => {
                return Err(Failure::setting(
                    SECRET_KEY,
                    "missing; for several accounts set STRIPE_ACCOUNTS",
                ));
            }
        };
        for account in &accounts {
            self.check_mode(account.key.mode(), setting)?;
        }
        Ok((accounts, setting))
    }

    fn check_mode(&self, of_key: Mode, setting: &str) -> Result<(), Failure> {
        match self.stripe_mode {
            Some(wanted) if wanted != of_key => {
                let problem = format!(
                    "is {wanted}, and {setting} holds a {of_key} key: set the key of this deployment"
                );
                Err(Failure::setting("STRIPE_MODE", problem))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
