//! The broker's settings.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Parser;
use secrecy::SecretString;
use tokio_rustls::rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use usher_broker::{
    topology::Topology,
    wire::{Options, SasKey},
};
use usher_service::Failure;

/// Service Bus on one machine: topics, subscriptions, peek-lock and dead letters over AMQP 1.0.
///
/// Any Service Bus SDK connects to it with
///   Endpoint=sb://127.0.0.1:5672;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;
///
/// What it acknowledges is on disk: it can be killed at any moment and goes on where it was. Without --config it
/// serves Usher's own topic. Once it listens it prints one line of JSON that says where. It serves AMQP over TCP
/// and over WebSockets (path /$servicebus/websocket) on the same port, and both within TLS if it has a certificate.
#[derive(Debug, Parser)]
#[command(name = "usher-broker", version, verbatim_doc_comment)]
pub(crate) struct Settings {
    /// Queues, topics, subscriptions and rules, in the file format of Microsoft's emulator.
    #[arg(long, env = "USHER_BROKER_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, env = "USHER_BROKER_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:5672")]
    listen: SocketAddr,
    /// The directory to keep messages in; made if it isn't there. One broker at a time.
    #[arg(long, env = "USHER_BROKER_DATA", value_name = "DIR", default_value = ".usher/broker")]
    data: PathBuf,
    /// The name of the shared access key.
    #[arg(
        long,
        env = "USHER_BROKER_SAS_KEY_NAME",
        value_name = "NAME",
        default_value = "RootManageSharedAccessKey"
    )]
    sas_key_name: String,
    /// The shared access key. The default is that of Microsoft's emulator: known to all, so for loopback only.
    #[arg(
        long,
        env = "USHER_BROKER_SAS_KEY",
        value_name = "KEY",
        default_value = "SAS_KEY_VALUE",
        hide_env_values = true
    )]
    sas_key: SecretString,
    /// Where to serve /healthz, /readyz and /status with what each queue holds. Not at all if left out.
    #[arg(long, env = "HEALTH_ADDR", value_name = "ADDR")]
    pub(crate) health_addr: Option<SocketAddr>,
    /// The certificate chain for TLS, as a PEM file.
    #[arg(long, env = "USHER_BROKER_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Its private key, as a PEM file.
    #[arg(long, env = "USHER_BROKER_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

impl Settings {
    /// What the server is started with.
    ///
    /// # Errors
    /// [`Failure::Setting`] for a file that can't be read or holds what it must not.
    pub(crate) fn into_options(self) -> Result<Options, Failure> {
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(Arc::new(tls(certificate, key)?)),
            _ => None,
        };
        Ok(Options {
            topology: self.config.as_deref().map_or_else(|| Ok(Topology::usher()), topology)?,
            data: self.data,
            listen: self.listen,
            key: SasKey::new(self.sas_key_name, self.sas_key),
            tls,
        })
    }
}

fn topology(path: &Path) -> Result<Topology, Failure> {
    let wrong = |problem: &dyn std::fmt::Display| {
        Failure::setting("USHER_BROKER_CONFIG", format!("{}: {problem}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
    Topology::from_emulator_config(&text).map_err(|error| wrong(&error))
}

fn tls(certificate: &Path, key: &Path) -> Result<ServerConfig, Failure> {
    let wrong_certificate = |problem: &dyn std::fmt::Display| {
        Failure::setting("USHER_BROKER_TLS_CERT", format!("{}: {problem}", certificate.display()))
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong_certificate(&error))?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| Failure::setting("USHER_BROKER_TLS_KEY", format!("{}: {error}", key.display())))?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| wrong_certificate(&error))
}
