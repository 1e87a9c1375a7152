//! How Mailchimp refuses: `application/problem+json`, RFC 7807. And who may call at all.
//! <https://mailchimp.com/developer/marketing/docs/errors/>

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::{
    Answer, Sandbox,
    world::{World, random_uuid},
};

/// A call that Mailchimp refuses.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    title: &'static str,
    detail: String,
    /// Which field is wrong and why, if it is one.
    fields: Vec<(String, String)>,
}

impl Problem {
    fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), fields: Vec::new() }
    }

    /// A body that says what this list does not take.
    pub(super) fn invalid_field(field: impl Into<String>, message: impl Into<String>) -> Self {
        let detail = "The resource submitted could not be validated. For field-specific details, see the 'errors' array.";
        let fields = vec![(field.into(), message.into())];
        Self { fields, ..Self::invalid(detail) }
    }

    /// An address that Mailchimp does not write to.
    pub(super) fn fake(email: &str) -> Self {
        Self::invalid(format!("{email} looks fake or invalid, please enter a real email address."))
    }

    fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Invalid Resource", detail)
    }

    pub(super) fn bad_json() -> Self {
        let detail = "We encountered an unspecified JSON parsing error.";
        Self::new(StatusCode::BAD_REQUEST, "JSONParseError", detail)
    }

    pub(super) fn compliance_state(email: &str) -> Self {
        let detail = format!(
            "{email} is in a compliance state due to unsubscribe, bounce, or compliance review and cannot be subscribed."
        );
        Self::new(StatusCode::BAD_REQUEST, "Member In Compliance State", detail)
    }

    pub(super) fn forgotten(email: &str) -> Self {
        let detail = format!(
            "{email} was permanently deleted and cannot be re-imported. The contact must re-subscribe to get back on the list."
        );
        Self::new(StatusCode::BAD_REQUEST, "Forgotten Email Not Subscribed", detail)
    }

    pub(super) fn not_found() -> Self {
        let detail = "The requested resource could not be found.";
        Self::new(StatusCode::NOT_FOUND, "Resource Not Found", detail)
    }

    pub(super) fn too_many_connections() -> Self {
        let detail = "You have exceeded the limit of 10 simultaneous connections.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", detail)
    }

    fn bad_key(title: &'static str) -> Self {
        let detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter.";
        Self::new(StatusCode::UNAUTHORIZED, title, detail)
    }

    pub(super) fn answer(self, chance: &mut fastrand::Rng) -> Answer {
        let mut body = json!({
            "type": "https://mailchimp.com/developer/marketing/docs/errors/",
            "title": self.title,
            "status": self.status.as_u16(),
            "detail": self.detail,
            "instance": random_uuid(chance),
        });
        if !self.fields.is_empty() {
            let field = |(field, message): &(String, String)| json!({"field": field, "message": message});
            body["errors"] = self.fields.iter().map(field).collect::<Vec<Value>>().into();
        }
        Answer::new(self.status, body).with("content-type", "application/problem+json; charset=utf-8")
    }
}

/// The answer, whichever way it went.
pub(super) fn settle(world: &mut World, outcome: Result<Answer, Problem>) -> Answer {
    outcome.unwrap_or_else(|problem| problem.answer(&mut world.chance))
}

/// A status that was ordered as a fault.
pub(crate) fn ordered(world: &mut World, status: StatusCode) -> Answer {
    let problem = match status.as_u16() {
        401 => Problem::bad_key("API Key Invalid"),
        403 => {
            let detail = "User does not have access to the requested operation";
            Problem::new(status, "User action not permitted", detail)
        }
        404 => Problem::not_found(),
        429 => Problem::too_many_connections(),
        400..500 => Problem::new(status, "Bad Request", "Your request could not be processed."),
        _ => Problem::new(
            status,
            "Internal Server Error",
            "An unexpected internal error has occurred. Please contact Support for more information.",
        ),
    };
    problem.answer(&mut world.chance)
}

/// Proof that the call has a good key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Authenticated;

impl FromRequestParts<Sandbox> for Authenticated {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, sandbox: &Sandbox) -> Result<Self, Answer> {
        sandbox.with(|world, _| {
            let known = authenticate(world, &parts.headers);
            known.map(|()| Self).map_err(|problem| problem.answer(&mut world.chance))
        })
    }
}

/// Basic authentication: any user name, the key as the password.
fn authenticate(world: &World, headers: &HeaderMap) -> Result<(), Problem> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let encoded = value.and_then(|value| value.strip_prefix("Basic "));
    let encoded = encoded.ok_or_else(|| Problem::bad_key("API Key Missing"))?;
    let decoded = BASE64_STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let key = decoded.as_deref().and_then(|pair| pair.split_once(':')).map(|(_, key)| key);
    let is_known = |key: &str| world.settings.mailchimp.keys.iter().any(|known| known.expose_secret() == key);
    if key.is_some_and(is_known) { Ok(()) } else { Err(Problem::bad_key("API Key Invalid")) }
}

pub(super) async fn no_such_resource(State(sandbox): State<Sandbox>) -> Answer {
    sandbox.with(|world, _| settle(world, Err(Problem::not_found())))
}

pub(super) async fn no_such_method(State(sandbox): State<Sandbox>) -> Answer {
    let detail = "The requested method and resource are not compatible. See the Allow header for this resource's available methods.";
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", detail);
    sandbox.with(|world, _| settle(world, Err(problem)))
}
