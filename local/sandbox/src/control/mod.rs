//! `POST /_control` and `GET /_effects`: how a test that sits behind a socket holds the sandbox. `POST
//! /identities/rotate` and `/identities/revoke`: what an administrator does to certificates and the like.
//!
//! An order is one JSON object of one or more of the fields of [`Orders`]. What it doesn't know it refuses,
//! by name, and then it does nothing at all.

mod orders;

use std::time::Duration;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{Answer, AuditLatency, Effects, IdentityError, Sandbox};
use orders::{Millis, Orders, Slow};

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/_control", post(control))
        .route("/_control/people", get(people))
        .route("/_effects", get(effects))
        .route("/identities/rotate", post(rotate_identities))
        .route("/identities/revoke", post(revoke_identities))
        .with_state(sandbox.clone())
}

async fn control(State(sandbox): State<Sandbox>, body: Bytes) -> Answer {
    match serde_json::from_slice(&body) {
        Ok(orders) => carry_out(&sandbox, orders),
        Err(error) => failed(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn carry_out(sandbox: &Sandbox, orders: Orders) -> Answer {
    if let Some(wrong) = orders.wrong() {
        return failed(StatusCode::BAD_REQUEST, wrong);
    }
    if let Some(missing) = missing(sandbox, &orders) {
        return failed(StatusCode::NOT_FOUND, missing);
    }
    set_faults(sandbox, &orders);
    set_lags(sandbox, &orders);
    let mut user_ids = Vec::new();
    user_ids.extend(orders.sign_up.map(|order| sandbox.sign_up(order.into())));
    user_ids.extend(orders.sign_ups.map(|order| sandbox.generate(&order.into())).unwrap_or_default());
    Answer::ok(json!({"ok": true, "user_ids": user_ids}))
}

/// Carries out what concerns something that must be there; says what isn't.
fn missing(sandbox: &Sandbox, orders: &Orders) -> Option<&'static str> {
    let done = [
        (
            orders.mend_email.as_ref().map(|order| sandbox.mend_email(order.user, &order.email)),
            "no such user",
        ),
        (orders.delete_user.map(|user| sandbox.delete_user(user)), "no such user"),
        (orders.delete_customer.as_ref().map(|id| sandbox.delete_customer(id)), "no such customer"),
        (orders.delete_group.map(|group| sandbox.delete_group(group)), "no such group"),
        (orders.unsubscribe.map(|user| sandbox.unsubscribe(user)), "no such member"),
    ];
    done.into_iter().find_map(|(done, missing)| (done == Some(false)).then_some(missing))
}

fn set_faults(sandbox: &Sandbox, orders: &Orders) {
    let faults = sandbox.faults();
    if let Some(vendor) = orders.heal {
        sandbox.heal(vendor);
    }
    if orders.clear_faults {
        faults.clear();
    }
    if let Some(fault) = &orders.fault {
        faults.next(fault.to, fault.calls, fault.kind);
    }
    if let Some(plan) = &orders.fault_plan {
        faults.plan(plan.as_plan(sandbox));
    }
    if let Some(outage) = &orders.outage {
        sandbox.outage(outage.vendor, outage.on);
    }
    if let Some(Slow { vendor, answer_time_ms: Millis(time) }) = orders.slow {
        faults.slow(vendor, time);
    }
}

fn set_lags(sandbox: &Sandbox, orders: &Orders) {
    sandbox.change(|settings| {
        if let Some(lag) = orders.replication_lag_ms.map(|Millis(time)| time) {
            settings.replication_lag = lag..=lag;
        }
        if let Some(lag) = orders.read_lag_ms.map(|Millis(time)| time) {
            settings.read_lag = lag..=lag;
        }
        if let Some(lag) = orders.search_lag_ms.map(|Millis(time)| time) {
            settings.stripe.search_lag = lag;
        }
        if let Some(late) = orders.audit_latency_ms.map(|Millis(time)| time) {
            settings.audit.latency = AuditLatency { median: late, p99: late, ..AuditLatency::NONE };
        }
        if let Some(time) = orders.answer_time_ms.map(|Millis(time)| time) {
            settings.answer_time = Duration::ZERO..=time;
        }
    });
}

fn failed(status: StatusCode, why: &str) -> Answer {
    Answer::new(status, json!({"error": why}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reveal {
    #[serde(default)]
    reveal: bool,
}

async fn effects(State(sandbox): State<Sandbox>, Query(Reveal { reveal }): Query<Reveal>) -> Json<Effects> {
    Json(if reveal { sandbox.effects_revealed() } else { sandbox.effects() })
}

async fn rotate_identities(State(sandbox): State<Sandbox>) -> Answer {
    done(sandbox.rotate_identities().await)
}

async fn revoke_identities(State(sandbox): State<Sandbox>) -> Answer {
    done(sandbox.revoke_identities())
}

fn done(outcome: Result<(), IdentityError>) -> Answer {
    match outcome {
        Ok(()) => Answer::ok(json!({"ok": true})),
        Err(error @ IdentityError::None) => failed(StatusCode::NOT_FOUND, &error.to_string()),
        Err(error) => failed(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

/// All personal data that went in, for the test that searches every output for it.
async fn people(State(sandbox): State<Sandbox>) -> Json<Vec<Value>> {
    let people = sandbox.people().into_iter().map(|person| {
        json!({
            "display_name": person.display_name,
            "given_name": person.given_name,
            "surname": person.surname,
            "email": person.email,
            "former_emails": person.former_emails,
        })
    });
    Json(people.collect())
}
