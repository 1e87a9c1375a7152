//! Many requests in one. <https://learn.microsoft.com/graph/json-batching>
//!
//! The outer answer is a success whatever happened inside: each inner answer has a status of its own, 429
//! with its own `Retry-After` among them.

use std::{collections::HashMap, time::Duration};

use http::{HeaderMap, Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use usher_http::retry_after;
use uuid::Uuid;

use crate::{
    Graph, GraphError, User,
    error::Problem,
    graph::{self, request},
    user,
};

/// The most requests that Graph takes in one batch.
pub const BATCH_SIZE: usize = 20;

/// A request inside a batch.
pub(crate) struct Step {
    url: String,
    /// What is posted; without it the step reads.
    body: Option<Value>,
}

/// What a step was answered.
#[derive(Deserialize)]
pub(crate) struct Answer {
    id: String,
    status: u16,
    #[serde(default)]
    headers: Option<HashMap<String, String>>,
    #[serde(default)]
    body: Value,
}

#[derive(Deserialize)]
struct Answers {
    responses: Vec<Answer>,
}

impl Graph {
    /// Reads the `select`ed properties of users, [`BATCH_SIZE`] at most, in the order of the ids. Each user is
    /// read or not, with the reason why.
    ///
    /// # Errors
    /// If the batch as a whole got no usable answer.
    pub async fn users_by_id(
        &self,
        ids: &[Uuid],
        select: &[&str],
    ) -> Result<Vec<(Uuid, Result<User, GraphError>)>, GraphError> {
        let select = user::select(select);
        let read = |id: &Uuid| Step::get(format!("{}?$select={select}", user::path(*id)));
        let steps: Vec<Step> = ids.iter().map(read).collect();
        let answers = self.batch(&steps).await?;
        let now = self.clock.now();
        let read = |(id, answer): (&Uuid, Option<Answer>)| (*id, user_of(*id, answer, now));
        Ok(ids.iter().zip(answers).map(read).collect())
    }

    /// Sends steps, [`BATCH_SIZE`] at most, and returns their answers in the order of the steps; `None` for a step
    /// without one. Whoever writes waits for the turns first.
    pub(crate) async fn batch(&self, steps: &[Step]) -> Result<Vec<Option<Answer>>, GraphError> {
        let requests: Vec<Value> = steps.iter().enumerate().map(|(place, step)| step.json(place)).collect();
        let body = json!({ "requests": requests }).to_string();
        let answer = self.call(&request(Method::POST, &self.url("/$batch", &[]), body)).await?;
        let answers: Answers = graph::json(answer.body())?;
        let mut by_place: HashMap<String, Answer> =
            answers.responses.into_iter().map(|answer| (answer.id.clone(), answer)).collect();
        Ok((0..steps.len()).map(|place| by_place.remove(&place.to_string())).collect())
    }
}

impl Step {
    pub(crate) fn get(url: String) -> Self {
        Self { url, body: None }
    }

    pub(crate) fn post(url: String, body: Value) -> Self {
        Self { url, body: Some(body) }
    }

    fn json(&self, place: usize) -> Value {
        let id = place.to_string();
        match &self.body {
            None => json!({ "id": id, "method": "GET", "url": self.url }),
            Some(body) => json!({
                "id": id, "method": "POST", "url": self.url,
                "headers": { "Content-Type": "application/json" }, "body": body,
            }),
        }
    }
}

fn user_of(id: Uuid, answer: Option<Answer>, now: OffsetDateTime) -> Result<User, GraphError> {
    let body = answer.ok_or_else(unanswered)?.into_body(now)?;
    let properties: Map<String, Value> = serde_json::from_value(body)
        .map_err(|_| GraphError::Unreadable { at: "responses.body".to_owned() })?;
    User::new(id, properties)
}

/// A batch whose answer left a step out.
pub(crate) fn unanswered() -> GraphError {
    GraphError::Unreadable { at: "responses".to_owned() }
}

impl Answer {
    /// The body of a success; of anything else what it means.
    pub(crate) fn into_body(self, now: OffsetDateTime) -> Result<Value, GraphError> {
        if self.status().is_success() {
            return Ok(self.body);
        }
        Err(self.problem().into_error(self.status(), self.retry_after(now)))
    }

    /// What Graph says is wrong.
    pub(crate) fn problem(&self) -> Problem {
        Problem::in_value(&self.body)
    }

    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY)
    }

    fn retry_after(&self, now: OffsetDateTime) -> Option<Duration> {
        let headers = HeaderMap::try_from(self.headers.as_ref()?).ok()?;
        retry_after(&headers, now)
    }
}
