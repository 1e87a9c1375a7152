//! `POST /_control` and `GET /_effects`: how a test that sits behind a socket holds the sandbox.
//!
//! An order is one JSON object of one or more of the fields of [`Orders`]; what it doesn't know it refuses,
//! by name, and then it does nothing at all.

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
use uuid::Uuid;

use crate::{
    Answer, AuditLatency, Crowd, Effects, FaultKind, FaultPlan, Kind, NewSignUp, Sandbox, Target, Vendor,
    sign_up::LONGEST,
};

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/_control", post(control))
        .route("/_control/people", get(people))
        .route("/_effects", get(effects))
        .with_state(sandbox.clone())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Orders {
    fault: Option<Fault>,
    fault_plan: Option<Plan>,
    #[serde(default)]
    clear_faults: bool,
    outage: Option<Outage>,
    sign_up: Option<SignUp>,
    sign_ups: Option<SignUps>,
    mend_email: Option<MendEmail>,
    delete_user: Option<Uuid>,
    delete_customer: Option<String>,
    replication_lag_ms: Option<Millis>,
    search_lag_ms: Option<Millis>,
    audit_latency_ms: Option<Millis>,
}

/// A time in milliseconds, of thirty days at most.
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
struct Millis(Duration);

impl TryFrom<u64> for Millis {
    type Error = &'static str;

    fn try_from(millis: u64) -> Result<Self, Self::Error> {
        let time = Duration::from_millis(millis);
        if time <= LONGEST { Ok(Self(time)) } else { Err("a time of more than thirty days") }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    to: Target,
    calls: u32,
    kind: FaultKind,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan {
    probability: f64,
    seed: u64,
    #[serde(default)]
    kinds: Vec<FaultKind>,
    #[serde(default)]
    to: Vec<Target>,
    for_ms: Option<Millis>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Outage {
    vendor: Vendor,
    on: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignUp {
    #[serde(default)]
    kind: Kind,
    email: Option<String>,
    display_name: Option<String>,
    given_name: Option<String>,
    surname: Option<String>,
    marketing_consent: Option<bool>,
    identity_provider: Option<String>,
    #[serde(default)]
    refused_email: bool,
    audit_latency_ms: Option<Millis>,
    replication_lag_ms: Option<Millis>,
    deleted_after_ms: Option<Millis>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignUps {
    count: usize,
    rate: Option<f64>,
    #[serde(default)]
    refused_email: bool,
    bystanders: Option<usize>,
    short_lived: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MendEmail {
    user: Uuid,
    email: String,
}

impl From<SignUp> for NewSignUp {
    fn from(order: SignUp) -> Self {
        Self {
            kind: order.kind,
            email: order.email,
            display_name: order.display_name,
            given_name: order.given_name,
            surname: order.surname,
            marketing_consent: order.marketing_consent,
            identity_provider: order.identity_provider,
            refused_email: order.refused_email,
            at: None,
            audit_latency: order.audit_latency_ms.map(|Millis(time)| time),
            replication_lag: order.replication_lag_ms.map(|Millis(time)| time),
            deleted_after: order.deleted_after_ms.map(|Millis(time)| time),
        }
    }
}

impl From<SignUps> for Crowd {
    fn from(order: SignUps) -> Self {
        let usual = Self::of(order.count).at_rate(order.rate.unwrap_or(0.0));
        Self {
            refused_email: order.refused_email,
            bystanders: order.bystanders.unwrap_or(usual.bystanders),
            short_lived: order.short_lived.unwrap_or(usual.short_lived),
            ..usual
        }
    }
}

async fn control(State(sandbox): State<Sandbox>, body: Bytes) -> Answer {
    match serde_json::from_slice(&body) {
        Ok(orders) => carry_out(&sandbox, orders),
        Err(error) => failed(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn carry_out(sandbox: &Sandbox, orders: Orders) -> Answer {
    if let Some(missing) = missing(sandbox, &orders) {
        return failed(StatusCode::NOT_FOUND, missing);
    }
    if let Some(wrong) = wrong(&orders) {
        return failed(StatusCode::BAD_REQUEST, wrong);
    }
    set_faults(sandbox, &orders);
    set_lags(sandbox, &orders);
    let mut user_ids = Vec::new();
    user_ids.extend(orders.sign_up.map(|order| sandbox.sign_up(order.into())));
    user_ids.extend(orders.sign_ups.map(|order| sandbox.generate(&order.into())).unwrap_or_default());
    Answer::ok(json!({"ok": true, "user_ids": user_ids}))
}

/// Carries out what concerns somebody who must be there; says who isn't.
fn missing(sandbox: &Sandbox, orders: &Orders) -> Option<&'static str> {
    let mended = orders.mend_email.as_ref().map(|order| sandbox.mend_email(order.user, &order.email));
    let user_deleted = orders.delete_user.map(|user| sandbox.delete_user(user));
    let customer_deleted = orders.delete_customer.as_ref().map(|customer| sandbox.delete_customer(customer));
    match (mended, user_deleted, customer_deleted) {
        (Some(false), ..) | (_, Some(false), _) => Some("no such user"),
        (_, _, Some(false)) => Some("no such customer"),
        _ => None,
    }
}

fn wrong(orders: &Orders) -> Option<&'static str> {
    let rate = orders.sign_ups.as_ref().and_then(|order| order.rate);
    if rate.is_some_and(|rate| !(rate.is_finite() && rate > 0.0)) {
        return Some("sign_ups.rate: sign-ups a second, above 0");
    }
    let probability = orders.fault_plan.as_ref().map(|plan| plan.probability);
    if probability.is_some_and(|probability| !(0.0..=1.0).contains(&probability)) {
        return Some("fault_plan.probability: between 0 and 1");
    }
    None
}

fn set_faults(sandbox: &Sandbox, orders: &Orders) {
    let faults = sandbox.faults();
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
}

impl Plan {
    fn as_plan(&self, sandbox: &Sandbox) -> FaultPlan {
        let until = self.for_ms.map(|Millis(time)| sandbox.with(|_, now| now + time));
        let kinds = if self.kinds.is_empty() { FaultKind::COMMON.to_vec() } else { self.kinds.clone() };
        FaultPlan { probability: self.probability, kinds, targets: self.to.clone(), seed: self.seed, until }
    }
}

fn set_lags(sandbox: &Sandbox, orders: &Orders) {
    sandbox.change(|settings| {
        if let Some(lag) = orders.replication_lag_ms.map(|Millis(time)| time) {
            settings.replication_lag = lag..=lag;
        }
        if let Some(lag) = orders.search_lag_ms.map(|Millis(time)| time) {
            settings.stripe.search_lag = lag;
        }
        if let Some(late) = orders.audit_latency_ms.map(|Millis(time)| time) {
            settings.audit.latency = AuditLatency { median: late, p99: late, ..AuditLatency::NONE };
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
