//! Quick retries, for requests that may be repeated without harm.
//!
//! They bridge a dropped connection or a proxy that restarts. Anything longer is the caller's to wait out:
//! it knows what it holds up meanwhile.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use http::{StatusCode, header::RETRY_AFTER};
use tokio::time::timeout;

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
        let attempt = || async { self.send(request.clone()).await.map_or_else(worth_another, settle) };
        let policy = ExponentialBuilder::new().with_min_delay(FIRST_WAIT).with_max_times(RETRIES).with_jitter();
        let attempts = attempt.retry(policy).when(|ended| ended.again);
        let ended = timeout(self.timeout, attempts.into_future()).await;
        ended.unwrap_or(Ok(Err(TransportError::Timeout))).unwrap_or_else(|ended| ended.answer)
    }
}

/// An attempt that may not have been the last.
struct Ended {
    answer: Result<Response, TransportError>,
    again: bool,
}

fn worth_another(error: TransportError) -> Result<Result<Response, TransportError>, Ended> {
    let again = matches!(error, TransportError::Connect | TransportError::Broken);
    Err(Ended { answer: Err(error), again })
}

fn settle(response: Response) -> Result<Result<Response, TransportError>, Ended> {
    let passing = matches!(
        response.status(),
        StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT
    );
    if passing && !response.headers().contains_key(RETRY_AFTER) {
        return Err(Ended { answer: Ok(response), again: true });
    }
    Ok(Ok(response))
}

#[cfg(test)]
mod tests;
