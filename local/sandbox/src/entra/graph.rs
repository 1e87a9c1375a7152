//! What all of Graph has in common: who calls, how it refuses, which query options it takes.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, StatusCode, Uri, header, request::Parts},
};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, macros::format_description};
use url::form_urlencoded;
use uuid::Uuid;

use super::token::GRAPH;
use crate::{
    Answer, Permission, Sandbox,
    world::{World, random_uuid},
};

/// A call that Graph refuses.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    /// What is wrong with which property, if it is one.
    detail: Option<(&'static str, &'static str)>,
    pub(super) retry_after: Option<Duration>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), detail: None, retry_after: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// A value that one property can't have.
    pub(super) fn of_property(code: &'static str, property: &'static str, message: &str) -> Self {
        let refused = Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message);
        Self { detail: Some((code, property)), ..refused }
    }

    pub(super) fn unknown_property(name: &str, of: &str) -> Self {
        Self::bad_request(format!(
            "Parsing OData Select and Expand failed: Could not find a property named '{name}' on type 'microsoft.graph.{of}'."
        ))
    }

    pub(super) fn forbidden() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message)
    }

    pub(super) fn throttled(retry_after: Option<Duration>) -> Self {
        let message = "This request is throttled. Please try again after the value specified in the Retry-After header.";
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", message) }
    }

    fn unauthenticated(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    fn answer(self, chance: &mut fastrand::Rng, now: OffsetDateTime) -> Answer {
        let request_id = random_uuid(chance);
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]");
        let mut body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": now.format(format).unwrap_or_default(),
                "request-id": request_id,
                "client-request-id": request_id,
            },
        }});
        if let Some((code, target)) = self.detail {
            body["error"]["details"] = json!([{"code": code, "message": self.message, "target": target}]);
        }
        let answer = Answer::new(self.status, body).with("request-id", request_id);
        match self.retry_after {
            // Whole seconds, rounded up: an answer must not invite too early.
            Some(after) => answer.with("retry-after", after.as_secs_f64().ceil()),
            None => answer,
        }
    }
}

/// The answer, whichever way it went.
pub(super) fn settle(world: &mut World, now: OffsetDateTime, outcome: Result<Answer, Refused>) -> Answer {
    outcome.unwrap_or_else(|refused| refused.answer(&mut world.chance, now))
}

/// A status that was ordered as a fault.
pub(crate) fn ordered(world: &mut World, status: StatusCode, now: OffsetDateTime) -> Answer {
    let refused = match status.as_u16() {
        401 => Refused::unauthenticated("Access token validation failure."),
        403 => Refused::forbidden(),
        409 => Refused::new(status, "Request_Conflict", "Concurrent requests changed the same object."),
        429 => Refused::throttled(often(&mut world.chance, Duration::from_secs(2))),
        503 => Refused::new(status, "ServiceUnavailable", "The service is temporarily unavailable."),
        400..500 => Refused::new(status, "Request_BadRequest", "The request is not valid."),
        _ => Refused::new(status, "InternalServerError", "An internal server error occurred."),
    };
    settle(world, now, Err(refused))
}

/// Throttled answers usually say how long to wait, but not always.
pub(super) fn often(chance: &mut fastrand::Rng, after: Duration) -> Option<Duration> {
    (chance.u8(0..4) > 0).then_some(after)
}

/// The app that calls, by its bearer token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller(pub(super) Uuid);

impl Caller {
    /// Whether an administrator has consented to one of these permissions.
    pub(super) fn needs(self, world: &World, one_of: &[Permission]) -> Result<(), Refused> {
        let app = world.settings.apps.iter().find(|app| app.id == self.0);
        let may = app.is_some_and(|app| one_of.iter().any(|needed| app.permissions.contains(needed)));
        if may { Ok(()) } else { Err(Refused::forbidden()) }
    }
}

impl FromRequestParts<Sandbox> for Caller {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, sandbox: &Sandbox) -> Result<Self, Answer> {
        sandbox.with(|world, now| {
            authenticate(world, &parts.headers, now).map_err(|refused| refused.answer(&mut world.chance, now))
        })
    }
}

fn authenticate(world: &World, headers: &HeaderMap, now: OffsetDateTime) -> Result<Caller, Refused> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = value.and_then(|value| value.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| Refused::unauthenticated("Access token is empty."))?;
    let token = world.tenant.tokens.get(token);
    let token = token.ok_or_else(|| Refused::unauthenticated("CompactToken parsing failed."))?;
    if token.resource != GRAPH {
        return Err(Refused::unauthenticated("Access token validation failure. Invalid audience."));
    }
    if token.expires_at <= now {
        return Err(Refused::unauthenticated("Lifetime validation failed, the token is expired."));
    }
    Ok(Caller(token.client))
}

/// The query options, each at most once and only those `allowed`.
pub(super) fn query_options(query: &str, allowed: &[&str]) -> Result<BTreeMap<String, String>, Refused> {
    let mut options = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        if !allowed.contains(&name.as_str()) {
            return Err(Refused::bad_request(format!("The query parameter '{name}' is not supported.")));
        }
        if options.insert(name.clone(), value).is_some() {
            return Err(Refused::bad_request(format!("Query option '{name}' was specified more than once.")));
        }
    }
    Ok(options)
}

/// An object, whole or as `$select` asks for it.
pub(super) fn select(object: Value, of: &str, query: &str) -> Result<Answer, Refused> {
    let options = query_options(query, &["$select"])?;
    let (Some(select), Some(all)) = (options.get("$select"), object.as_object()) else {
        return Ok(Answer::ok(object));
    };
    let mut selected = Map::new();
    for name in select.split(',').map(str::trim) {
        let value = all.get(name).ok_or_else(|| Refused::unknown_property(name, of))?;
        selected.insert(name.to_owned(), value.clone());
    }
    Ok(Answer::ok(Value::Object(selected)))
}

/// A body of JSON, declared as such.
pub(super) fn json_body(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refused> {
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(Refused::bad_request(
            "A missing or unsupported content type header was found when trying to read a message.",
        ));
    }
    serde_json::from_slice(body).map_err(|_| Refused::bad_request("Unable to read JSON request payload."))
}

/// Scheme and authority under which the caller reached us, for links that it will follow.
pub(super) fn base_url(uri: &Uri, headers: &HeaderMap) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(|authority| authority.as_str()).or(host);
    format!("{scheme}://{}", authority.unwrap_or("localhost"))
}

pub(super) async fn no_such_resource(State(sandbox): State<Sandbox>, uri: Uri) -> Answer {
    let segment = uri.path().rsplit('/').next().unwrap_or_default();
    let refused = Refused::bad_request(format!("Resource not found for the segment '{segment}'."));
    sandbox.with(|world, now| settle(world, now, Err(refused)))
}

pub(super) async fn no_such_method(State(sandbox): State<Sandbox>) -> Answer {
    let message = "Specified HTTP method is not allowed for the request target.";
    let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "Request_BadRequest", message);
    sandbox.with(|world, now| settle(world, now, Err(refused)))
}
