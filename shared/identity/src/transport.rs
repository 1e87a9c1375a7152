//! How Azure's SDK reaches the world: over our TLS, with bounds, and past a proxy only where one belongs.
//!
//! The SDK's own client would look for a process-wide TLS provider and would chase through a proxy whatever the
//! environment names, the machine's own identity endpoint too; no proxy can answer for that.

use std::{path::Path, sync::Arc, time::Duration};

use async_trait::async_trait;
use azure_core::http::{AsyncRawResponse, ClientOptions, HttpClient, Request, Transport};
use reqwest::{Client, ClientBuilder, redirect::Policy};
use url::{Host, Url};

use crate::{IdentityError, tls_config};

/// How long a connection may take to stand, TLS included: three SYNs on Linux.
const CONNECT_BOUND: Duration = Duration::from_secs(10);
/// How long one answer may take, whole. Tokens, signatures and a checkpoint are small; the SDK tries again.
const ANSWER_BOUND: Duration = Duration::from_secs(30);

/// What every client of Azure's SDK is made with: TLS that trusts `extra_ca` (a PEM file) too, and our bounds.
///
/// # Errors
/// [`IdentityError::Trust`] as for [`tls_config`].
pub fn client_options(extra_ca: Option<&Path>) -> Result<ClientOptions, IdentityError> {
    let clients = Clients::new(extra_ca)?;
    Ok(ClientOptions { transport: Some(Transport::new(Arc::new(clients))), ..Default::default() })
}

/// Two clients: what goes to this very machine or to the link's own services must not go through a proxy.
#[derive(Debug)]
struct Clients {
    world: Client,
    here: Client,
}

impl Clients {
    fn new(extra_ca: Option<&Path>) -> Result<Self, IdentityError> {
        let build = |builder: ClientBuilder| {
            let unusable = |_| IdentityError::Trust("can't be used: no HTTP client for tokens".to_owned());
            builder.build().map_err(unusable)
        };
        let config = tls_config(extra_ca)?;
        let builder = || {
            Client::builder()
                .tls_backend_preconfigured(config.clone())
                .redirect(Policy::none())
                .connect_timeout(CONNECT_BOUND)
                .timeout(ANSWER_BOUND)
        };
        Ok(Self { world: build(builder())?, here: build(builder().no_proxy())? })
    }
}

#[async_trait]
impl HttpClient for Clients {
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let client = if is_here(request.url()) { &self.here } else { &self.world };
        client.execute_request(request).await
    }
}

/// This very machine, or what stands on its link, as the identity endpoint of a virtual machine does (169.254.169.254).
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_identity_endpoint_is_not_asked_through_a_proxy() {
        let is_here = |url: &str| is_here(&url.parse().unwrap());
        for here in
            ["http://169.254.169.254/metadata", "https://127.0.0.1:1/msi/token", "http://localhost:42356/"]
        {
            assert!(is_here(here), "{here}");
        }
        for there in
            ["https://login.microsoftonline.com", "https://localhost.example.com", "https://10.0.0.1"]
        {
            assert!(!is_here(there), "{there}");
        }
    }
}
