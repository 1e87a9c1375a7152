//! How Stripe refuses, and who may call at all.

use axum::{
    extract::{FromRequestParts, State},
    http::{HeaderMap, Method, StatusCode, Uri, header, request::Parts},
};
use serde_json::{Map, Value, json};

use super::accounts::Realm;
use crate::{Answer, Sandbox, world::World};

/// A call that Stripe refuses.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    param: Option<String>,
    message: String,
    should_retry: Option<bool>,
}

impl Refused {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, param: None, message: message.into(), should_retry: None }
    }

    /// The request's own fault.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// A customer that isn't there: 404 if it is what was asked for, 400 if it is named in a parameter.
    pub(super) fn missing_customer(id: &str, param: &str) -> Self {
        let refused =
            Self::invalid(format!("No such customer: '{id}'")).with_code("resource_missing").at(param);
        match param {
            "id" => Self { status: StatusCode::NOT_FOUND, ..refused },
            _ => refused,
        }
    }

    pub(super) fn unknown_parameter(name: &str) -> Self {
        Self::invalid(format!("Received unknown parameter: {name}")).with_code("parameter_unknown").at(name)
    }

    pub(super) fn other_parameters(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }

    pub(super) fn key_in_use(key: &str) -> Self {
        let message =
            format!("There is currently another in-progress request using this Idempotent Key '{key}'.");
        let refused =
            Self::new(StatusCode::CONFLICT, "idempotency_error", message).with_code("idempotency_key_in_use");
        Self { should_retry: Some(true), ..refused }
    }

    fn rate_limited() -> Self {
        let message = "Request rate limit exceeded. You can learn more about rate limits here https://docs.stripe.com/rate-limits.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "invalid_request_error", message).with_code("rate_limit")
    }

    pub(super) fn internal(status: StatusCode) -> Self {
        Self::new(status, "api_error", "An unknown error occurred.")
    }

    /// A failure that is stored under its key. Stripe says then not to try again: the key could only replay it.
    pub(super) fn stuck() -> Self {
        Self { should_retry: Some(false), ..Self::internal(StatusCode::INTERNAL_SERVER_ERROR) }
    }

    fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    pub(super) fn with_code(mut self, code: &'static str) -> Self {
        self.code = Some(code);
        self
    }

    pub(super) fn at(mut self, param: &str) -> Self {
        self.param = Some(param.to_owned());
        self
    }

    pub(super) fn answer(self, request_id: &str) -> Answer {
        let mut error = Map::from_iter([
            ("message".to_owned(), Value::from(self.message)),
            (
                "request_log_url".to_owned(),
                format!("https://dashboard.stripe.com/test/logs/{request_id}").into(),
            ),
            ("type".to_owned(), self.kind.into()),
        ]);
        if let Some(code) = self.code {
            error.insert("code".to_owned(), code.into());
            error.insert("doc_url".to_owned(), format!("https://docs.stripe.com/error-codes#{code}").into());
        }
        if let Some(param) = self.param {
            error.insert("param".to_owned(), param.into());
        }
        let answer = Answer::new(self.status, json!({"error": error}));
        match self.should_retry {
            Some(should_retry) => answer.with("stripe-should-retry", should_retry),
            None => answer,
        }
    }
}

/// The answer, whichever way it went, under an id of its own.
pub(super) fn settle(world: &mut World, outcome: Result<Answer, Refused>) -> Answer {
    let request_id = world.stripe.next_request_id();
    outcome.unwrap_or_else(|refused| refused.answer(&request_id)).with("request-id", request_id)
}

/// A status that was ordered as a fault. Stripe says of some whether a retry is worth it.
pub(crate) fn ordered(world: &mut World, status: StatusCode) -> Answer {
    let mut refused = match status.as_u16() {
        401 => Refused::unauthorized("Invalid API Key provided: sk_test_********"),
        403 => {
            Refused { status, ..Refused::invalid("The provided key does not have the required permissions.") }
        }
        409 => Refused::key_in_use("ordered"),
        429 => Refused::rate_limited(),
        400..500 => Refused { status, ..Refused::invalid("The request is not valid.") },
        _ => Refused::internal(status),
    };
    if matches!(status.as_u16(), 429 | 500..) && world.chance.bool() {
        refused.should_retry = Some(true);
    }
    settle(world, Err(refused))
}

/// Proof that the call has a good key and is within the rate, and where the key leads: reads and writes are counted apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Admitted(pub(super) Realm);

impl FromRequestParts<Sandbox> for Admitted {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, sandbox: &Sandbox) -> Result<Self, Answer> {
        sandbox.with(|world, now| {
            let admitted = authenticate(world, &parts.headers).and_then(|realm| {
                let admitted = world.stripe.account(realm).admit(parts.method == Method::GET, now);
                admitted.map(|()| Self(realm)).map_err(|_| Refused::rate_limited())
            });
            admitted.map_err(|refused| settle(world, Err(refused)))
        })
    }
}

fn authenticate(world: &World, headers: &HeaderMap) -> Result<Realm, Refused> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(key) = value.and_then(|value| value.strip_prefix("Bearer ")) else {
        let message = "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
        return Err(Refused::unauthorized(message));
    };
    let realm = Realm::of_key(&world.settings.stripe, key);
    realm.ok_or_else(|| Refused::unauthorized("Invalid API Key provided: sk_test_********"))
}

pub(super) async fn no_such_url(State(sandbox): State<Sandbox>, method: Method, uri: Uri) -> Answer {
    let message = format!("Unrecognized request URL ({method}: {}).", uri.path());
    let refused = Refused { status: StatusCode::NOT_FOUND, ..Refused::invalid(message) };
    sandbox.with(|world, _| settle(world, Err(refused)))
}
