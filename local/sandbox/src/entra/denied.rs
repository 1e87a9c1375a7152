//! The errors of the token endpoint, with the numbers of the Microsoft identity platform's list (AADSTS...).
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use axum::http::StatusCode;
use serde_json::json;
use time::{OffsetDateTime, macros::format_description};

use crate::{
    Answer,
    world::{World, random_uuid},
};

/// An error of the token endpoint.
#[derive(Debug)]
pub(crate) struct Denied {
    status: StatusCode,
    error: &'static str,
    code: u32,
    message: String,
}

impl Denied {
    pub(super) fn new(status: u16, error: &'static str, code: u32, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, error, code, message: message.into() }
    }

    /// What we were shown proves nothing.
    pub(super) fn client(code: u32, message: impl Into<String>) -> Self {
        Self::new(401, "invalid_client", code, message)
    }

    pub(super) fn missing(field: &str) -> Self {
        let message = format!("The request body must contain the following parameter: '{field}'.");
        Self::new(400, "invalid_request", 900_144, message)
    }

    pub(super) fn answer(self, chance: &mut fastrand::Rng, now: OffsetDateTime) -> Answer {
        let (trace, correlation) = (random_uuid(chance), random_uuid(chance));
        let timestamp = timestamp(now);
        let description = format!(
            "AADSTS{}: {} Trace ID: {trace} Correlation ID: {correlation} Timestamp: {timestamp}",
            self.code, self.message
        );
        let body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [self.code],
            "timestamp": timestamp,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": format!("https://login.microsoftonline.com/error?code={}", self.code),
        });
        Answer::new(self.status, body)
    }
}

/// A status that was ordered as a fault.
pub(crate) fn ordered(world: &mut World, status: StatusCode, now: OffsetDateTime) -> Answer {
    let denied = match status.as_u16() {
        400 => Denied::new(400, "invalid_request", 90_100, "The request is not valid."),
        401 => Denied::client(7_000_222, "The provided client secret keys are expired."),
        429 => Denied::new(429, "temporarily_unavailable", 90_055, "Too many requests have come in at once."),
        other => Denied::new(other, "temporarily_unavailable", 90_033, "A transient error has occurred."),
    };
    denied.answer(&mut world.chance, now)
}

/// A time as Entra writes it.
pub(super) fn timestamp(now: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z");
    now.format(format).unwrap_or_default()
}
