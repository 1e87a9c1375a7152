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

use crate::{
    Sandbox, Vendor, control, database, entra, gate::ConnectionBroke, identity, mailchimp, salesforce,
    stripe, vault, webhook,
};

/// All stand-ins as one service, told apart by host: see [`LOGIN_URL`], [`GRAPH_URL`], [`STRIPE_URL`],
/// [`MAILCHIMP_URL`], [`SALESFORCE_URL`], [`DATABASE_URL`], [`WEBHOOK_URL`] and [`CONTROL_URL`].
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
    pub(crate) salesforce: Router,
    pub(crate) database: Router,
    pub(crate) webhook: Router,
    pub(crate) control: Router,
}

/// Where the token endpoint stands in process, and beside it the key vault and the managed identities' endpoint.
pub const LOGIN_URL: &str = "https://login.sandbox.test";
/// Where Graph stands in process.
pub const GRAPH_URL: &str = "https://graph.sandbox.test";
/// Where Stripe stands in process.
pub const STRIPE_URL: &str = "https://api.stripe.sandbox.test";
/// Where Mailchimp stands in process.
pub const MAILCHIMP_URL: &str = "https://us1.api.mailchimp.sandbox.test";
/// Where Salesforce stands in process, both to log in and afterwards.
pub const SALESFORCE_URL: &str = "https://login.salesforce.sandbox.test";
/// Where the database stands in process.
pub const DATABASE_URL: &str = "https://database.sandbox.test";
/// Where the receiver of the webhook stands in process; [`crate::WEBHOOK_PATH`] comes on top.
pub const WEBHOOK_URL: &str = "https://hooks.sandbox.test";
/// Where the control and the ledger stand in process.
pub const CONTROL_URL: &str = "https://control.sandbox.test";

impl InProcess {
    pub(crate) fn new(sandbox: &Sandbox) -> Self {
        Self {
            sandbox: sandbox.clone(),
            login: entra::login_router(sandbox)
                .merge(vault::router(sandbox))
                .merge(identity::router(sandbox)),
            graph: entra::graph_router(sandbox),
            stripe: stripe::router(sandbox),
            mailchimp: mailchimp::router(sandbox),
            salesforce: salesforce::router(sandbox),
            database: database::router(sandbox),
            webhook: webhook::router(sandbox),
            control: control::router(sandbox),
        }
    }

    /// Who stands at a host in process; `None`: no vendor.
    pub fn vendor_at(host: &str) -> Option<Vendor> {
        Some(match host {
            "login.sandbox.test" => Vendor::Login,
            "graph.sandbox.test" => Vendor::Graph,
            "api.stripe.sandbox.test" => Vendor::Stripe,
            "us1.api.mailchimp.sandbox.test" => Vendor::Mailchimp,
            "login.salesforce.sandbox.test" => Vendor::Salesforce,
            "database.sandbox.test" => Vendor::Database,
            "hooks.sandbox.test" => Vendor::Webhook,
            _ => return None,
        })
    }

    fn router(&self, host: &str) -> Result<Router, TransportError> {
        if host == "control.sandbox.test" {
            return Ok(self.control.clone());
        }
        let vendor = Self::vendor_at(host).ok_or(TransportError::Connect)?;
        if self.sandbox.is_down(vendor) { Err(TransportError::Connect) } else { Ok(self.of(vendor).clone()) }
    }

    fn of(&self, vendor: Vendor) -> &Router {
        match vendor {
            Vendor::Login => &self.login,
            Vendor::Graph => &self.graph,
            Vendor::Stripe => &self.stripe,
            Vendor::Mailchimp => &self.mailchimp,
            Vendor::Salesforce => &self.salesforce,
            Vendor::Database => &self.database,
            Vendor::Webhook => &self.webhook,
        }
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
