//! Quick retries, for requests that may be repeated without harm.
//!
//! They bridge a dropped connection or a proxy that restarts. Anything longer is the caller's to wait out:
//! it knows what it holds up meanwhile.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};
use http::{StatusCode, header::RETRY_AFTER};
use tokio::time::{sleep, timeout};

use crate::{HttpClient, Request, Response, TransportError};

/// Three attempts in all.
const RETRIES: usize = 2;
/// The first wait: long enough for a connection to be set up anew. Each is jittered and doubles.
const FIRST_WAIT: Duration = Duration::from_millis(100);

impl HttpClient {
    /// Sends a request and, if its method is safe (GET, HEAD), tries again at once when the connection fails
    /// or a gateway answers 502, 503 or 504. All attempts together take no longer than one call may. An
    /// answer that says when to come back is returned as it is; so is the last one.
    ///
    /// # Errors
    /// As [`HttpClient::send`], for the last attempt.
    pub async fn send_with_retries(&self, request: Request) -> Result<Response, TransportError> {
        if !request.method().is_safe() {
            return self.send(request).await;
        }
        let _place = self.place().await;
        let attempts = self.attempts(request);
        timeout(self.timeout, attempts).await.unwrap_or(Err(TransportError::Timeout))
    }

    async fn attempts(&self, request: Request) -> Result<Response, TransportError> {
        let policy =
            ExponentialBuilder::new().with_min_delay(FIRST_WAIT).with_max_times(RETRIES).with_jitter();
        let mut waits = policy.build();
        let mut resent = 0;
        loop {
            let answer = self.attempt(request.clone(), resent).await;
            match waits.next() {
                Some(wait) if is_passing(&answer) => sleep(wait).await,
                _ => return answer,
            }
            resent += 1;
        }
    }
}

/// Whether a moment may be all it takes.
fn is_passing(answer: &Result<Response, TransportError>) -> bool {
    match answer {
        Ok(response) => {
            let gateway = matches!(
                response.status(),
                StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
            );
            gateway && !response.headers().contains_key(RETRY_AFTER)
        }
        Err(error) => matches!(error, TransportError::Connect | TransportError::Broken),
    }
}

#[cfg(test)]
mod tests;
