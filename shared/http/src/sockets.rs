//! Calls over sockets: reqwest on rustls, with the rules that hold for every call.
//!
//! Certificates are checked by the platform's own verifier, which can't be switched off. Redirects are not
//! followed: no API of ours sends any, and following one would take a token to a host that we never chose.

use std::{
    error::Error,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use reqwest::{Certificate, Client, ClientBuilder, dns::Resolve, redirect::Policy};
use tokio::time::timeout;
use url::Url;

use crate::{
    Guard, HttpClient, Request, Response, TransportError,
    base_url::{is_confidential, is_loopback, is_on_the_link},
    guard::Forbidden,
    resolver::{GuardedResolver, SystemResolver},
};

/// How long a connection may take to stand, TLS included: three SYNs on Linux.
const CONNECT_BOUND: Duration = Duration::from_secs(10);
/// The largest answer that is taken. A full page of a thousand audit entries has about 3 MiB.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;
/// How much of the answer to a guarded call is waited for, in bytes, and for how long: what a receiver says in passing.
const PASSED_OVER: usize = 64 * 1024;
const PASSING_OVER: Duration = Duration::from_secs(1);
const USER_AGENT: &str = concat!("usher/", env!("CARGO_PKG_VERSION"));

/// Two clients: what goes to this very machine, or to its link, must not go through a proxy, least of all in plain text. And
/// a third for guarded calls, with a resolver of its own.
#[derive(Clone)]
pub(crate) struct Sockets {
    world: Client,
    loopback: Client,
    /// Made for the guard that the last guarded call had; a process has one.
    guarded: Arc<Mutex<Option<(Guard, Client)>>>,
    extra: Vec<Certificate>,
    /// Who tells a guarded call where a name leads.
    resolver: Arc<dyn Resolve>,
}

impl Sockets {
    /// Trusts `extra` certificate authorities beside the system's.
    pub(crate) fn new(extra: Vec<Certificate>) -> reqwest::Result<Self> {
        let world = builder(&extra).build()?;
        let loopback = builder(&extra).no_proxy().build()?;
        Ok(Self { world, loopback, guarded: Arc::default(), extra, resolver: Arc::new(SystemResolver) })
    }

    pub(crate) fn into_client(self) -> HttpClient {
        HttpClient::new(tower::service_fn(move |request| {
            let sockets = self.clone();
            async move { sockets.call(request).await }
        }))
    }

    async fn call(&self, request: Request) -> Result<Response, TransportError> {
        let url = Url::parse(&request.uri().to_string()).map_err(|_| TransportError::Connect)?;
        let guard = request.extensions().get::<Guard>().cloned();
        // Nobody but us chooses an address on the link: a guarded call has no business there.
        if !is_confidential(&url) && (guard.is_some() || !is_on_the_link(&url)) {
            return Err(TransportError::Connect);
        }
        let client = match &guard {
            Some(guard) => self.guarded(guard, &url)?,
            None if is_loopback(&url) || is_on_the_link(&url) => self.loopback.clone(),
            None => self.world.clone(),
        };
        let request = reqwest::Request::try_from(request).map_err(|error| class(&error))?;
        let mut answer = client.execute(request).await.map_err(|error| class(&error))?;
        let body = match guard {
            Some(_) => pass_over(&mut answer).await,
            None => body(&mut answer).await?,
        };
        let (parts, _) = http::Response::from(answer).into_parts();
        Ok(http::Response::from_parts(parts, body))
    }

    /// The client of guarded calls. A literal address never comes to its resolver, so it is judged here.
    fn guarded(&self, guard: &Guard, url: &Url) -> Result<Client, TransportError> {
        if !guard.permits_host(url) {
            return Err(TransportError::Forbidden);
        }
        let mut held = self.guarded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, client)) = held.as_ref().filter(|(of, _)| of == guard) {
            return Ok(client.clone());
        }
        let resolver = GuardedResolver { guard: guard.clone(), resolver: self.resolver.clone() };
        let client = builder(&self.extra).no_proxy().dns_resolver(resolver).build();
        let client = client.map_err(|_| TransportError::Connect)?;
        *held = Some((guard.clone(), client.clone()));
        Ok(client)
    }
}

fn builder(extra: &[Certificate]) -> ClientBuilder {
    Client::builder()
        .user_agent(USER_AGENT)
        .redirect(Policy::none())
        .connect_timeout(CONNECT_BOUND)
        .tls_certs_merge(extra.to_vec())
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

/// Whoever answers a guarded call is anybody, and what they say beside the status is not for us: whatever its length and
/// whether it ever ends, the call has been answered. A short body is waited for, so that the connection serves again.
async fn pass_over(answer: &mut reqwest::Response) -> Bytes {
    let mut seen = 0;
    let passing = async {
        while let Ok(Some(chunk)) = answer.chunk().await {
            seen += chunk.len();
            if seen > PASSED_OVER {
                return;
            }
        }
    };
    // Whichever way it ends, it is over: dropping what is left closes the connection.
    let _ = timeout(PASSING_OVER, passing).await;
    Bytes::new()
}

/// What went wrong, without reqwest's own words: they hold the URL.
fn class(error: &reqwest::Error) -> TransportError {
    if is_forbidden(error) {
        TransportError::Forbidden
    } else if error.is_connect() {
        TransportError::Connect
    } else if error.is_timeout() {
        TransportError::Timeout
    } else {
        TransportError::Broken
    }
}

/// Whether the guard's resolver is at the bottom of it.
fn is_forbidden(error: &reqwest::Error) -> bool {
    std::iter::successors(error.source(), |&error| error.source()).any(|error| error.is::<Forbidden>())
}

#[cfg(test)]
mod tests;
