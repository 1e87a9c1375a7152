//! What every call passes on its way to a stand-in: it is counted, it takes its time, and a fault may hit it.

use std::{future::pending, time::Duration};

use axum::{
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use time::OffsetDateTime;

use crate::{
    Call, FaultKind, Sandbox, Vendor, database, entra, identity, latency::between, mailchimp,
    mailchimp::Connection, salesforce, stripe, vault, webhook, world::World,
};

/// Marks an answer that never reaches the caller: the connection breaks instead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionBroke;

/// What a handler may need to know of how the call came in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Which request it is: no two have the same.
    pub(crate) number: u64,
    /// When its answer leaves: until then the vendor is still at work on it.
    pub(crate) answered_at: OffsetDateTime,
    /// A fault that only the handler itself can carry out.
    pub(crate) fault: Option<FaultKind>,
}

/// The handlers of one kind of call, behind the gate.
pub(crate) fn gated(sandbox: &Sandbox, call: Call, handlers: MethodRouter<Sandbox>) -> MethodRouter<Sandbox> {
    handlers.route_layer(from_fn_with_state((sandbox.clone(), call), pass))
}

async fn pass(State((sandbox, call)): State<(Sandbox, Call)>, mut request: Request, next: Next) -> Response {
    let (arrival, takes) = sandbox.with(|world, now| arrive(world, call, now));
    // Held until the answer has left, however long that takes.
    let Some(_connection) = Connection::open(&sandbox, call.vendor()) else {
        return sandbox.with(|world, _| mailchimp::throttled(world));
    };
    request.extensions_mut().insert(arrival);
    let response = match arrival.fault {
        Some(FaultKind::Before | FaultKind::Hang) => ().into_response(),
        Some(fault @ (FaultKind::Status(_) | FaultKind::Throttled)) => {
            sandbox.with(|world, now| refusal(world, call, fault, now))
        }
        _ => next.run(request).await,
    };
    if !takes.is_zero() {
        tokio::time::sleep(takes).await;
    }
    deliver(response, arrival.fault).await
}

fn arrive(world: &mut World, call: Call, now: OffsetDateTime) -> (Arrival, Duration) {
    world.count(call);
    world.arrivals += 1;
    let usual = &world.settings.answer_time;
    let longest = *usual.end() + world.faults.slowness(call);
    let takes = between(&mut world.chance, &(*usual.start()..=longest));
    let fault = world.faults.strike(call, now).map(|kind| as_carried_out(call, kind));
    (Arrival { number: world.arrivals, answered_at: now + takes, fault }, takes)
}

/// Only Stripe's writes store answers: anywhere else a stored 500 is a plain one.
fn as_carried_out(call: Call, kind: FaultKind) -> FaultKind {
    let stores = matches!(call, Call::CreateCustomer | Call::UpdateCustomer);
    match kind {
        FaultKind::Stored500 | FaultKind::Stored500After if !stores => FaultKind::Status(500),
        kind => kind,
    }
}

/// What an ordered status looks like from whoever is called.
fn refusal(world: &mut World, call: Call, fault: FaultKind, now: OffsetDateTime) -> Response {
    let status = fault.status().unwrap_or_default();
    match (call.vendor(), fault) {
        (Vendor::Login, _) => match call {
            Call::GetCertificate | Call::SignDigest => vault::ordered(status).into_response(),
            Call::ManagedIdentity => identity::ordered(status).into_response(),
            _ => entra::denied::ordered(world, status, now).into_response(),
        },
        (Vendor::Graph, _) => entra::graph::ordered(world, status, now).into_response(),
        (Vendor::Stripe, _) => stripe::errors::ordered(world, status).into_response(),
        (Vendor::Mailchimp, FaultKind::Throttled) => mailchimp::throttled(world),
        (Vendor::Mailchimp, _) => mailchimp::ordered(world, status).into_response(),
        (Vendor::Salesforce, _) => salesforce::ordered(world, call, status, now).into_response(),
        (Vendor::Database, _) => database::ordered(status).into_response(),
        (Vendor::Webhook, _) => webhook::ordered(status).into_response(),
    }
}

async fn deliver(mut response: Response, fault: Option<FaultKind>) -> Response {
    match fault {
        Some(FaultKind::Hang | FaultKind::HangAfter) => pending().await,
        Some(FaultKind::Before | FaultKind::After) => {
            response.extensions_mut().insert(ConnectionBroke);
            response
        }
        _ => response,
    }
}
