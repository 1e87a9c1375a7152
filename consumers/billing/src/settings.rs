//! Billing's own settings.

use clap::Args;
use secrecy::SecretString;
use usher_entra::EntraSettings;
use usher_http::BaseUrl;

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
    /// The user attribute that receives the customer's id: extension_{b2c-extensions-app id without hyphens}_{name}.
    #[arg(long, env = "STRIPE_CUSTOMER_ID_ATTRIBUTE", value_name = "ATTRIBUTE", value_parser = attribute)]
    pub stripe_customer_id_attribute: String,
}

/// A key goes into a header: a line break, as files like to end with, has no place there.
fn key(text: &str) -> Result<SecretString, &'static str> {
    let is_word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if is_word { Ok(text.into()) } else { Err("must be one word, without spaces or line breaks") }
}

fn attribute(name: &str) -> Result<String, &'static str> {
    let parts = name.strip_prefix("extension_").and_then(|rest| rest.split_once('_'));
    match parts {
        Some((app, name))
            if app.len() == 32
                && app.bytes().all(|b| b.is_ascii_hexdigit())
                && !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') => {}
        _ => return Err("must be extension_{app id, 32 hex digits without hyphens}_{name}"),
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_a_line_break_is_refused_before_it_is_sent() {
        assert!(key("sk_test_1").is_ok());
        assert!(key("sk_test_1\n").is_err() && key("").is_err() && key("sk test").is_err());
    }

    #[test]
    fn only_an_extension_attribute_can_receive_the_id() {
        assert!(attribute("extension_0123456789abcdef0123456789abcdef_StripeCustomerId").is_ok());
        for wrong in [
            "mail",
            "extension_0123_StripeCustomerId",
            "extension_0123456789abcdef0123456789abcdef_",
            "extension_0123456789abcdef0123456789abcdef_a-b",
        ] {
            assert!(attribute(wrong).is_err(), "{wrong}");
        }
    }
}
