//! How Salesforce refuses: a list of one. And who may call at all, and how often.
//! <https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm>

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde_json::json;
use time::OffsetDateTime;

use super::token;
use crate::{Answer, Call, Sandbox, world::World};

/// The versions of the API that the org has.
const VERSIONS: std::ops::RangeInclusive<u32> = 46..=64;

/// A call that Salesforce refuses. Messages quote what was sent, as in life.
#[derive(Debug)]
pub(super) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
    fields: Vec<String>,
}

impl Refused {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), fields: Vec::new() }
    }

    /// Something in the body, or the body itself.
    pub(super) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// The same, about this field.
    pub(super) fn of_field(mut self, field: &str) -> Self {
        self.fields.push(field.to_owned());
        self
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    }

    fn session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    fn limit() -> Self {
        Self::new(StatusCode::FORBIDDEN, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    }

    fn locked() -> Self {
        Self::bad("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
    }

    fn answer(self) -> Answer {
        let mut error = json!({"message": self.message, "errorCode": self.code});
        if !self.fields.is_empty() {
            error["fields"] = self.fields.into();
        }
        Answer::new(self.status, json!([error]))
    }
}

/// The answer, whichever way it went, with what it says of the day's calls.
pub(super) fn settle(world: &mut World, now: OffsetDateTime, outcome: Result<Answer, Refused>) -> Answer {
    let (used, limit) = world.salesforce.usage(&world.settings.salesforce, now);
    let answer = outcome.unwrap_or_else(Refused::answer);
    answer.with("sforce-limit-info", format!("api-usage={used}/{limit}"))
}

/// A status that was ordered as a fault. A locked row is a 400, as in life.
pub(crate) fn ordered(world: &mut World, call: Call, status: StatusCode, now: OffsetDateTime) -> Answer {
    if call == Call::SalesforceToken {
        return token::ordered(status);
    }
    let refused = match status.as_u16() {
        400 => Refused::locked(),
        401 => Refused::session(),
        403 | 429 => Refused::limit(),
        404 => Refused::not_found(),
        503 => Refused::new(status, "SERVER_UNAVAILABLE", "Server unavailable"),
        _ if status.is_client_error() => {
            Refused::new(status, "UNKNOWN_EXCEPTION", "The request could not be processed.")
        }
        _ => {
            let message = "An unexpected error occurred. Please include this ErrorId if you contact support: \
                1700000000-00001 (1)";
            Refused::new(status, "UNKNOWN_EXCEPTION", message)
        }
    };
    settle(world, now, Err(refused))
}

/// Proof that the call has a good token and that the org has a call left, which this takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted;

impl FromRequestParts<Sandbox> for Admitted {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, sandbox: &Sandbox) -> Result<Self, Answer> {
        sandbox.with(|world, now| {
            let admitted = admit(world, &parts.headers, parts.uri.path(), now);
            admitted.map(|()| Self).map_err(|refused| settle(world, now, Err(refused)))
        })
    }
}

fn admit(world: &mut World, headers: &HeaderMap, path: &str, now: OffsetDateTime) -> Result<(), Refused> {
    let org = &mut world.salesforce;
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if org.tokens.get(token).is_none_or(|&until| until <= now) {
        return Err(Refused::session());
    }
    let (used, limit) = org.usage(&world.settings.salesforce, now);
    if used >= limit {
        return Err(Refused::limit());
    }
    org.calls.push_back(now);
    // `/services/data/v64.0/..`
    let version = path.split('/').nth(3).and_then(|version| version.strip_prefix('v')?.strip_suffix(".0"));
    let is_known =
        version.and_then(|number| number.parse::<u32>().ok()).is_some_and(|it| VERSIONS.contains(&it));
    if is_known { Ok(()) } else { Err(Refused::not_found()) }
}

pub(super) async fn no_such_resource(State(sandbox): State<Sandbox>) -> Answer {
    sandbox.with(|world, now| settle(world, now, Err(Refused::not_found())))
}

pub(super) async fn no_such_method(State(sandbox): State<Sandbox>) -> Answer {
    let message = "HTTP Method not allowed. Allowed are HEAD,GET,PATCH,DELETE";
    let refused = Refused::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message);
    sandbox.with(|world, now| settle(world, now, Err(refused)))
}
