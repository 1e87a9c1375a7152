//! The table that the consumer sql writes to here: behind HTTP, with the faults of all calls, since a real driver and
//! its threads know nothing of simulated time.

use async_trait::async_trait;
use bytes::Bytes;
use http::{StatusCode, request::Builder};
use usher_http::{Failure, FailureClass, HttpClient};
use usher_sandbox::DATABASE_URL;
use usher_sql::{Row, Store, StoreError};

/// The stand-in for a database.
pub(super) struct Table(pub(super) HttpClient);

#[async_trait]
impl Store for Table {
    async fn upsert(&self, row: &Row) -> Result<(), StoreError> {
        let body = serde_json::to_vec(row).expect("a row always serialises");
        self.ask(http::Request::put(format!("{DATABASE_URL}/rows/{}", row.user_id)), body.into()).await
    }

    async fn probe(&self) -> Result<(), StoreError> {
        self.ask(http::Request::get(format!("{DATABASE_URL}/health")), Bytes::new()).await
    }
}

impl Table {
    async fn ask(&self, request: Builder, body: Bytes) -> Result<(), StoreError> {
        let request = request.body(body).expect("a constant and an id make an address");
        let answer = self.0.send(request).await.map_err(Failure::from)?;
        meaning(answer.status()).map_err(StoreError::from)
    }
}

/// As a driver would put it.
fn meaning(status: StatusCode) -> Result<(), Failure> {
    let class = match status.as_u16() {
        200..=299 => return Ok(()),
        400 => FailureClass::Refused,
        401 | 403 => FailureClass::Unauthorized,
        _ => FailureClass::Transient,
    };
    Err(Failure::status(class, status.as_u16()))
}
