//! Whoever receives the webhook: what is sent there, and what the answers mean.

use bytes::Bytes;
use http::{Method, header::CONTENT_TYPE};
use usher_clock::Clock;
use usher_event::Event;
use usher_http::{
    Failure, FailureClass, HttpClient, Pace, QuotaUse, Request, Response, TransportError, retry_after,
};
use usher_subscriber::Ports;

use crate::{Endpoint, Probe, Secrets, WebhookSettings};

/// The `webhook-id` of a probe, which is about nobody.
const PROBE_ID: &str = "usher-probe";

/// A client of one endpoint.
pub(crate) struct Receiver {
    http: HttpClient,
    /// For the probe: it waits neither for a turn nor for calls that hang, or it could not tell in time.
    probing: HttpClient,
    pace: Pace,
    endpoint: Endpoint,
    secrets: Secrets,
    probe: Probe,
    clock: Clock,
}

impl Receiver {
    pub(crate) fn new(settings: &WebhookSettings, ports: Ports) -> Self {
        let calls = settings.webhook_calls_per_second;
        let at_once = usize::try_from(calls.get()).unwrap_or(usize::MAX);
        let http = ports.http.named("webhook").guarded(settings.webhook_allow_private.clone());
        Self {
            probing: http.clone(),
            http: http.with_connections(at_once),
            pace: Pace::per_second(calls),
            endpoint: settings.webhook_url.clone(),
            secrets: settings.webhook_secret.clone(),
            probe: settings.webhook_probe,
            clock: ports.clock,
        }
    }

    /// How much of what the receiver is to be sent a second it is sent.
    pub(crate) fn quota(&self) -> QuotaUse {
        self.pace.quota("webhook")
    }

    /// Posts the event under its own id.
    pub(crate) async fn deliver(&self, event: &Event) -> Result<(), Failure> {
        self.pace.turn().await;
        let request = self.request(Method::POST, &event.id.to_string(), event.to_json().into());
        self.check(&self.http.send(request).await?)
    }

    /// Asks whether somebody is there who takes our signature, with a request that holds no sign-up. `OPTIONS`, since it
    /// has no effect anywhere: most endpoints know nothing but POST, and answer 404 or 405, which is an answer.
    pub(crate) async fn probe(&self) -> Result<(), Failure> {
        let request = self.request(Method::OPTIONS, PROBE_ID, Bytes::new());
        let answer = self.probing.send_with_retries(request).await.map_err(unprobed)?;
        match self.check(&answer) {
            Err(failure) if self.is_there(&failure) => Ok(()),
            answer => answer,
        }
    }

    fn is_there(&self, failure: &Failure) -> bool {
        match failure.class {
            FailureClass::Refused => true,
            FailureClass::Unauthorized => {
                self.probe == Probe::Any && matches!(failure.status, Some(401 | 403))
            }
            FailureClass::Transient | FailureClass::Unreachable => false,
        }
    }

    fn request(&self, method: Method, id: &str, body: Bytes) -> Request {
        let timestamp = self.clock.now().unix_timestamp();
        http::Request::builder()
            .method(method)
            .uri(self.endpoint.url().as_str())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", self.secrets.sign(id, timestamp, &body))
            .body(body)
            .expect("a URL, an id, a number and base64 are valid in a request")
    }

    fn check(&self, response: &Response) -> Result<(), Failure> {
        let status = response.status().as_u16();
        let Some((class, code)) = meaning(status) else { return Ok(()) };
        let wait = retry_after(response.headers(), self.clock.now());
        Err(Failure::status(class, status).with_code(code).with_retry_after(wait))
    }
}

/// Why nobody was asked. An address that may not be called is a setting to mend; of a message it would say too much, which
/// is dead-lettered for a refusal where the probe passes.
fn unprobed(error: TransportError) -> Failure {
    match error {
        TransportError::Forbidden => Failure { class: FailureClass::Unauthorized, ..Failure::from(error) },
        error => error.into(),
    }
}

/// What each answer means; `None`: it is delivered. Nothing is read of a body: it is anybody's words.
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#deliverability-and-reliability>
fn meaning(status: u16) -> Option<(FailureClass, Option<&'static str>)> {
    use FailureClass::{Refused, Transient, Unauthorized};
    match status {
        200..=299 => None,
        // Not followed: it would lead to where nobody has looked. The endpoint has moved, and the setting has not.
        300..=399 => Some((Unauthorized, Some("redirect"))),
        // Our signature is not taken.
        401 | 403 => Some((Unauthorized, None)),
        // Too slow, too early, too many.
        408 | 425 | 429 | 500..=599 => Some((Transient, None)),
        // Wants no more of them.
        410 => Some((Refused, Some("gone"))),
        _ => Some((Refused, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_answer_means_what_its_row_says() {
        use FailureClass::{Refused, Transient, Unauthorized};
        for (status, means) in [
            (200, None),
            (201, None),
            (202, None),
            (204, None),
            (299, None),
            (301, Some((Unauthorized, Some("redirect")))),
            (302, Some((Unauthorized, Some("redirect")))),
            (304, Some((Unauthorized, Some("redirect")))),
            (307, Some((Unauthorized, Some("redirect")))),
            (308, Some((Unauthorized, Some("redirect")))),
            (400, Some((Refused, None))),
            (401, Some((Unauthorized, None))),
            (403, Some((Unauthorized, None))),
            (404, Some((Refused, None))),
            (405, Some((Refused, None))),
            (408, Some((Transient, None))),
            (409, Some((Refused, None))),
            (410, Some((Refused, Some("gone")))),
            (413, Some((Refused, None))),
            (422, Some((Refused, None))),
            (425, Some((Transient, None))),
            (429, Some((Transient, None))),
            (500, Some((Transient, None))),
            (502, Some((Transient, None))),
            (503, Some((Transient, None))),
            (504, Some((Transient, None))),
            (599, Some((Transient, None))),
        ] {
            assert_eq!(meaning(status), means, "{status}");
        }
    }
}
