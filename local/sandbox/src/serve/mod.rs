//! The stand-ins over sockets: the token endpoint, the key vault and the endpoint for managed identities over https, on
//! one port, the others over plain HTTP on loopback.
//!
//! Each vendor has a port of its own, so that an outage is what it is in life: nobody listens.

mod listener;
mod tls;

use std::{io, net::SocketAddr, path::PathBuf, time::Duration};

use axum::Router;
use serde::Serialize;
use thiserror::Error;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::{Sandbox, Vendor, WEBHOOK_PATH};
use listener::Port;

/// Where to listen.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The control and the ledger; with port 0 every vendor gets a free port, else the ports that follow.
    pub plain: SocketAddr,
    /// The token endpoint, the key vault and the endpoint for managed identities.
    pub tls: SocketAddr,
    /// Where to write the certificate that signs the token endpoint's.
    pub ca_file: PathBuf,
}

/// Where everything listens, as URLs without a slash at the end.
#[derive(Clone, Debug, Serialize)]
pub struct Endpoints {
    /// `ENTRA_AUTHORITY_HOST` and `AZURE_AUTHORITY_HOST`
    pub login: String,
    /// The key vault: `ENTRA_KEYVAULT_CERTIFICATE` begins with it.
    pub vault: String,
    /// `IDENTITY_ENDPOINT`, whole
    pub identity: String,
    /// `GRAPH_ENDPOINT`
    pub graph: String,
    /// `STRIPE_API_BASE`
    pub stripe: String,
    /// `MAILCHIMP_API_BASE`
    pub mailchimp: String,
    /// `SALESFORCE_LOGIN_URL`
    pub salesforce: String,
    /// The database that is called over HTTP. A consumer that writes to a file needs none.
    pub database: String,
    /// `WEBHOOK_URL`, whole
    pub webhook: String,
    /// Where `/_control` and `/_effects` are.
    pub control: String,
    /// `USHER_EXTRA_CA_FILE`
    pub ca_file: PathBuf,
}

/// Why the sandbox can't be served.
#[derive(Debug, Error)]
pub enum ServeError {
    /// An address is taken or not ours.
    #[error("{address} can't be listened on: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The certificate can't be made.
    #[error("no certificate for the token endpoint: {0}")]
    Certificate(String),
    /// The certificate can't be written.
    #[error("{path} can't be written: {source}", path = path.display())]
    CaFile {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A sandbox that is being served. Dropping it ends all of it.
#[derive(Debug)]
pub struct Serving {
    endpoints: Endpoints,
    tasks: JoinSet<()>,
}

/// How long a listener that failed to accept waits, so as not to spin while the process is out of files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

impl Sandbox {
    /// Serves the stand-ins over sockets.
    ///
    /// # Errors
    /// [`ServeError`] if an address can't be listened on or the certificate can't be made or written.
    pub async fn serve(&self, at: &Addresses) -> Result<Serving, ServeError> {
        let acceptor = tls::acceptor(&at.ca_file).await?;
        let service = self.service();
        let mut tasks = JoinSet::new();
        let mut open = |address, vendor, router, tls| self.open(&mut tasks, address, vendor, router, tls);
        let control = open(at.plain, None, service.control, None)?;
        let graph = open(following(at.plain, 1), Some(Vendor::Graph), service.graph, None)?;
        let stripe = open(following(at.plain, 2), Some(Vendor::Stripe), service.stripe, None)?;
        let mailchimp = open(following(at.plain, 3), Some(Vendor::Mailchimp), service.mailchimp, None)?;
        let salesforce = open(following(at.plain, 4), Some(Vendor::Salesforce), service.salesforce, None)?;
        let database = open(following(at.plain, 5), Some(Vendor::Database), service.database, None)?;
        let webhook = open(following(at.plain, 6), Some(Vendor::Webhook), service.webhook, None)?;
        let login = open(at.tls, Some(Vendor::Login), service.login, Some(acceptor))?;
        let secure = format!("https://localhost:{}", login.port());
        let endpoints = Endpoints {
            vault: secure.clone(),
            identity: format!("{secure}/msi/token"),
            login: secure,
            graph: format!("http://{graph}"),
            stripe: format!("http://{stripe}"),
            mailchimp: format!("http://{mailchimp}"),
            salesforce: format!("http://{salesforce}"),
            database: format!("http://{database}"),
            webhook: format!("http://{webhook}{WEBHOOK_PATH}"),
            control: format!("http://{control}"),
            ca_file: at.ca_file.clone(),
        };
        Ok(Serving { endpoints, tasks })
    }

    fn open(
        &self,
        tasks: &mut JoinSet<()>,
        address: SocketAddr,
        vendor: Option<Vendor>,
        router: Router,
        tls: Option<TlsAcceptor>,
    ) -> Result<SocketAddr, ServeError> {
        let port = Port::reserve(address).map_err(|source| ServeError::Listen { address, source })?;
        let bound = port.address();
        let listener = port.listen().map_err(|source| ServeError::Listen { address, source })?;
        tasks.spawn(listener::serve(port, listener, self.outages(), vendor, router, tls));
        Ok(bound)
    }
}

fn following(address: SocketAddr, by: u16) -> SocketAddr {
    let port = if address.port() == 0 { 0 } else { address.port().saturating_add(by) };
    SocketAddr::new(address.ip(), port)
}

impl Serving {
    /// Where everything listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Ends all of it and waits until it has ended.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }
}
