//! The settings of this consumer.

use std::{fmt, str::FromStr};

use clap::Args;
use thiserror::Error;
use usher_entra::EntraSettings;

use crate::Template;

/// Which tenant, and how its users are to be called.
#[derive(Args, Clone, Debug)]
pub struct UpnSettings {
    /// The customers' tenant.
    #[command(flatten)]
    pub entra: EntraSettings,
    /// How a name is made of {given}, {surname}, {display} and text: alternatives separated by |, of which the first
    /// counts whose placeholders all yield something. One of text alone always gets a suffix
    #[arg(
        long,
        env = "UPN_TEMPLATE",
        value_name = "TEMPLATE",
        default_value = "{given}.{surname}|{given}|{surname}|{display}|customer"
    )]
    pub upn_template: Template,
    /// What comes after the @: a verified domain of the tenant at which nobody receives mail, or a stranger could be
    /// given somebody's address as a name. Whether it is verified shows at the first user: if it isn't, sign-ups are
    /// dead-lettered as EntraRejected, to be replayed once it is
    #[arg(long, env = "UPN_DOMAIN", value_name = "DOMAIN")]
    pub upn_domain: Domain,
}

/// A domain's name, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain(String);

/// Why a text is no domain for a UPN.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DomainError {
    /// It holds an @.
    #[error("must be the domain alone, without an @")]
    At,
    /// Longer than Entra allows.
    #[error(
        "must have no more than {} characters, which is all that Entra allows after the @",
        Domain::LONGEST
    )]
    TooLong,
    /// Not a name in the DNS.
    #[error("must be a domain name such as contoso.com, in the form xn-- if it has other letters than a-z")]
    NotAName,
}

impl Domain {
    /// The most characters after the @.
    /// <https://learn.microsoft.com/entra/identity/authentication/concept-sspr-policy#username-policies>
    const LONGEST: usize = 48;
    /// The most characters between two dots (RFC 1035, 2.3.4).
    const LONGEST_LABEL: usize = 63;

    fn is_label(label: &str) -> bool {
        (1..=Self::LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    }
}

impl FromStr for Domain {
    type Err = DomainError;

    fn from_str(text: &str) -> Result<Self, DomainError> {
        if text.contains('@') {
            return Err(DomainError::At);
        }
        if text.len() > Self::LONGEST {
            return Err(DomainError::TooLong);
        }
        if text.contains('.') && text.split('.').all(Self::is_label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(DomainError::NotAName)
        }
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_domain_is_a_name_that_entra_and_the_dns_allow() {
        for right in ["contoso.com", "contoso.onmicrosoft.com", "xn--mnchen-3ya.example", "Contoso.COM"] {
            assert_eq!(right.parse::<Domain>().unwrap().to_string(), right.to_lowercase());
        }
        for (wrong, why) in [
            ("@contoso.com", DomainError::At),
            ("", DomainError::NotAName),
            ("contoso", DomainError::NotAName),
            ("contoso.com.", DomainError::NotAName),
            ("contoso..com", DomainError::NotAName),
            ("-contoso.com", DomainError::NotAName),
            ("contoso.com\n", DomainError::NotAName),
            ("contoso com.example", DomainError::NotAName),
            ("münchen.example", DomainError::NotAName),
            (&format!("{}.example", "x".repeat(41)), DomainError::TooLong),
        ] {
            assert_eq!(wrong.parse::<Domain>(), Err(why), "{wrong}");
        }
    }

    #[test]
    fn the_domain_is_asked_for_and_the_template_has_a_default() {
        let missing = testing::settings(&[]).unwrap_err();
        assert!(missing.contains("--upn-domain"), "{missing}");
        let settings = testing::settings(&["--upn-domain", "contoso.com"]).unwrap();
        assert_eq!(
            settings.upn_template,
            "{given}.{surname}|{given}|{surname}|{display}|customer".parse().unwrap()
        );
    }

    #[test]
    fn a_wrong_template_is_named_and_explained() {
        let wrong =
            testing::settings(&["--upn-domain", "contoso.com", "--upn-template", "{mail}"]).unwrap_err();
        assert!(wrong.contains("--upn-template") && wrong.contains("never the e-mail"), "{wrong}");
    }
}
