//! E-mail's own settings.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use usher_http::BaseUrl;
use usher_service::Failure;
use uuid::Uuid;

use crate::mapping::{self, MarketingPermissions, MergeFields};

/// Mailchimp's bound on a tag's name, in characters.
const TAG: usize = 100;

/// Which list, with which key, and what goes into it.
#[derive(Args, Clone, Debug)]
pub struct EmailSettings {
    /// The external tenant that customers sign up in
    #[arg(long = "entra-tenant-id", env = "ENTRA_TENANT_ID", value_name = "UUID")]
    pub tenant_id: Uuid,
    /// API key; what follows its hyphen names the data centre
    #[arg(long, env = "MAILCHIMP_API_KEY", value_name = "KEY", hide_env_values = true, value_parser = key)]
    pub mailchimp_api_key: SecretString,
    /// Mailchimp's address; that of the key's data centre unless set
    #[arg(long, env = "MAILCHIMP_API_BASE", value_name = "URL")]
    pub mailchimp_api_base: Option<BaseUrl>,
    /// The list (audience) that customers join
    #[arg(long, env = "MAILCHIMP_LIST_ID", value_name = "ID", value_parser = list_id)]
    pub mailchimp_list_id: String,
    /// The Boolean user attribute that says yes; the producer's EVENT_ATTRIBUTES must name it too
    #[arg(long, env = "MAILCHIMP_CONSENT_ATTRIBUTE", value_name = "ATTRIBUTE", value_parser = usher_event::attribute_name)]
    pub mailchimp_consent_attribute: String,
    /// The tag that starts the welcome journey
    #[arg(long, env = "MAILCHIMP_WELCOME_TAG", value_name = "TAG", value_parser = tag)]
    pub mailchimp_welcome_tag: String,
    /// How somebody new joins: at once, or once they have confirmed by mail (double opt-in)
    #[arg(long, env = "MAILCHIMP_STATUS_IF_NEW", value_name = "STATUS", value_enum, default_value_t)]
    pub mailchimp_status_if_new: StatusIfNew,
    /// What an address is worth that the tenant has not verified: confirmed by mail first, with no name and no
    /// permission, or as good as any
    #[arg(long, env = "MAILCHIMP_UNVERIFIED", value_name = "WORTH", value_enum, default_value_t)]
    pub mailchimp_unverified: Unverified,
    /// What goes into which merge field: givenName, surname, displayName or a custom attribute
    #[arg(
        long,
        env = "MAILCHIMP_MERGE_FIELDS",
        value_name = "FIELD=SOURCE,..",
        default_value = "FNAME=givenName,LNAME=surname"
    )]
    pub mailchimp_merge_fields: MergeFields,
    /// Which Boolean attribute gives which marketing permission; none unless set
    #[arg(long, env = "MAILCHIMP_MARKETING_PERMISSIONS", value_name = "ATTRIBUTE=ID,..", default_value = "")]
    pub mailchimp_marketing_permissions: MarketingPermissions,
    /// How many calls at once: an account has ten, to be shared out among replicas and other programs; a replay counts
    /// as one more replica. One of them is kept for the probe, unless it is the only one
    #[arg(long, env = "MAILCHIMP_CONNECTIONS", value_name = "N", default_value = "10")]
    pub mailchimp_connections: NonZeroUsize,
}

/// The status of somebody who was not on the list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusIfNew {
    /// On the list at once.
    #[default]
    Subscribed,
    /// On the list once they have confirmed by mail.
    Pending,
}

/// What an address is worth that the tenant has not verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Unverified {
    /// Whoever reads its mail must confirm first; nothing else is told of them.
    #[default]
    Pending,
    /// As much as a verified one.
    Trusted,
}

impl EmailSettings {
    /// Where Mailchimp is.
    ///
    /// # Errors
    /// If neither the key nor a setting says so: an OAuth token in place of a key names no data centre.
    pub(crate) fn api_base(&self) -> Result<BaseUrl, Failure> {
        if let Some(base) = &self.mailchimp_api_base {
            return Ok(base.clone());
        }
        let no_data_centre = "must end in a data centre such as -us1, or MAILCHIMP_API_BASE must be set";
        let (_, data_centre) = (self.mailchimp_api_key.expose_secret().split_once('-'))
            .ok_or_else(|| Failure::setting("MAILCHIMP_API_KEY", no_data_centre))?;
        let base = format!("https://{data_centre}.api.mailchimp.com").parse();
        base.map_err(|error| Failure::setting("MAILCHIMP_API_KEY", error))
    }
}

