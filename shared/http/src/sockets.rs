//! Calls over sockets: reqwest on rustls, with the rules that hold for every call.
//!
//! Certificates are checked by the platform's own verifier, which can't be switched off. Redirects are not
//! followed: no API of ours sends any, and following one would take a token to a host that we never chose.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Certificate, Client, redirect::Policy};
use url::Url;

use crate::{
    HttpClient, Request, Response, TransportError,
    base_url::{is_confidential, is_loopback},
};

/// How long a connection may take to stand, TLS included: three SYNs on Linux.
const CONNECT_BOUND: Duration = Duration::from_secs(10);
/// The largest answer that is taken. A full page of a thousand audit entries has about 3 MiB.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;
const USER_AGENT: &str = concat!("usher/", env!("CARGO_PKG_VERSION"));

/// Two clients: what goes to this very machine must not go through a proxy, least of all in plain text.
#[derive(Clone)]
pub(crate) struct Sockets {
    world: Client,
    loopback: Client,
}

impl Sockets {
    /// Trusts `extra` certificate authorities beside the system's.
    pub(crate) fn new(extra: Vec<Certificate>) -> reqwest::Result<Self> {
        let builder = || {
            Client::builder()
                .user_agent(USER_AGENT)
                .redirect(Policy::none())
                .connect_timeout(CONNECT_BOUND)
                .tls_certs_merge(extra.clone())
        };
        Ok(Self { world: builder().build()?, loopback: builder().no_proxy().build()? })
    }

    pub(crate) fn into_client(self) -> HttpClient {
        HttpClient::new(tower::service_fn(move |request| {
            let sockets = self.clone();
            async move { sockets.call(request).await }
        }))
    }

    async fn call(&self, request: Request) -> Result<Response, TransportError> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| TransportError::Connect)?;
        if !is_confidential(&url) {
            return Err(TransportError::Connect);
        }
        let client = if is_loopback(&url) { &self.loopback } else { &self.world };
        let request = reqwest::Request::try_from(request).map_err(|error| class(&error))?;
        let mut answer = client.execute(request).await.map_err(|error| class(&error))?;
        let body = body(&mut answer).await?;
        let (parts, _) = http::Response::from(answer).into_parts();
        Ok(http::Response::from_parts(parts, body))
    }
}

async fn body(answer: &mut reqwest::Response) -> Result<Bytes, TransportError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| class(&error))? {
        if body.len() + chunk.len() > LARGEST_ANSWER {
            return Err(TransportError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// What went wrong, without reqwest's own words: they hold the URL.
fn class(error: &reqwest::Error) -> TransportError {
    if error.is_connect() {
        TransportError::Connect
    } else if error.is_timeout() {
        TransportError::Timeout
    } else {
        TransportError::Broken
    }
}

#[cfg(test)]
mod tests;
