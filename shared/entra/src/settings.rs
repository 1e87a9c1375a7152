//! The settings of the customers' tenant. `ENTRA_*` is that tenant; `AZURE_*` is the one that owns the bus.

use std::{num::NonZeroU32, sync::Arc};

use clap::Args;
use secrecy::SecretString;
use usher_clock::Clock;
use usher_http::{BaseUrl, HttpClient};
use uuid::Uuid;

use crate::{ClientSecret, Graph, graph::WRITES_PER_SECOND};

/// Which tenant, as whom, and where.
#[derive(Args, Clone, Debug)]
pub struct EntraSettings {
    /// The external tenant that customers sign up in
    #[arg(long = "entra-tenant-id", env = "ENTRA_TENANT_ID", value_name = "UUID")]
    pub tenant_id: Uuid,
    /// The app registration in that tenant, as which Graph is asked
    #[arg(long = "entra-client-id", env = "ENTRA_CLIENT_ID", value_name = "UUID")]
    pub client_id: Uuid,
    /// A secret of that app registration
    #[arg(
        long = "entra-client-secret",
        env = "ENTRA_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    pub client_secret: SecretString,
    /// Who gives tokens; always https, even on a loopback host
    #[arg(
        long = "entra-authority-host",
        env = "ENTRA_AUTHORITY_HOST",
        value_name = "URL",
        default_value = "https://login.microsoftonline.com",
        value_parser = https_only
    )]
    pub authority_host: BaseUrl,
    /// Where Microsoft Graph is
    #[arg(
        long = "graph-endpoint",
        env = "GRAPH_ENDPOINT",
        value_name = "URL",
        default_value = "https://graph.microsoft.com"
    )]
    pub graph_endpoint: BaseUrl,
    /// How many writes a second are sent to Graph, of the 20 that a tenant takes from one app registration: 18 for an
    /// app registration of its own; three consumers that share one get 6 each, and each further replica its share
    #[arg(
        long = "graph-writes-per-second",
        env = "GRAPH_WRITES_PER_SECOND",
        value_name = "N",
        default_value_t = WRITES_PER_SECOND
    )]
    pub graph_writes_per_second: NonZeroU32,
}

impl EntraSettings {
    /// Graph, asked as these settings say. Nothing is sent yet.
    pub fn graph(&self, http: HttpClient, clock: Clock) -> Graph {
        let credential = ClientSecret::new(
            http.clone(),
            &self.authority_host,
            self.tenant_id,
            self.client_id,
            self.client_secret.clone(),
            clock,
        );
        Graph::new(http, self.graph_endpoint.clone(), Arc::new(credential), clock)
            .with_writes_per_second(self.graph_writes_per_second)
    }
}

/// A secret goes there, and official SDKs refuse anything else too.
fn https_only(text: &str) -> Result<BaseUrl, String> {
    let url: BaseUrl = text.parse().map_err(|error: usher_http::BaseUrlError| error.to_string())?;
    if url.is_https() { Ok(url) } else { Err("must be https, even on a loopback host".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        entra: EntraSettings,
    }

    const ID: &str = "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d";

    fn parse(more: &[&str]) -> Result<EntraSettings, String> {
        let needed = ["", "--entra-tenant-id", ID, "--entra-client-id", ID, "--entra-client-secret", "hush"];
        let cli = Cli::try_parse_from(needed.iter().chain(more));
        cli.map(|cli| cli.entra).map_err(|error| error.to_string())
    }

    #[test]
    fn the_authority_must_be_https_even_on_loopback() {
        assert!(parse(&["--entra-authority-host", "https://127.0.0.1:1"]).is_ok());
        let problem = parse(&["--entra-authority-host", "http://127.0.0.1:1"]).unwrap_err();
        assert!(problem.contains("--entra-authority-host") && problem.contains("must be https"), "{problem}");
    }

    #[test]
    fn the_secret_is_not_in_debug_output() {
        assert!(!format!("{:?}", parse(&[]).unwrap()).contains("hush"));
    }
}
