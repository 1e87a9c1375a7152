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

use crate::{Guard, span};

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
    /// A permit for each call that may run at once; `None`: any number may.
    connections: Option<Arc<Semaphore>>,
    guard: Option<Guard>,
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
        Self { service, timeout: Self::TIMEOUT, connections: None, guard: None }
    }

    /// The same client with another bound on each call.
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same client with at most `n` calls at once (one at least), through it and its clones together. Waiting
    /// for a place is no part of a call's time: a queue of ours is no failure of the other side's.
    pub fn with_connections(mut self, n: usize) -> Self {
        self.connections = Some(Arc::new(Semaphore::new(n.clamp(1, Semaphore::MAX_PERMITS))));
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
        self.attempt(request).await
    }

    /// Waits for a place among the calls that may run at once. Whoever holds one gives it back within a call's
    /// time, so the wait is bounded by how many callers there are.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed: where there is a bound, this is always a permit.
        self.connections.as_ref()?.acquire().await.ok()
    }

    /// One call by one who has a place.
    pub(crate) async fn attempt(&self, mut request: Request) -> Result<Response, TransportError> {
        if let Some(guard) = &self.guard {
            request.extensions_mut().insert(guard.clone());
        }
        let span = span::of(&request);
        let call = self.service.clone().oneshot(request).instrument(span.clone());
        let answer = timeout(self.timeout, call).await.unwrap_or(Err(TransportError::Timeout));
        span::end(&span, &answer);
        answer
    }
}

#[cfg(test)]
mod tests;
