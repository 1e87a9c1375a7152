//! `POST /$batch`: up to twenty requests in one, answered in any order, each with a status of its own.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

use super::{
    graph::{Caller, Refused, json_body, ordered, settle},
    operation::Operation,
    writes::Writer,
};
use crate::{Answer, Sandbox, gate::Arrival, world::World};

/// The most requests in one batch.
const LIMIT: usize = 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Batch {
    requests: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Step {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

pub(super) async fn run(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    Extension(arrival): Extension<Arrival>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let writer = Writer { caller, number: arrival.number };
    sandbox.with(|world, now| {
        let answers = steps(&headers, &body).map(|steps| answer_all(world, writer, &steps, now));
        settle(world, now, answers)
    })
}

fn steps(headers: &HeaderMap, body: &[u8]) -> Result<Vec<Step>, Refused> {
    let body = json_body(headers, body)?;
    let batch = Batch::deserialize(body)
        .map_err(|e| Refused::bad_request(format!("Invalid batch payload format: {e}")))?;
    if batch.requests.is_empty() {
        return Err(Refused::bad_request("Invalid batch payload format: there are no requests."));
    }
    if batch.requests.len() > LIMIT {
        let message = format!("Number of batch request steps exceeds the maximum value of {LIMIT}.");
        return Err(Refused::bad_request(message));
    }
    check_ids(&batch.requests)?;
    Ok(batch.requests)
}

/// Ids are unique, and a request depends on earlier ones only.
fn check_ids(steps: &[Step]) -> Result<(), Refused> {
    let mut seen = BTreeSet::new();
    for step in steps {
        if let Some(unknown) = step.depends_on.iter().find(|id| !seen.contains(id.as_str())) {
            return Err(Refused::bad_request(format!(
                "Invalid dependsOn: there is no earlier request '{unknown}'."
            )));
        }
        if step.id.is_empty() || !seen.insert(step.id.as_str()) {
            return Err(Refused::bad_request(format!(
                "Batch request id '{}' is missing or not unique.",
                step.id
            )));
        }
    }
    Ok(())
}

fn answer_all(world: &mut World, writer: Writer, steps: &[Step], now: OffsetDateTime) -> Answer {
    let mut failed = BTreeSet::new();
    let mut responses = Vec::new();
    for step in steps {
        let answer = if step.depends_on.iter().any(|id| failed.contains(id.as_str())) {
            let refused =
                Refused::new(StatusCode::FAILED_DEPENDENCY, "FailedDependency", "A dependency failed.");
            settle(world, now, Err(refused))
        } else {
            answer_one(world, writer, step, now)
        };
        if !answer.status.is_success() {
            failed.insert(step.id.as_str());
        }
        responses.push(inner(&step.id, answer));
    }
    world.chance.shuffle(&mut responses);
    Answer::ok(json!({"responses": responses}))
}

fn answer_one(world: &mut World, writer: Writer, step: &Step, now: OffsetDateTime) -> Answer {
    let (path, query) = step.url.split_once('?').unwrap_or((&step.url, ""));
    let Some(operation) = Operation::of(&step.method, path) else {
        let refused = Refused::bad_request(format!("Resource not found for the segment '{path}'."));
        return settle(world, now, Err(refused));
    };
    world.count(operation.call);
    if let Some(status) = world.faults.strike_inner(operation.call, now) {
        return ordered(world, status, now);
    }
    let outcome = operation.run(world, writer, query, || step_body(step), now);
    settle(world, now, outcome)
}

fn step_body(step: &Step) -> Result<Value, Refused> {
    let content_type = step.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let is_json = content_type.is_some_and(|(_, value)| value.starts_with("application/json"));
    let body = step.body.as_ref().filter(|_| is_json);
    body.cloned().ok_or_else(|| {
        Refused::bad_request(format!("Request {}: a body needs a Content-Type of application/json.", step.id))
    })
}

fn inner(id: &str, answer: Answer) -> Value {
    let headers = answer.headers.into_iter().map(|(name, value)| (title_case(name), value.into()));
    let mut headers: Map<String, Value> = headers.collect();
    let mut response = json!({"id": id, "status": answer.status.as_u16()});
    if let Some(body) = answer.body {
        headers.insert("Content-Type".to_owned(), "application/json".into());
        response["body"] = body;
    }
    response["headers"] = Value::Object(headers);
    response
}

/// Inside a batch, headers are written as people write them: `Retry-After`.
fn title_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let (first, rest) = word.split_at(1.min(word.len()));
        format!("{}{rest}", first.to_uppercase())
    });
    words.collect::<Vec<_>>().join("-")
}
