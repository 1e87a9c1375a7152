//! What Graph's answers mean: one table.

use std::time::Duration;

use http::StatusCode;
use serde_json::Value;
use thiserror::Error;
use usher_http::{Failure, FailureClass, TransportError};
use uuid::Uuid;

use crate::{CredentialError, READABLE_WITHIN};

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
    #[error("Graph does not find it: {}", .0.failure)]
    NotFound(Missing),
    /// A value that must be one object's alone is another's already.
    #[error("Graph refuses a value that another object has: {failure}")]
    Conflict {
        /// The answer.
        failure: Failure,
        /// The names of the properties that can't have the value they were to have.
        properties: Vec<String>,
    },
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

/// An answer of "not found".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The answer.
    pub failure: Failure,
    /// The object that is missing, where Graph says which: a request may name several.
    pub id: Option<Uuid>,
}

/// What the body of an error says is wrong. The message quotes what was sent: it decides what the answer means and
/// goes no further.
#[derive(Default)]
pub(crate) struct Problem {
    code: Option<String>,
    message: String,
    /// The properties whose value another object has.
    conflicts: Vec<String>,
}

impl Problem {
    /// Reads a body; of one that is not Graph's nothing is known.
    pub(crate) fn in_value(body: &Value) -> Self {
        let error = &body["error"];
        let message = error["message"].as_str().unwrap_or_default().to_owned();
        let conflicts = conflicts(&error["details"], &message);
        Self { code: error["code"].as_str().map(str::to_owned), message, conflicts }
    }

    /// Whether the message holds these words.
    pub(crate) fn says(&self, words: &str) -> bool {
        self.message.contains(words)
    }

    /// Whether several writers met at one object.
    pub(crate) fn is_race(&self) -> bool {
        self.code.as_deref().is_some_and(is_race)
    }

    /// What an answer of this status with this problem means.
    /// <https://learn.microsoft.com/graph/errors>
    pub(crate) fn into_error(self, status: StatusCode, after: Option<Duration>) -> GraphError {
        let code = self.code.as_deref();
        let failure = |class| Failure::status(class, status.as_u16()).with_code(code).with_retry_after(after);
        match status.as_u16() {
            401 | 403 => GraphError::Unauthorized(failure(FailureClass::Unauthorized)),
            404 => {
                GraphError::NotFound(Missing { failure: failure(FailureClass::Refused), id: self.missing() })
            }
            400 | 409 if !self.conflicts.is_empty() => {
                GraphError::Conflict { failure: failure(FailureClass::Refused), properties: self.conflicts }
            }
            408 | 409 | 423 | 429 | 500..=599 => GraphError::Transient(failure(FailureClass::Transient)),
            _ if code.is_some_and(is_race) => GraphError::Transient(failure(FailureClass::Transient)),
            _ => GraphError::Refused(failure(FailureClass::Refused)),
        }
    }

    /// "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
    fn missing(&self) -> Option<Uuid> {
        let (id, _) = self.message.strip_prefix("Resource '")?.split_once("' does not exist")?;
        id.parse().ok()
    }
}

/// Directory objects tell it in the details; in an answer without any, the message names the property: "Another object
/// with the same value for property userPrincipalName already exists."
fn conflicts(details: &Value, message: &str) -> Vec<String> {
    let details = details.as_array().into_iter().flatten();
    let targets = details.filter(|detail| detail["code"] == "ObjectConflict").map(|detail| &detail["target"]);
    let named: Vec<String> = targets.filter_map(Value::as_str).map(str::to_owned).collect();
    if !named.is_empty() {
        return named;
    }
    let property = message
        .strip_prefix("Another object with the same value for property ")
        .and_then(|rest| rest.strip_suffix(" already exists."));
    property.map(str::to_owned).into_iter().collect()
}

impl GraphError {
    /// What an answer of this status with this body means.
    pub(crate) fn answered(status: StatusCode, body: &[u8], after: Option<Duration>) -> Self {
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        Problem::in_value(&body).into_error(status, after)
    }

    /// What this means of a user who signed up so long ago: one who can't be found may just not be there yet where we
    /// asked, for as long as [`READABLE_WITHIN`].
    #[must_use]
    pub fn about_user_of_age(self, age: Duration) -> Self {
        match self {
            Self::NotFound(_) if age <= READABLE_WITHIN => {
                let not_yet = Failure::status(FailureClass::Transient, 404);
                Self::Transient(not_yet.with_code(Some("user not yet readable")))
            }
            error => error,
        }
    }

    /// Whether another object has the value that this property was to have, such as `userPrincipalName`.
    pub fn is_conflict_on(&self, property: &str) -> bool {
        matches!(self, Self::Conflict { properties, .. } if properties.iter().any(|it| it == property))
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

    /// The setting to look at first if Graph refuses us.
    pub fn credential_setting(&self) -> &'static str {
        match self {
            Self::Credential(error) => error.setting().unwrap_or("ENTRA_CLIENT_ID"),
            // No Graph that we know would refuse what every consumer asks for.
            Self::Refused(_) => "GRAPH_ENDPOINT",
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
            | GraphError::NotFound(Missing { failure, .. })
            | GraphError::Conflict { failure, .. }
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
    use serde_json::json;

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

    fn refused(status: u16, error: &Value) -> GraphError {
        let body = json!({ "error": error }).to_string();
        GraphError::answered(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None)
    }

    #[test]
    fn not_found_says_which_object_if_graph_does() {
        let id = "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d";
        let missing = |message: &str| match refused(404, &json!({ "message": message })) {
            GraphError::NotFound(missing) => missing.id.map(|id| id.to_string()),
            other => panic!("{other}"),
        };
        let rest = "does not exist or one of its queried reference-property objects are not present.";
        assert_eq!(missing(&format!("Resource '{id}' {rest}")).as_deref(), Some(id));
        for unclear in [format!("Resource 'ada@example.com' {rest}"), "Not found.".to_owned(), String::new()]
        {
            assert_eq!(missing(&unclear), None, "{unclear}");
        }
    }

    #[test]
    fn a_user_who_is_new_may_yet_appear_and_nothing_else_is_a_matter_of_age() {
        let missing = || refused(404, &json!({}));
        let waited_for = missing().about_user_of_age(READABLE_WITHIN);
        assert_eq!(waited_for.to_string(), "Graph asks us to try again: 404 user not yet readable");
        let too_long = READABLE_WITHIN + Duration::from_secs(1);
        assert_eq!(missing().about_user_of_age(too_long), missing());
        assert_eq!(refused(400, &json!({})).about_user_of_age(Duration::ZERO), refused(400, &json!({})));
    }

    #[test]
    fn a_value_that_another_object_has_is_a_conflict_on_its_property() {
        const MESSAGE: &str =
            "Another object with the same value for property userPrincipalName already exists.";
        let detail = |target| json!({ "code": "ObjectConflict", "target": target, "message": MESSAGE });
        let with_details = json!({
            "code": "Request_BadRequest", "message": "One or more errors.",
            "details": [detail("mailNickname"), detail("userPrincipalName")],
        });
        let without = json!({ "code": "Request_BadRequest", "message": MESSAGE });
        for (status, error) in [(400, &with_details), (400, &without), (409, &with_details)] {
            let error = refused(status, error);
            assert!(error.is_conflict_on("userPrincipalName"), "{status} {error}");
            assert!(!error.is_conflict_on("displayName"));
            assert_eq!(Failure::from(error).class, Refused);
        }
        let other = json!({ "details": [{ "code": "InvalidValue", "target": "userPrincipalName" }] });
        assert!(!refused(400, &other).is_conflict_on("userPrincipalName"));
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
