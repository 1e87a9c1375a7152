//! The stand-ins without sockets: a tower service that finds the vendor by the host's name.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use axum::{Router, body::Body};
use bytes::Bytes;
use http_body_util::BodyExt;
use tower::{Service, ServiceExt};
use usher_http::{Request, Response, TransportError};

use crate::{Sandbox, Vendor, control, entra, gate::ConnectionBroke, mailchimp, stripe};

/// All stand-ins as one service, at `https://login.sandbox.test`, `https://graph.sandbox.test`,
/// `https://api.stripe.sandbox.test`, `https://us1.api.mailchimp.sandbox.test` and
/// `https://control.sandbox.test`.
///
/// Faults look as they do to a client over sockets: a broken connection, or an answer that never comes. An
/// outage, and any other host, can't be connected to.
#[derive(Clone)]
pub struct InProcess {
    sandbox: Sandbox,
    pub(crate) login: Router,
    pub(crate) graph: Router,
    pub(crate) stripe: Router,
    pub(crate) mailchimp: Router,
    pub(crate) control: Router,
}

/// Where the token endpoint stands in process.
pub const LOGIN_URL: &str = "https://login.sandbox.test";
/// Where Graph stands in process.
pub const GRAPH_URL: &str = "https://graph.sandbox.test";
/// Where Stripe stands in process.
pub const STRIPE_URL: &str = "https://api.stripe.sandbox.test";
/// Where Mailchimp stands in process.
pub const MAILCHIMP_URL: &str = "https://us1.api.mailchimp.sandbox.test";
/// Where the control and the ledger stand in process.
pub const CONTROL_URL: &str = "https://control.sandbox.test";

impl InProcess {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self {
            sandbox: sandbox.clone(),
            login: entra::login_router(sandbox),
            graph: entra::graph_router(sandbox),
            stripe: stripe::router(sandbox),
            mailchimp: mailchimp::router(sandbox),
            control: control::router(sandbox),
        }
    }

    fn router(&self, host: &str) -> Result<Router, TransportError> {
        let (vendor, router) = match host {
            "login.sandbox.test" => (Vendor::Login, &self.login),
            "graph.sandbox.test" => (Vendor::Graph, &self.graph),
            "api.stripe.sandbox.test" => (Vendor::Stripe, &self.stripe),
            "us1.api.mailchimp.sandbox.test" => (Vendor::Mailchimp, &self.mailchimp),
            "control.sandbox.test" => return Ok(self.control.clone()),
            _ => return Err(TransportError::Connect),
        };
        if self.sandbox.is_down(vendor) { Err(TransportError::Connect) } else { Ok(router.clone()) }
    }
}

impl Service<Request> for InProcess {
    type Response = Response;
    type Error = TransportError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let router = self.router(request.uri().host().unwrap_or_default());
        Box::pin(async move { answer(router?, request).await })
    }
}

/// One call, answered whole; an answer that a fault swallowed is a broken connection.
pub(crate) async fn answer(router: Router, request: Request) -> Result<Response, TransportError> {
    let Ok(response) = router.oneshot(request.map(Body::from)).await;
    if response.extensions().get::<ConnectionBroke>().is_some() {
        return Err(TransportError::Broken);
    }
    let (parts, body) = response.into_parts();
    let body: Bytes = body.collect().await.map_err(|_| TransportError::Broken)?.to_bytes();
    Ok(Response::from_parts(parts, body))
}
