//! Open extensions: properties of a user that nobody has to declare beforehand, under a name of their own.
//! <https://learn.microsoft.com/graph/api/resources/opentypeextension>

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use usher_http::{Failure, FailureClass, retry_after};
use uuid::Uuid;

use crate::{Graph, GraphError, Missing, error::Problem, graph::request, user};

/// The longest name of an open extension that we take, in characters: it goes into a path.
const LONGEST_NAME: usize = 128;
/// Names that are Microsoft's own.
const RESERVED: [&str; 2] = ["com.microsoft", "com.onmicrosoft"];

/// Checks the name of an open extension, for settings that hold one; use it as clap's `value_parser`.
///
/// # Errors
/// Says of what form a name is.
pub fn open_extension_name(name: &str) -> Result<String, &'static str> {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let is_below = |reserved: &&str| {
        let rest = name.to_ascii_lowercase();
        rest.strip_prefix(*reserved).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if name.len() > LONGEST_NAME || !name.contains('.') || !name.split('.').all(is_label) {
        return Err("must be a domain of yours in reverse and a name, such as com.example.usher");
    }
    if RESERVED.iter().any(is_below) {
        return Err("must not begin with com.microsoft or com.onmicrosoft");
    }
    Ok(name.to_owned())
}

impl Graph {
    /// Sets properties of a user's open extension, which is made if it isn't there; those not named stay. Repeating it
    /// changes nothing more, and two at once make one extension.
    ///
    /// # Errors
    /// [`GraphError::NotFound`] if there is no such user, or not yet; others as they say.
    pub async fn set_open_extension(
        &self,
        id: Uuid,
        name: &str,
        properties: Map<String, Value>,
    ) -> Result<(), GraphError> {
        match self.make_extension(id, name, &properties).await? {
            Made::Now => Ok(()),
            Made::Before => self.change_extension(id, name, &properties).await,
        }
    }

    /// <https://learn.microsoft.com/graph/api/opentypeextension-post-opentypeextension>
    async fn make_extension(
        &self,
        id: Uuid,
        name: &str,
        properties: &Map<String, Value>,
    ) -> Result<Made, GraphError> {
        self.writes_admitted(1).await;
        let url = self.url(&format!("{}/extensions", user::path(id)), &[]);
        let answer = self.answer(&request(Method::POST, &url, body(properties, Some(name)))).await?;
        if answer.status().is_success() {
            return Ok(Made::Now);
        }
        let problem = Problem::in_value(&serde_json::from_slice(answer.body()).unwrap_or_default());
        if problem.is_there_already(answer.status()) {
            return Ok(Made::Before);
        }
        Err(problem.into_error(answer.status(), retry_after(answer.headers(), self.clock.now())))
    }

    /// <https://learn.microsoft.com/graph/api/opentypeextension-update>
    async fn change_extension(
        &self,
        id: Uuid,
        name: &str,
        properties: &Map<String, Value>,
    ) -> Result<(), GraphError> {
        self.writes_admitted(1).await;
        let url = self.url(&format!("{}/extensions/{name}", user::path(id)), &[]);
        let changed = self.call(&request(Method::PATCH, &url, body(properties, None))).await;
        changed.map(drop).map_err(|error| not_yet(error, id))
    }
}

/// The properties as Graph takes them, with the name that a new extension is to have.
fn body(properties: &Map<String, Value>, name: Option<&str>) -> String {
    let mut body = properties.clone();
    body.insert("@odata.type".to_owned(), json!("microsoft.graph.openTypeExtension"));
    body.extend(name.map(|name| ("extensionName".to_owned(), json!(name))));
    Value::Object(body).to_string()
}

/// When an extension was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Made {
    Now,
    Before,
}

impl Problem {
    /// Whether a creation was refused because there is such an extension already. Graph's documentation does not say how
    /// it tells; a race of several writers is told with the same status. Should it have been one after all, the change
    /// that follows does not find the extension, and all of it is tried again.
    fn is_there_already(&self, status: StatusCode) -> bool {
        match status {
            StatusCode::CONFLICT => !self.is_race(),
            StatusCode::BAD_REQUEST => self.says("already exists"),
            _ => false,
        }
    }
}

/// An extension that was there a moment ago and can't be found is a matter of time; a user who can't is not ours to judge.
fn not_yet(error: GraphError, user: Uuid) -> GraphError {
    match error {
        GraphError::NotFound(Missing { failure, id }) if id != Some(user) => {
            let failure = Failure { class: FailureClass::Transient, ..failure };
            GraphError::Transient(failure.with_code(Some("extension not yet readable")))
        }
        error => error,
    }
}

#[cfg(test)]
mod tests;
