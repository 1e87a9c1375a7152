//! Many users in one request. <https://learn.microsoft.com/graph/json-batching>
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
    graph::{self, request},
    user,
};

/// The most requests that Graph takes in one batch.
pub const BATCH_SIZE: usize = 20;

#[derive(Deserialize)]
struct Answers {
    responses: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    id: String,
    status: u16,
    #[serde(default)]
    headers: Option<HashMap<String, String>>,
    #[serde(default)]
    body: Value,
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
        let batch = request(Method::POST, &self.url("/$batch", &[]), batch_of(ids, select).to_string());
        let answer = self.call(&batch).await?;
        let answers: Answers = graph::json(answer.body())?;
        let mut by_place: HashMap<String, Answer> =
            answers.responses.into_iter().map(|answer| (answer.id.clone(), answer)).collect();
        let now = self.clock.now();
        let read = |(place, id): (usize, &Uuid)| match by_place.remove(&place.to_string()) {
            Some(answer) => (*id, answer.into_user(*id, now)),
            None => (*id, Err(GraphError::Unreadable { at: "responses".to_owned() })),
        };
        Ok(ids.iter().enumerate().map(read).collect())
    }
}

fn batch_of(ids: &[Uuid], select: &[&str]) -> Value {
    let select = user::select(select);
    let requests = ids.iter().enumerate().map(|(place, id)| {
        json!({ "id": place.to_string(), "method": "GET", "url": format!("{}?$select={select}", user::path(*id)) })
    });
    json!({ "requests": requests.collect::<Vec<_>>() })
}

impl Answer {
    fn into_user(self, id: Uuid, now: OffsetDateTime) -> Result<User, GraphError> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        if !status.is_success() {
            let after = self.retry_after(now);
            return Err(GraphError::answered(status, self.body.to_string().as_bytes(), after));
        }
        let properties: Map<String, Value> = serde_json::from_value(self.body)
            .map_err(|_| GraphError::Unreadable { at: "responses.body".to_owned() })?;
        User::new(id, properties)
    }

    fn retry_after(&self, now: OffsetDateTime) -> Option<Duration> {
        let headers = HeaderMap::try_from(self.headers.as_ref()?).ok()?;
        retry_after(&headers, now)
    }
}
