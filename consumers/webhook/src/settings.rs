//! Webhook's own settings.

use std::num::NonZeroU32;

use clap::{Args, ValueEnum};
use usher_http::Guard;
use usher_service::Failure;
use uuid::Uuid;

use crate::{Endpoint, Secrets};

/// Where to, and signed with what.
#[derive(Args, Clone, Debug)]
pub struct WebhookSettings {
    /// The external tenant that customers sign up in
    #[arg(long = "entra-tenant-id", env = "ENTRA_TENANT_ID", value_name = "UUID")]
    pub tenant_id: Uuid,
    /// The endpoint that every sign-up is posted to: https
    #[arg(long, env = "WEBHOOK_URL", value_name = "URL", hide_env_values = true)]
    pub webhook_url: Endpoint,
    /// What we share with whoever receives: whsec_ and 24 to 64 bytes in base64. While one takes another's place, both
    /// with a space between, the new one first: each message is then signed with both
    #[arg(long, env = "WEBHOOK_SECRET", value_name = "SECRET", hide_env_values = true)]
    pub webhook_secret: Secrets,
    /// Which addresses may be called that are not public: false, true (all), or networks, as in 10.1.0.0/16,fd12::/64.
    /// They are judged after the name is resolved, at each connection; no proxy is used and no redirect followed
    #[arg(long, env = "WEBHOOK_ALLOW_PRIVATE", value_name = "NETWORKS", default_value = "false")]
    pub webhook_allow_private: Guard,
    /// What shows that the endpoint is there: a signed OPTIONS that it does not refuse (401, 403), or any answer
    #[arg(long, env = "WEBHOOK_PROBE", value_name = "HOW", value_enum, default_value_t)]
    pub webhook_probe: Probe,
    /// Posts a second, at most, and as many at once; shared out by hand where several replicas run
    #[arg(long, env = "WEBHOOK_CALLS_PER_SECOND", value_name = "N", default_value = "50")]
    pub webhook_calls_per_second: NonZeroU32,
}

/// What shows that the endpoint is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Probe {
    /// An answer to a signed OPTIONS, other than that we are not let in
    #[default]
    Signed,
    /// Any answer to it: for endpoints behind something that lets nothing but POST through
    Any,
}

impl WebhookSettings {
    /// What can be told before anything is called.
    ///
    /// # Errors
    /// The endpoint is an address that may not be called.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.webhook_allow_private.permits_host(self.webhook_url.url()) {
            return Ok(());
        }
        let problem = "names an address that is not public; WEBHOOK_ALLOW_PRIVATE can allow its network";
        Err(Failure::setting("WEBHOOK_URL", problem))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        webhook: WebhookSettings,
    }

    fn settings(others: &[&str]) -> Result<WebhookSettings, clap::Error> {
        let required = [
            "usher-webhook",
            "--entra-tenant-id=0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d",
            "--webhook-secret=whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        ];
        Cli::try_parse_from(required.iter().chain(others)).map(|cli| cli.webhook)
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        let settings = settings(&["--webhook-url=https://hooks.example/in"]).unwrap();
        assert_eq!(settings.webhook_allow_private, Guard::default());
        assert_eq!(settings.webhook_probe, Probe::Signed);
        assert_eq!(settings.webhook_calls_per_second.get(), 50);
        assert!(settings.check().is_ok());
    }

    #[test]
    fn an_address_that_is_not_public_is_a_wrong_setting_unless_it_is_allowed() {
        for url in
            ["https://169.254.169.254/latest", "https://10.1.2.3/", "http://127.1/in", "https://[fd12::1]/"]
        {
            let refused = settings(&[&format!("--webhook-url={url}")]).unwrap().check().unwrap_err();
            assert!(matches!(refused, Failure::Setting { setting: "WEBHOOK_URL", .. }), "{url}: {refused}");
        }
        let allowed = ["--webhook-url=https://10.1.2.3/in", "--webhook-allow-private=10.1.0.0/16"];
        assert!(settings(&allowed).unwrap().check().is_ok());
    }

    #[test]
    fn neither_the_secret_nor_the_path_is_shown() {
        let shown = format!("{:?}", settings(&["--webhook-url=https://hooks.example/hush?hush"]).unwrap());
        assert!(!shown.contains("hush") && !shown.contains("MfKQ"), "{shown}");
    }
}
