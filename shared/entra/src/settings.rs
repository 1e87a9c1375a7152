//! The settings of the customers' tenant. `ENTRA_*` is that tenant; `AZURE_*` is the one that owns the bus.

use std::{num::NonZeroU32, sync::Arc};

use clap::Args;
use thiserror::Error;
use usher_clock::Clock;
use usher_http::{BaseUrl, HttpClient};
use uuid::Uuid;

use crate::{ClientCredentials, CredentialError, Graph, client_credentials::App, graph::WRITES_PER_SECOND};

mod credential;

pub use credential::CredentialSettings;

/// Which tenant, as whom, and where.
#[derive(Args, Clone, Debug)]
pub struct EntraSettings {
    /// The external tenant that customers sign up in
    #[arg(long = "entra-tenant-id", env = "ENTRA_TENANT_ID", value_name = "UUID")]
    pub tenant_id: Uuid,
    /// The app registration in that tenant, as which Graph is asked
    #[arg(long = "entra-client-id", env = "ENTRA_CLIENT_ID", value_name = "UUID")]
    pub client_id: Uuid,
    /// What proves that we are that app registration.
    #[command(flatten)]
    pub credential: CredentialSettings,
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

/// A setting is missing or wrong, or what it names can't be used. Never quotes a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{problem}")]
pub struct EntraSettingsError {
    setting: &'static str,
    problem: String,
}

impl EntraSettingsError {
    fn new(setting: &'static str, problem: impl Into<String>) -> Self {
        Self { setting, problem: problem.into() }
    }

    /// The setting's name, as in the environment.
    pub fn setting(&self) -> &'static str {
        self.setting
    }
}

/// What we are to prove ourselves with can't serve from the start.
impl From<CredentialError> for EntraSettingsError {
    fn from(error: CredentialError) -> Self {
        let setting = error.setting().unwrap_or("ENTRA_CREDENTIAL");
        Self::new(setting, format!("{error}: {}", error.remedy()))
    }
}

impl EntraSettings {
    /// Graph, asked as these settings say. Nothing is sent yet; files that are named are read.
    ///
    /// # Errors
    /// [`EntraSettingsError`] if none or several ways are given to prove who we are, or if the one given can't serve.
    pub fn graph(&self, http: HttpClient, clock: Clock) -> Result<Graph, EntraSettingsError> {
        let app = App::new(&self.authority_host, self.tenant_id, self.client_id);
        let prover = self.credential.prover(&http, clock.now())?;
        let credential = ClientCredentials::new(http.clone(), app, prover, clock);
        let graph = Graph::new(http, self.graph_endpoint.clone(), Arc::new(credential), clock);
        Ok(graph.with_writes_per_second(self.graph_writes_per_second))
    }
}

/// A secret goes there, and official SDKs refuse anything else too.
fn https_only(text: &str) -> Result<BaseUrl, String> {
    let url: BaseUrl = text.parse().map_err(|error: usher_http::BaseUrlError| error.to_string())?;
    if url.is_https() { Ok(url) } else { Err("must be https, even on a loopback host".to_owned()) }
}

#[cfg(test)]
mod tests;
