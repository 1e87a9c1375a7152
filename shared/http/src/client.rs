//! The client, and the ways in which a call can fail before there is an answer.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use thiserror::Error;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use tracing::Instrument;

use crate::{Guard, QuotaUse, Usage, span};

/// A request with its whole body in memory; Usher sends nothing large.
pub type Request = http::Request<Bytes>;
/// An answer with its whole body in memory, bounded by the client.
pub type Response = http::Response<Bytes>;

/// Why there is no answer. No variant holds an address or a URL: a query may carry an e-mail.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum TransportError {
    /// No answer within the time allowed. The request may have taken effect.
    #[error("no answer in time")]
    Timeout,
    /// No connection. The request took no effect.
    #[error("no connection")]
    Connect,
    /// The connection broke before the answer was whole. The request may have taken effect.
    #[error("the connection broke before the answer")]
    Broken,
    /// The answer is larger than the client takes.
    #[error("the answer is too large")]
    TooLarge,
    /// A [`Guard`] forbids the address. The request was not sent.
    #[error("the address may not be called")]
    Forbidden,
}

/// An HTTP client. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct HttpClient {
    service: BoxCloneSyncService<Request, Response, TransportError>,
    pub(crate) timeout: Duration,
    /// The places of the calls that may run at once; `None`: any number may.
    connections: Option<Arc<Places>>,
    guard: Option<Guard>,
    /// Our name for the other side, for traces.
    peer: Option<&'static str>,
}

/// A permit for each call that may run at once.
struct Places {
    permits: Semaphore,
    all: usize,
    usage: Usage,
}

impl Places {
    fn new(all: usize) -> Self {
        let usage = Usage::of(u32::try_from(all).unwrap_or(u32::MAX));
        Self { permits: Semaphore::new(all), all, usage }
    }

    async fn take(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed: this is always a permit.
        let place = self.permits.acquire().await.ok()?;
        let taken = self.all - self.permits.available_permits();
        self.usage.level(u32::try_from(taken).unwrap_or(u32::MAX));
        Some(place)
    }
}

impl HttpClient {
    /// How long one call may take unless the client is told otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(30);

    /// A client on any service that answers requests: sockets, or a stand-in in process.
    pub fn new<S>(service: S) -> Self
    where
        S: Service<Request, Response = Response, Error = TransportError> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        let service = BoxCloneSyncService::new(service);
        Self { service, timeout: Self::TIMEOUT, connections: None, guard: None, peer: None }
    }

    /// The same client with another bound on each call.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same client with at most `n` calls at once (one at least), through it and its clones together. Waiting
    /// for a place is no part of a call's time: a queue of ours is no failure of the other side's.
    pub fn with_connections(mut self, n: usize) -> Self {
        self.connections = Some(Arc::new(Places::new(n.clamp(1, Semaphore::MAX_PERMITS))));
        self
    }

    /// How many of the calls that may run at once do, as a quota for calls to `resource`; nobody knows if any number may.
    pub fn quota(&self, resource: &'static str) -> QuotaUse {
        let connections = self.connections.clone();
        QuotaUse::new(resource, move || connections.as_ref().map(|places| places.usage.used()))
    }

    /// The same client for calls to one other side, by the name that they have in traces, such as `stripe`.
    pub fn named(mut self, peer: &'static str) -> Self {
        self.peer = Some(peer);
        self
    }

    /// The same client for requests whose address somebody else has chosen: over sockets they go nowhere but where
    /// the guard permits, and through no proxy.
    pub fn guarded(mut self, guard: Guard) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Sends one request, once, and returns whatever the other side answered.
    ///
    /// # Errors
    /// [`TransportError`] if there was no answer; an answer of any status is not an error.
    pub async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let _place = self.place().await;
        self.attempt(request, 0).await
    }

    /// Waits for a place among the calls that may run at once. Whoever holds one gives it back within a call's
    /// time, so the wait is bounded by how many callers there are.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.connections.as_ref()?.take().await
    }

    /// One call by one who has a place, after so many of the same request.
    pub(crate) async fn attempt(
        &self,
        mut request: Request,
        resent: u32,
    ) -> Result<Response, TransportError> {
        if let Some(guard) = &self.guard {
            request.extensions_mut().insert(guard.clone());
        }
        let span = span::of(&request, self.peer, resent);
        let call = self.service.clone().oneshot(request).instrument(span.clone());
        let answer = timeout(self.timeout, call).await.unwrap_or(Err(TransportError::Timeout));
        span::end(&span, &answer);
        answer
    }
}

#[cfg(test)]
mod tests;
