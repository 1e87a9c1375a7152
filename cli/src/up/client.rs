//! Questions and orders to services on this machine, over HTTP.

use std::time::Duration;

use reqwest::Response;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use usher_service::Failure;

/// Services on this machine answer at once or not at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A client of services on this machine.
#[derive(Clone)]
pub(crate) struct Client(reqwest::Client);

/// Why the stand-ins don't do what they are told.
#[derive(Deserialize)]
struct Refused {
    error: String,
}

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
        self.give(control, order).await.map(drop)
    }

    /// Gives the stand-ins an order; returns what they answer.
    ///
    /// # Errors
    /// As [`Client::order`].
    pub(crate) async fn ask<T: DeserializeOwned>(&self, control: &str, order: &Value) -> Result<T, Failure> {
        let answer = self.give(control, order).await?.bytes().await.map_err(|_| unheard("no answer"))?;
        serde_json::from_slice(&answer).map_err(|_| unheard("an answer that can't be read"))
    }

    async fn give(&self, control: &str, order: &Value) -> Result<Response, Failure> {
        let sent = self.0.post(format!("{control}/_control")).body(order.to_string()).send().await;
        let answer = sent.map_err(|_| unheard("no answer"))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let why = answer.bytes().await.unwrap_or_default();
        match serde_json::from_slice(&why) {
            // What is ordered concerns something that isn't there.
            Ok(Refused { error }) if status == reqwest::StatusCode::NOT_FOUND => {
                Err(Failure::Negative(error))
            }
            _ => Err(unheard(status.as_str())),
        }
    }
}

fn unheard(why: &str) -> Failure {
    Failure::Unavailable(format!("the stand-ins don't take an order ({why})"))
}
