//! CRM's own settings.

use std::num::NonZeroU32;

use clap::{Args, value_parser};
use secrecy::SecretString;
use usher_http::BaseUrl;
use uuid::Uuid;

use crate::{Mapping, PrivateKey};

/// The most that may be left to others, in percent: who leaves more should buy more calls.
const LARGEST_RESERVE: i64 = 90;

/// Which org, who we are in it, and what goes into it.
#[derive(Args, Clone, Debug)]
pub struct CrmSettings {
    /// The external tenant that customers sign up in
    #[arg(long = "entra-tenant-id", env = "ENTRA_TENANT_ID", value_name = "UUID")]
    pub tenant_id: Uuid,
    /// Consumer key of the connected app (or external client app) that has our certificate
    #[arg(long, env = "SALESFORCE_CLIENT_ID", value_name = "KEY", value_parser = word)]
    pub salesforce_client_id: String,
    /// User name that we act as: one that the app admits beforehand, with the right to make and change the records
    #[arg(long, env = "SALESFORCE_USERNAME", value_name = "NAME", hide_env_values = true, value_parser = secret_word)]
    pub salesforce_username: SecretString,
    /// PEM file with the RSA private key that belongs to the app's certificate
    #[arg(long, env = "SALESFORCE_PRIVATE_KEY_FILE", value_name = "FILE", value_parser = PrivateKey::read)]
    pub salesforce_private_key_file: PrivateKey,
    /// Where we log in; with a sandbox org, that is test.salesforce.com
    #[arg(
        long,
        env = "SALESFORCE_LOGIN_URL",
        value_name = "URL",
        default_value = "https://login.salesforce.com"
    )]
    pub salesforce_login_url: BaseUrl,
    /// Version of the REST API
    #[arg(long, env = "SALESFORCE_API_VERSION", value_name = "vNN.0", default_value = "v64.0", value_parser = version)]
    pub salesforce_api_version: String,
    /// What a sign-up becomes: a TOML file that names an object, its external id and its fields. Unless set, a Contact
    /// under UsherUserId__c with FirstName, LastName and Email. Each delivery, a replay too, overwrites these fields
    #[arg(long, env = "SALESFORCE_MAPPING", value_name = "FILE", value_parser = Mapping::read)]
    pub salesforce_mapping: Option<Mapping>,
    /// Calls to Salesforce a second, at most, and as many at once; shared out by hand where several replicas run
    #[arg(long, env = "SALESFORCE_CALLS_PER_SECOND", value_name = "N", default_value = "10")]
    pub salesforce_calls_per_second: NonZeroU32,
    /// How much of the org's calls a day is left to others, in percent: nothing is received while no more is left
    #[arg(
        long,
        env = "SALESFORCE_LIMIT_RESERVE",
        value_name = "PERCENT",
        default_value = "5",
        value_parser = value_parser!(u8).range(0..=LARGEST_RESERVE)
    )]
    pub salesforce_limit_reserve: u8,
}

/// Files like to end with a line break, which has no place in a claim.
fn word(text: &str) -> Result<String, &'static str> {
    let is_word = !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    if is_word { Ok(text.to_owned()) } else { Err("must be one word, without spaces or line breaks") }
}

/// A user name has the form of an e-mail address, and may be one.
fn secret_word(text: &str) -> Result<SecretString, &'static str> {
    word(text).map(SecretString::from)
}

/// It becomes part of a path.
fn version(text: &str) -> Result<String, &'static str> {
    let number = text.strip_prefix('v').and_then(|rest| rest.strip_suffix(".0")).unwrap_or_default();
    let is_number = (2..=3).contains(&number.len()) && number.bytes().all(|b| b.is_ascii_digit());
    if is_number { Ok(text.to_owned()) } else { Err("must be such as v64.0") }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use usher_sandbox::SALESFORCE_PRIVATE_KEY;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        crm: CrmSettings,
    }

    fn settings(others: &[&str]) -> Result<CrmSettings, clap::Error> {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.pem");
        std::fs::write(&key, SALESFORCE_PRIVATE_KEY).unwrap();
        let required = [
            "usher-crm",
            "--entra-tenant-id=0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d",
            "--salesforce-client-id=3MVG9",
            "--salesforce-username=usher@seats.example",
            &format!("--salesforce-private-key-file={}", key.display()),
        ];
        Cli::try_parse_from(required.iter().chain(others)).map(|cli| cli.crm)
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let settings = settings(&[]).unwrap();
        assert_eq!(settings.salesforce_login_url.to_string(), "https://login.salesforce.com");
        assert_eq!(settings.salesforce_api_version, "v64.0");
        assert_eq!(settings.salesforce_mapping, None);
        assert_eq!(settings.salesforce_calls_per_second.get(), 10);
        assert_eq!(settings.salesforce_limit_reserve, 5);
    }

    #[test]
    fn what_cannot_be_is_refused_at_the_start() {
        for wrong in [
            "--salesforce-login-url=http://login.salesforce.com",
            "--salesforce-api-version=64",
            "--salesforce-api-version=v64.0/../..",
            "--salesforce-calls-per-second=0",
            "--salesforce-limit-reserve=91",
            "--salesforce-mapping=/nowhere/mapping.toml",
        ] {
            assert!(settings(&[wrong]).is_err(), "{wrong}");
        }
        for wrong in ["", "usher@seats.example\n", "two words"] {
            assert!(word(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn neither_the_key_nor_the_user_name_is_shown() {
        let shown = format!("{:?}", settings(&[]).unwrap());
        assert!(!shown.contains("usher@seats.example"), "{shown}");
        assert!(shown.contains("PrivateKey { .. }"), "{shown}");
    }
}
