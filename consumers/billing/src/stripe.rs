//! Stripe's API, as far as billing speaks it. What its answers mean is a table of its own, in `error.rs`.

mod error;

use bytes::Bytes;
use http::{Method, header};
use serde::{Deserialize, de::DeserializeOwned};
use usher_clock::Clock;
use usher_http::{BaseUrl, HttpClient, Pace, QuotaUse, Request, Response, TransportError};

use crate::{
    SecretKey,
    customer::{Customer, NewCustomer},
};
pub(crate) use error::StripeError;

/// How many customers with one address are looked at. More than a handful is a shop's test data.
const LISTED: &str = "100";

/// A client of the customers in one account.
pub(crate) struct Stripe {
    http: HttpClient,
    base: BaseUrl,
    key: SecretKey,
    pace: Pace,
    clock: Clock,
}

#[derive(Deserialize)]
struct List {
    data: Vec<Customer>,
}

impl Stripe {
    pub(crate) fn new(http: HttpClient, base: BaseUrl, key: SecretKey, pace: Pace, clock: Clock) -> Self {
        Self { http: http.named("stripe"), base, key, pace, clock }
    }

    /// How much of the account's calls is used.
    pub(crate) fn quota(&self) -> QuotaUse {
        self.pace.quota("stripe")
    }

    /// Asks for one customer, any: shows that Stripe is there, takes our key, and is of its mode. An account without
    /// customers does not tell the last.
    pub(crate) async fn probe(&self) -> Result<(), StripeError> {
        let List { data } = self.get("/v1/customers", &[("limit", "1")]).await?;
        data.into_iter().try_for_each(|customer| self.of_our_mode(customer).map(drop))
    }

    /// The customer with this id; `None` if there is none of our mode or it was deleted.
    pub(crate) async fn customer(&self, id: &str) -> Result<Option<Customer>, StripeError> {
        if !is_id(id) {
            return Ok(None);
        }
        match self.get::<Customer>(&format!("/v1/customers/{id}"), &[]).await {
            Ok(customer) => Ok(Some(customer).filter(|customer| self.is_there(customer))),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Those that a search finds. It lags behind by a minute, by an hour in an outage of Stripe's.
    pub(crate) async fn search(&self, query: &str) -> Result<Vec<Customer>, StripeError> {
        self.list("/v1/customers/search", &[("query", query)]).await
    }

    /// Those with exactly this address. Does not lag.
    pub(crate) async fn list_by_email(&self, email: &str) -> Result<Vec<Customer>, StripeError> {
        self.list("/v1/customers", &[("email", email), ("limit", LISTED)]).await
    }

    /// Creates a customer, once for each key.
    pub(crate) async fn create(&self, new: &NewCustomer, key: &str) -> Result<Customer, StripeError> {
        self.post("/v1/customers", &new.form(), key).await
    }

    /// Changes a customer, once for each key.
    pub(crate) async fn update(
        &self,
        id: &str,
        changes: &[(String, &str)],
        key: &str,
    ) -> Result<Customer, StripeError> {
        if !is_id(id) {
            return Err(StripeError::Unreadable);
        }
        self.post(&format!("/v1/customers/{id}"), changes, key).await
    }

    async fn post(&self, path: &str, form: &[(String, &str)], key: &str) -> Result<Customer, StripeError> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .request(Method::POST, path, &[])
            .header("idempotency-key", key)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .expect("a key of letters, digits and hyphens is a valid header");
        self.of_our_mode(self.read(&self.call(request).await?)?)
    }

    async fn list(&self, path: &str, query: &[(&str, &str)]) -> Result<Vec<Customer>, StripeError> {
        let List { mut data } = self.get(path, query).await?;
        data.retain(|customer| self.is_there(customer));
        Ok(data)
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
        Err(StripeError::answered(response, self.clock))
    }

    /// A customer that counts: a deleted one and one of the other mode are not there for us.
    fn is_there(&self, customer: &Customer) -> bool {
        !customer.deleted && self.is_of_our_mode(customer)
    }

    fn is_of_our_mode(&self, customer: &Customer) -> bool {
        customer.livemode.is_none_or(|live| live == self.key.mode().is_live())
    }

    fn of_our_mode(&self, customer: Customer) -> Result<Customer, StripeError> {
        if self.is_of_our_mode(&customer) { Ok(customer) } else { Err(StripeError::OtherMode) }
    }

    fn request(&self, method: Method, path: &str, query: &[(&str, &str)]) -> http::request::Builder {
        http::Request::builder()
            .method(method)
            .uri(self.base.join(path, query.iter().copied()).as_str())
            .header(header::AUTHORIZATION, format!("Bearer {}", self.key.expose()))
    }
}

/// What stood on a user goes into a path only if it can be an id.
fn is_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests;