/// The data centre becomes part of a host name.
fn key(text: &str) -> Result<SecretString, &'static str> {
    let (key, data_centre) = text.split_once('-').unwrap_or((text, "us1"));
    let is_hex = !key.is_empty() && key.bytes().all(|b| b.is_ascii_hexdigit());
    let is_label = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    if is_hex && !data_centre.is_empty() && data_centre.bytes().all(is_label) {
        Ok(text.into())
    } else {
        Err("must be hex digits, a hyphen and a data centre such as us1")
    }
}

/// The id becomes part of a path.
fn list_id(text: &str) -> Result<String, &'static str> {
    if mapping::is_id(text) { Ok(text.to_owned()) } else { Err("must be letters and digits") }
}

fn tag(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if (1..=TAG).contains(&length) && text.trim() == text && !text.contains(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!("must be 1 to {TAG} characters, without spaces around them or line breaks"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        email: EmailSettings,
    }

    const ATTRIBUTE: &str = "extension_0123456789abcdef0123456789abcdef_MarketingConsent";

    fn settings(key: &str, others: &[&str]) -> Result<EmailSettings, clap::Error> {
        let required = [
            "usher-email",
            "--entra-tenant-id=0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d",
            "--mailchimp-list-id=57afe96172",
            &format!("--mailchimp-consent-attribute={ATTRIBUTE}"),
            "--mailchimp-welcome-tag=usher-welcome",
            &format!("--mailchimp-api-key={key}"),
        ];
        Cli::try_parse_from(required.iter().chain(others)).map(|cli| cli.email)
    }

    #[test]
    fn the_key_says_where_mailchimp_is() {
        let base = settings("0123abcd-us21", &[]).unwrap().api_base().unwrap();
        assert_eq!(base.to_string(), "https://us21.api.mailchimp.com");
        let told = settings("0123abcd-us21", &["--mailchimp-api-base=http://127.0.0.1:9"]).unwrap();
        assert_eq!(told.api_base().unwrap().to_string(), "http://127.0.0.1:9");
    }

    #[test]
    fn a_key_without_a_data_centre_needs_an_address() {
        let error = settings("0123abcd", &[]).unwrap().api_base().unwrap_err();
        assert!(matches!(error, Failure::Setting { setting: "MAILCHIMP_API_KEY", .. }), "{error}");
        assert!(!error.to_string().contains("0123abcd"), "{error}");
        let token = settings("0123abcd", &["--mailchimp-api-base=https://us1.api.mailchimp.com"]).unwrap();
        assert!(token.api_base().is_ok());
    }

    #[test]
    fn a_key_that_can_be_none_is_refused_before_it_is_sent() {
        for wrong in ["", "0123abcd-", "-us1", "hello-us1", "0123abcd-us1\n", "0123abcd-us1.evil.example/"] {
            assert!(settings(wrong, &[]).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_list_id_cannot_lead_elsewhere() {
        for wrong in ["", "../../ping", "57afe 96172", "57afe/members"] {
            assert!(list_id(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tag_is_a_name() {
        assert!(tag("Willkommen 2026").is_ok());
        for wrong in ["", " ", "welcome\n", " welcome", &"w".repeat(101)] {
            assert!(tag(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let settings = settings("0123abcd-us1", &[]).unwrap();
        assert_eq!(settings.mailchimp_status_if_new, StatusIfNew::Subscribed);
        assert_eq!(settings.mailchimp_unverified, Unverified::Pending);
        assert_eq!(settings.mailchimp_merge_fields, "FNAME=givenName,LNAME=surname".parse().unwrap());
        assert_eq!(settings.mailchimp_marketing_permissions, "".parse().unwrap());
        assert_eq!(settings.mailchimp_connections.get(), 10);
    }
}
