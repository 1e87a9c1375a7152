//! What Graph's answers mean: one table.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use thiserror::Error;
use usher_http::{Failure, FailureClass, TransportError};

use crate::CredentialError;

/// Why Graph did not do what it was asked. Holds statuses and codes, never what the answer says.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum GraphError {
    /// The moment's fault: throttled, overloaded, or somebody else writes the same object.
    #[error("Graph asks us to try again: {0}")]
    Transient(Failure),
    /// The token, or a permission that the app lacks.
    #[error("Graph refuses our credentials or permissions: {0}")]
    Unauthorized(Failure),
    /// No such object, or not yet: a new one takes a while to be readable everywhere.
    #[error("Graph does not find it: {0}")]
    NotFound(Failure),
    /// The request's fault.
    #[error("Graph refuses the request: {0}")]
    Refused(Failure),
    /// No token to ask with.
    #[error(transparent)]
    Credential(#[from] CredentialError),
    /// No answer.
    #[error("Graph: {0}")]
    Transport(#[from] TransportError),
    /// An answer that is not of the documented shape.
    #[error("Graph's answer can't be read at {at}")]
    Unreadable {
        /// A JSON path, or which answer it was.
        at: String,
    },
    /// A page's link leads away from Graph: our token must not go there.
    #[error("a link in Graph's answer leads to another host")]
    ForeignLink,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Body {
    error: Problem,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: Option<String>,
}

impl GraphError {
    /// What an answer of this status with this body means.
    /// <https://learn.microsoft.com/graph/errors>
    pub(crate) fn answered(status: StatusCode, body: &[u8], after: Option<Duration>) -> Self {
        let body: Body = serde_json::from_slice(body).unwrap_or_default();
        let code = body.error.code.as_deref();
        let failure = |class| Failure::status(class, status.as_u16()).with_code(code).with_retry_after(after);
        match status.as_u16() {
            401 | 403 => Self::Unauthorized(failure(FailureClass::Unauthorized)),
            404 => Self::NotFound(failure(FailureClass::Refused)),
            408 | 409 | 423 | 429 | 500..=599 => Self::Transient(failure(FailureClass::Transient)),
            _ if code.is_some_and(is_race) => Self::Transient(failure(FailureClass::Transient)),
            _ => Self::Refused(failure(FailureClass::Refused)),
        }
    }

    /// Whether Graph asks us to slow down.
    pub(crate) fn is_throttling(&self) -> bool {
        matches!(self, Self::Transient(failure) if failure.status == Some(StatusCode::TOO_MANY_REQUESTS.as_u16()))
    }

    /// Whether the same request may succeed a little later.
    pub fn is_transient(&self) -> bool {
        let class = Failure::from(self.clone()).class;
        matches!(class, FailureClass::Transient | FailureClass::Unreachable)
    }

    /// The setting to look at first if our credentials are refused.
    pub fn credential_setting(&self) -> &'static str {
        match self {
            Self::Credential(error) => error.setting().unwrap_or("ENTRA_CLIENT_SECRET"),
            // A good token without the right to ask: the app lacks a permission.
            _ => "ENTRA_CLIENT_ID",
        }
    }

    pub(crate) fn unreadable(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        Self::Unreadable { at: error.path().to_string() }
    }
}

/// Several writers of one object: the loser's request is fine, a moment later.
fn is_race(code: &str) -> bool {
    code.ends_with("ConcurrencyViolation")
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        match error {
            GraphError::Transient(failure)
            | GraphError::Unauthorized(failure)
            | GraphError::NotFound(failure)
            | GraphError::Refused(failure) => failure,
            GraphError::Credential(error) => error.into(),
            GraphError::Transport(error) => error.into(),
            // Most likely a proxy spoke in Graph's place.
            GraphError::Unreadable { .. } => Self::named(FailureClass::Transient, "answer unreadable"),
            GraphError::ForeignLink => Self::named(FailureClass::Refused, "link to another host"),
        }
    }
}

#[cfg(test)]
mod tests {
    use FailureClass::{Refused, Transient, Unauthorized};

    use super::*;

    #[test]
    fn each_answer_has_its_class() {
        let rows = [
            (400, "Request_BadRequest", Refused),
            (400, "Directory_ConcurrencyViolation", Transient),
            (401, "InvalidAuthenticationToken", Unauthorized),
            (403, "Authorization_RequestDenied", Unauthorized),
            (404, "Request_ResourceNotFound", Refused),
            (405, "", Refused),
            (408, "", Transient),
            (409, "Conflict", Transient),
            (412, "", Refused),
            (423, "Locked", Transient),
            (429, "TooManyRequests", Transient),
            (500, "", Transient),
            (502, "", Transient),
            (503, "Directory_ReplicaUnavailable", Transient),
            (504, "", Transient),
            (599, "", Transient),
        ];
        for (status, code, class) in rows {
            let body = format!(r#"{{"error":{{"code":"{code}","message":"ada@example.com"}}}}"#);
            let after = Some(Duration::from_secs(7));
            let error = GraphError::answered(StatusCode::from_u16(status).unwrap(), body.as_bytes(), after);
            assert!(!error.to_string().contains("ada"), "{error}");
            let failure = Failure::from(error);
            assert_eq!((failure.class, failure.status), (class, Some(status)), "{status} {code}");
            assert_eq!(failure.code.as_deref(), Some(code).filter(|code| !code.is_empty()));
            assert_eq!(failure.retry_after, after);
        }
    }

    #[test]
    fn a_body_that_is_not_graphs_changes_nothing() {
        let status = StatusCode::BAD_GATEWAY;
        for body in ["<html>", "", "[]", r#"{"error":"x"}"#, r#"{"error":{"code":7}}"#] {
            let failure = Failure::from(GraphError::answered(status, body.as_bytes(), None));
            assert_eq!(failure, Failure::status(Transient, 502), "{body}");
        }
    }
}
