//! What all of Graph has in common: who calls, how it refuses, which query options it takes.

use std::{collections::BTreeMap, time::Duration};

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, StatusCode, Uri, header, request::Parts},
};
use serde_json::json;
use time::{OffsetDateTime, macros::format_description};
use url::form_urlencoded;
use uuid::Uuid;

use crate::{
    Answer, Sandbox,
    world::{World, random_uuid},
};

/// A call that Graph refuses.
#[derive(Debug, PartialEq)]
pub(crate) struct Refused {
    pub(super) status: StatusCode,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) retry_after: Option<Duration>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
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
        let body = json!({"error": {
            "code": self.code,
            "message": self.message,
            "innerError": {
                "date": now.format(format).unwrap_or_default(),
                "request-id": request_id,
                "client-request-id": request_id,
            },
        }});
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
        403 => Refused::new(
            status,
            "Authorization_RequestDenied",
            "Insufficient privileges to complete the operation.",
        ),
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
