//! How the vault refuses: in Key Vault's shape, and with a challenge for whoever comes without a token that it takes.
//! <https://learn.microsoft.com/azure/key-vault/general/authentication-requests-and-responses>

use axum::http::StatusCode;
use serde_json::json;

use crate::Answer;

/// A call that the vault refuses.
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    pub(super) fn bad_parameter(message: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadParameter", message)
    }

    pub(super) fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
    }

    pub(super) fn forbidden() -> Self {
        let message = "Caller is not authorized to perform action on resource.";
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    pub(super) fn not_found(code: &'static str, name: &str) -> Self {
        let message = format!("(name/id) {name} was not found in this key vault.");
        Self::new(StatusCode::NOT_FOUND, code, message)
    }

    /// The challenge says who gives tokens, and for what.
    pub(super) fn answer(self, challenge: &str) -> Answer {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        let answer = Answer::new(self.status, body);
        match self.status {
            StatusCode::UNAUTHORIZED => answer.with("www-authenticate", challenge),
            _ => answer,
        }
    }
}
