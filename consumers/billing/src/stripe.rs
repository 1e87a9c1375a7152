//! Stripe's API, as far as billing speaks it, and what its answers mean.

use std::{fmt, time::Duration};

use bytes::Bytes;
use http::{Method, header};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use thiserror::Error;
use usher_clock::Clock;
use usher_http::{
    BaseUrl, Failure, FailureClass, HttpClient, Pace, Request, Response, TransportError, retry_after,
};

use crate::customer::{Customer, NewCustomer};

/// How many customers with one address are looked at. More than a handful is a shop's test data.
const LISTED: &str = "100";

/// A client of Stripe's customers.
pub(crate) struct Stripe {
    http: HttpClient,
    base: BaseUrl,
    key: SecretString,
    pace: Pace,
    clock: Clock,
}

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

#[derive(Deserialize)]
struct List {
    data: Vec<Customer>,
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

impl Stripe {
    pub(crate) fn new(http: HttpClient, base: BaseUrl, key: SecretString, pace: Pace, clock: Clock) -> Self {
        Self { http, base, key, pace, clock }
    }

    /// Asks for one customer, any: shows that Stripe is there and takes our key.
    pub(crate) async fn probe(&self) -> Result<(), StripeError> {
        self.get::<List>("/v1/customers", &[("limit", "1")]).await.map(drop)
    }

    /// The customer with this id; `None` if there is none or it was deleted.
    pub(crate) async fn customer(&self, id: &str) -> Result<Option<Customer>, StripeError> {
        if !is_id(id) {
            return Ok(None);
        }
        match self.get::<Customer>(&format!("/v1/customers/{id}"), &[]).await {
            Ok(customer) => Ok(Some(customer).filter(|customer| !customer.deleted)),
            Err(StripeError::Answer(Answer { status: 404, .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Those that a search finds. It lags behind by a minute, by an hour in an outage of Stripe's.
    pub(crate) async fn search(&self, query: &str) -> Result<Vec<Customer>, StripeError> {
        Ok(self.get::<List>("/v1/customers/search", &[("query", query)]).await?.data)
    }

    /// Those with exactly this address. Does not lag.
    pub(crate) async fn list_by_email(&self, email: &str) -> Result<Vec<Customer>, StripeError> {
        Ok(self.get::<List>("/v1/customers", &[("email", email), ("limit", LISTED)]).await?.data)
    }

    /// Creates a customer, once for each key.
    pub(crate) async fn create(&self, new: &NewCustomer, key: &str) -> Result<Customer, StripeError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(new.form()).finish();
        let request = self
            .request(Method::POST, "/v1/customers", &[])
            .header("idempotency-key", key)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .expect("a key of letters, digits and hyphens is a valid header");
        self.read(&self.call(request).await?)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> Result<T, StripeError> {
        let request =
            self.request(Method::GET, path, query).body(Bytes::new()).expect("nothing in it can be invalid");
        self.read(&self.call(request).await?)
    }

    /// Every call waits for its turn. Only reads are tried again at once.
    async fn call(&self, request: Request) -> Result<Response, TransportError> {
        self.pace.turn().await;
        self.http.send_with_retries(request).await
    }

    fn read<T: DeserializeOwned>(&self, response: &Response) -> Result<T, StripeError> {
        if response.status().is_success() {
            // Cut short or not JSON: the effect may be there, and the next attempt will find it.
            return serde_json::from_slice(response.body()).map_err(|_| StripeError::Unreadable);
        }
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        // A proxy's error has no body of Stripe's: then the status alone decides.
        let ErrorBody { error } = serde_json::from_slice(response.body()).unwrap_or_default();
        Err(StripeError::Answer(Answer {
            status: response.status().as_u16(),
            kind: error.kind,
            code: error.code,
            should_retry: text("stripe-should-retry").and_then(|value| value.parse().ok()),
            retry_after: retry_after(response.headers(), self.clock.now()),
            replayed: text("idempotent-replayed") == Some("true"),
        }))
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> http::request::Builder {
        http::Request::builder()
            .method(method)
            .uri(self.base.join(path, query.iter().copied()).as_str())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key.expose_secret()))
    }
}

impl StripeError {
    /// Whose fault it is.
    pub(crate) fn failure(&self) -> Failure {
        match self {
            Self::Transport(error) => (*error).into(),
            Self::Answer(answer) => Failure::status(class(answer), answer.status)
                .with_code(answer.code.as_deref().or(answer.kind.as_deref()))
                .with_retry_after(answer.retry_after),
            Self::Unreadable => Failure::named(FailureClass::Transient, "unreadable answer"),
        }
    }

    /// The setting to mend if a probe fails like this: anybody may list customers, so whoever refuses even that is
    /// not Stripe, unless it is the key that is refused.
    pub(crate) fn setting(&self) -> &'static str {
        match self.failure().class {
            FailureClass::Refused => "STRIPE_API_BASE",
            _ => "STRIPE_SECRET_KEY",
        }
    }

    /// Whether the idempotency key can only repeat itself: it stores a failure, or was used with other parameters.
    pub(crate) fn key_is_spent(&self) -> bool {
        match self {
            Self::Answer(answer) => {
                let other_parameters =
                    answer.status == 400 && answer.kind.as_deref() == Some("idempotency_error");
                other_parameters || (answer.replayed && answer.status >= 500)
            }
            _ => false,
        }
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

/// What stood on a user goes into a path only if it can be an id.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;
