//! Billing's own settings.

use std::num::NonZeroU32;

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use usher_entra::EntraSettings;
use usher_http::BaseUrl;

/// How many calls a second Stripe gets from us: of the 100 that it allows in live mode and the 25 elsewhere, a fifth is
/// left to whatever else uses the account. <https://docs.stripe.com/rate-limits>
const LIVE_CALLS: NonZeroU32 = NonZeroU32::new(80).expect("not zero");
const TEST_CALLS: NonZeroU32 = NonZeroU32::new(20).expect("not zero");

/// Where Stripe is, with which key, and where its id goes on the user.
#[derive(Args, Clone, Debug)]
pub struct BillingSettings {
    /// The customers' tenant.
    #[command(flatten)]
    pub entra: EntraSettings,
    /// Secret or restricted key: write access to customers is all it needs.
    #[arg(long, env = "STRIPE_SECRET_KEY", value_name = "KEY", value_parser = key)]
    pub stripe_secret_key: SecretString,
    /// Stripe's address.
    #[arg(long, env = "STRIPE_API_BASE", value_name = "URL", default_value = "https://api.stripe.com")]
    pub stripe_api_base: BaseUrl,
    /// Calls to Stripe a second, at most; shared out by hand where several replicas run. 80 with a live key and 20
    /// with any other unless set.
    #[arg(long, env = "STRIPE_CALLS_PER_SECOND", value_name = "N")]
    pub stripe_calls_per_second: Option<NonZeroU32>,
    /// The user attribute that receives the customer's id: extension_{b2c-extensions-app id without hyphens}_{name}.
    #[arg(long, env = "STRIPE_CUSTOMER_ID_ATTRIBUTE", value_name = "ATTRIBUTE", value_parser = usher_event::attribute_name)]
    pub stripe_customer_id_attribute: String,
}

impl BillingSettings {
    /// How many calls a second Stripe gets.
    pub(crate) fn calls_per_second(&self) -> NonZeroU32 {
        let of_key = || if is_live(&self.stripe_secret_key) { LIVE_CALLS } else { TEST_CALLS };
        self.stripe_calls_per_second.unwrap_or_else(of_key)
    }
}

/// Secret keys begin with `sk_`, restricted ones with `rk_`. <https://docs.stripe.com/keys>
fn is_live(key: &SecretString) -> bool {
    ["sk_live_", "rk_live_"].iter().any(|live| key.expose_secret().starts_with(live))
}

/// A key goes into a header: a line break, as files like to end with, has no place there.
fn key(text: &str) -> Result<SecretString, &'static str> {
    let is_word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if is_word { Ok(text.into()) } else { Err("must be one word, without spaces or line breaks") }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        billing: BillingSettings,
    }

    fn calls_per_second(key: &str, more: &[&str]) -> u32 {
        const ID: &str = "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d";
        const ATTRIBUTE: &str = "extension_0123456789abcdef0123456789abcdef_StripeCustomerId";
        let entra = ["", "--entra-tenant-id", ID, "--entra-client-id", ID, "--entra-client-secret", "s"];
        let stripe = ["--stripe-customer-id-attribute", ATTRIBUTE, "--stripe-secret-key", key];
        let cli = Cli::parse_from(entra.iter().chain(&stripe).chain(more));
        cli.billing.calls_per_second().get()
    }

    #[test]
    fn a_live_key_gets_a_live_accounts_pace_unless_told_otherwise() {
        assert_eq!(calls_per_second("sk_live_1", &[]), 80);
        assert_eq!(calls_per_second("rk_live_1", &[]), 80);
        for other in ["sk_test_1", "rk_test_1", "sk_1_live_"] {
            assert_eq!(calls_per_second(other, &[]), 20, "{other}");
        }
        assert_eq!(calls_per_second("sk_live_1", &["--stripe-calls-per-second", "7"]), 7);
    }

    #[test]
    fn a_key_with_a_line_break_is_refused_before_it_is_sent() {
        assert!(key("sk_test_1").is_ok());
        assert!(key("sk_test_1\n").is_err() && key("").is_err() && key("sk test").is_err());
    }
}
