//! How a service is: `/healthz`, `/readyz`, for Prometheus `/metrics`, and for `usher up` and for people `/status`.
//!
//! Alive means that the process answers. Ready means that it does its work: each part of it that can stand in
//! the way has a name here and says why it isn't ready. The status is a bag of counters that only grow; what an operator
//! keeps and draws is [measured](Metrics) beside it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{Failure, Metrics, Shutdown};

/// What Prometheus is answered with. <https://prometheus.io/docs/instrumenting/exposition_formats/#basic-info>
const PROMETHEUS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a service says of itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// What stands in the way of its work: the part's name and why, in a few words. Empty: ready.
    pub not_ready: BTreeMap<String, String>,
    /// Things counted since the start, and gauges, by name.
    pub counts: BTreeMap<String, u64>,
}

/// A service's health, shared by its parts. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Health {
    status: Arc<Mutex<Status>>,
    metrics: Metrics,
}

impl Health {
    /// A service of which nothing is known to be wrong, and nothing is measured.
    pub fn new() -> Self {
        Self::default()
    }

    /// The service that this process is: what it does is measured.
    pub fn measured() -> Self {
        Self::new().with_metrics(Metrics::of_process())
    }

    /// The same service, measured by these.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// What is measured of it.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// A part of the service does its work.
    pub fn ready(&self, part: &str) {
        self.lock().not_ready.remove(part);
    }

    /// A part of the service can't do its work, and why.
    pub fn not_ready(&self, part: &str, why: impl Into<String>) {
        self.lock().not_ready.insert(part.to_owned(), why.into());
    }

    /// Counts `more` of something.
    pub fn count(&self, what: &str, more: u64) {
        let mut status = self.lock();
        match status.counts.get_mut(what) {
            Some(count) => *count += more,
            None => _ = status.counts.insert(what.to_owned(), more),
        }
    }

    /// Sets a gauge.
    pub fn gauge(&self, what: &str, value: u64) {
        self.lock().counts.insert(what.to_owned(), value);
    }

    /// All of it, as it is now.
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    /// Serves it on `address` until the shutdown; returns the address bound and the task to join.
    ///
    /// # Errors
    /// [`Failure::Setting`] if the address can't be bound.
    pub async fn serve(
        &self,
        address: SocketAddr,
        shutdown: Shutdown,
    ) -> Result<(SocketAddr, JoinHandle<std::io::Result<()>>), Failure> {
        let unusable =
            |e: std::io::Error| Failure::setting("HEALTH_ADDR", format!("{address} can't be used: {e}"));
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        let bound = listener.local_addr().map_err(unusable)?;
        let serve = axum::serve(listener, self.router());
        let task = tokio::spawn(async move {
            tokio::select! {
                ended = serve => ended,
                () = shutdown.requested() => Ok(()),
            }
        });
        Ok((bound, task))
    }

    fn router(&self) -> Router {
        Router::new()
            .route("/healthz", get(|| async { "alive\n" }))
            .route("/readyz", get(readyz))
            .route("/status", get(|State(health): State<Self>| async move { Json(health.status()) }))
            .route("/metrics", get(metrics))
            .with_state(self.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        // Counters can't be left half-written: a panic elsewhere is no reason to stop telling.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn readyz(State(health): State<Health>) -> (StatusCode, String) {
    let not_ready = health.status().not_ready;
    if not_ready.is_empty() {
        return (StatusCode::OK, "ready\n".to_owned());
    }
    let lines = not_ready.iter().map(|(part, why)| format!("{part}: {why}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines)
}

async fn metrics(State(health): State<Health>) -> Response {
    match health.metrics.text() {
        Some(text) => ([(CONTENT_TYPE, PROMETHEUS)], text).into_response(),
        None => (StatusCode::NOT_FOUND, "nothing is measured here\n").into_response(),
    }
}
