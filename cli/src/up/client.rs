//! Questions and orders to services on this machine, over HTTP.

use std::time::Duration;

use reqwest::Response;
use serde::de::DeserializeOwned;
use serde_json::Value;
use usher_service::Failure;

/// Services on this machine answer at once or not at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A client of services on this machine.
#[derive(Clone)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    pub(crate) fn new() -> Result<Self, Failure> {
        // A proxy in the environment is meant for the world outside.
        let client = reqwest::Client::builder().no_proxy().timeout(ANSWER_WITHIN).build();
        client.map(Self).map_err(|e| Failure::Other(e.into()))
    }

    /// The answer to a GET, in JSON; `None` if there was none that can be read.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: &str) -> Option<T> {
        let answer = self.0.get(url).send().await.ok()?.error_for_status().ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    /// Gives the stand-ins an order.
    ///
    /// # Errors
    /// If they can't be reached, or don't know such an order.
    pub(crate) async fn order(&self, control: &str, order: &Value) -> Result<(), Failure> {
        let sent = self.0.post(format!("{control}/_control")).body(order.to_string()).send().await;
        sent.and_then(Response::error_for_status).map(drop).map_err(|error| {
            let why = error.status().map_or_else(|| "no answer".to_owned(), |status| status.to_string());
            Failure::Unavailable(format!("the stand-ins don't take an order ({why})"))
        })
    }
}
