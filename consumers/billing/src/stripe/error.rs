//! What Stripe's answers mean: one table.

use std::{fmt, time::Duration};

use serde::Deserialize;
use thiserror::Error;
use usher_clock::Clock;
use usher_http::{Failure, FailureClass, Response, TransportError, retry_after};
use usher_subscriber::Outcome;

/// A call that did not do what was asked.
#[derive(Debug, Error)]
pub(crate) enum StripeError {
    /// No answer.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An answer that is an error.
    #[error("Stripe answered {0}")]
    Answer(Answer),
    /// An answer that can't be read.
    #[error("Stripe's answer can't be read")]
    Unreadable,
    /// Test where we are live, or live where we are not.
    #[error("Stripe's answer is of another mode than the key")]
    OtherMode,
}

/// An error as Stripe answers it; the message is left out, it can quote what was sent.
#[derive(Debug)]
pub(crate) struct Answer {
    status: u16,
    /// `idempotency_error`, `invalid_request_error`, ...
    kind: Option<String>,
    /// `email_invalid`, `rate_limit`, ...
    code: Option<String>,
    should_retry: Option<bool>,
    retry_after: Option<Duration>,
    /// The stored answer to an earlier request with the same key.
    replayed: bool,
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.status.fmt(f)
    }
}

#[derive(Default, Deserialize)]
struct ErrorBody {
    error: ErrorObject,
}

#[derive(Default, Deserialize)]
struct ErrorObject {
    #[serde(rename = "type")]
    kind: Option<String>,
    code: Option<String>,
}

impl StripeError {
    /// What an answer is that is no success.
    pub(super) fn answered(response: &Response, clock: Clock) -> Self {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        // A proxy's error has no body of Stripe's: then the status alone decides.
        let ErrorBody { error } = serde_json::from_slice(response.body()).unwrap_or_default();
        Self::Answer(Answer {
            status: response.status().as_u16(),
            kind: error.kind,
            code: error.code,
            should_retry: text("stripe-should-retry").and_then(|value| value.parse().ok()),
            retry_after: retry_after(response.headers(), clock.now()),
            replayed: text("idempotent-replayed") == Some("true"),
        })
    }

    /// Whose fault it is.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Transport(error) => (*error).into(),
            Self::Answer(answer) => Failure::status(class(answer), answer.status)
                .with_code(answer.code.as_deref().or(answer.kind.as_deref()))
                .with_retry_after(answer.retry_after),
            Self::Unreadable => Failure::named(FailureClass::Transient, "unreadable answer"),
            Self::OtherMode => {
                Failure::named(FailureClass::Unauthorized, "livemode is not what the key says")
            }
        }
    }

    /// The setting to mend if a probe fails like this: anybody may list customers, so whoever refuses even that is
    /// not Stripe, unless it is the key that is refused. `keys` is the setting that holds them.
    pub(crate) fn setting(&self, keys: &'static str) -> &'static str {
        match self.failure().class {
            FailureClass::Refused => "STRIPE_API_BASE",
            _ => keys,
        }
    }

    /// Whether there is no such customer.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Answer(Answer { status: 404, .. }))
    }

    /// Whether the idempotency key can only repeat itself: it stores a failure, or was used with other parameters.
    pub(crate) fn key_is_spent(&self) -> bool {
        self.is_stored_failure() || self.is_of_other_parameters()
    }

    /// Whether this is a failure that is stored under the idempotency key.
    pub(crate) fn is_stored_failure(&self) -> bool {
        matches!(self, Self::Answer(Answer { replayed: true, status: 500.., .. }))
    }

    /// Whether the idempotency key was used with other parameters.
    pub(crate) fn is_of_other_parameters(&self) -> bool {
        let Self::Answer(Answer { status: 400, kind: Some(kind), .. }) = self else { return false };
        kind == "idempotency_error"
    }
}

impl From<StripeError> for Outcome {
    fn from(error: StripeError) -> Self {
        Self::failed("Stripe", error.failure())
    }
}

/// What each of Stripe's answers means: its status, and its own word where it asks for a retry.
fn class(answer: &Answer) -> FailureClass {
    match (answer.status, answer.should_retry) {
        (401 | 403, _) => FailureClass::Unauthorized,
        // "Don't retry" speaks of the key there, which can only replay its answer: `create` sees to that.
        (409 | 429 | 500..=599, _) | (_, Some(true)) => FailureClass::Transient,
        (_, Some(false) | None) => FailureClass::Refused,
    }
}
