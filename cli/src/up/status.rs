//! What a service says of itself, as `GET /status`.

use std::time::Duration;

use reqwest::Client;
use serde::de::DeserializeOwned;
use usher_service::Failure;

/// Services on this machine answer at once or not at all.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Reads JSON from services on this machine.
#[derive(Clone)]
pub(crate) struct Reader(Client);

impl Reader {
    pub(crate) fn new() -> Result<Self, Failure> {
        // A proxy in the environment is meant for the world outside.
        let client = Client::builder().no_proxy().timeout(ANSWER_WITHIN).build();
        client.map(Self).map_err(|e| Failure::Other(e.into()))
    }

    /// The answer to a GET; `None` if there was none that can be read.
    pub(crate) async fn get<T: DeserializeOwned>(&self, url: &str) -> Option<T> {
        let answer = self.0.get(url).send().await.ok()?.error_for_status().ok()?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }
}
