//! What the Functions host sends, and what it is answered.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc, oneshot},
};
use usher_service::Shutdown;

/// The host's envelope has less than a kilobyte.
const LONGEST: usize = 64 << 10;

/// The timer has fired.
pub(super) struct Call {
    /// What became of it, in a line: done, or failed.
    pub(super) answer: oneshot::Sender<Result<String, String>>,
}

#[derive(Clone)]
struct Calls {
    to: mpsc::Sender<Call>,
    /// One poll at a time.
    turn: Arc<Semaphore>,
}

/// What the host sends. What a timer has to say (`Data`) is nothing that a poll would heed: it looks at all that is new.
#[derive(Deserialize)]
struct Envelope {
    #[serde(rename = "Data")]
    _data: Map<String, Value>,
    #[serde(rename = "Metadata")]
    _metadata: Map<String, Value>,
}

type Answer = (StatusCode, Json<Value>);

/// Serves the host until told to stop; then what was asked is still answered.
pub(super) async fn serve(
    listener: TcpListener,
    to: mpsc::Sender<Call>,
    stopped: Shutdown,
) -> std::io::Result<()> {
    let serving = axum::serve(listener, router(to));
    serving.with_graceful_shutdown(async move { stopped.requested().await }).await
}

fn router(to: mpsc::Sender<Call>) -> Router {
    Router::new()
        // Asked until it is answered at all.
        .route("/", get(|| async { "usher-producer\n" }))
        .route("/{function}", post(fires))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(Calls { to, turn: Arc::new(Semaphore::new(1)) })
}

async fn fires(State(calls): State<Calls>, body: Bytes) -> Answer {
    if serde_json::from_slice::<Envelope>(&body).is_err() {
        return said(StatusCode::BAD_REQUEST, "not what the Functions host sends");
    }
    let Ok(_turn) = calls.turn.try_acquire() else {
        return said(StatusCode::OK, "a poll is under way: nothing to do");
    };
    let (answer, answered) = oneshot::channel();
    // Who polls is gone only if we stop.
    let sent = calls.to.send(Call { answer }).await.is_ok();
    match answered.await {
        Ok(Ok(line)) if sent => said(StatusCode::OK, &line),
        Ok(Err(line)) if sent => said(StatusCode::INTERNAL_SERVER_ERROR, &line),
        _ => said(StatusCode::INTERNAL_SERVER_ERROR, "stopping"),
    }
}

fn said(status: StatusCode, line: &str) -> Answer {
    (status, Json(json!({ "Outputs": {}, "Logs": [line], "ReturnValue": null })))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM_THE_HOST: &str = r#"{
        "Data": { "timer": { "Schedule": { "AdjustForDST": true }, "ScheduleStatus": null, "IsPastDue": false } },
        "Metadata": { "sys": { "MethodName": "sign-ups", "UtcNow": "2026-01-01T12:00:00Z", "RandGuid": "0f4d" } }
    }"#;

    fn state() -> (Calls, mpsc::Receiver<Call>) {
        let (to, calls) = mpsc::channel(1);
        (Calls { to, turn: Arc::new(Semaphore::new(1)) }, calls)
    }

    async fn fire(calls: &Calls) -> (StatusCode, String) {
        let (status, Json(body)) = fires(State(calls.clone()), Bytes::from(FROM_THE_HOST)).await;
        assert_eq!((&body["Outputs"], &body["ReturnValue"]), (&json!({}), &Value::Null));
        (status, body["Logs"][0].as_str().unwrap().to_owned())
    }

    #[tokio::test]
    async fn while_one_is_under_way_another_call_is_answered_at_once() {
        let (state, mut calls) = state();
        let first = tokio::spawn({
            let state = state.clone();
            async move { fire(&state).await }
        });
        let Call { answer } = calls.recv().await.unwrap();
        let second = fire(&state).await;
        assert_eq!(second.0, StatusCode::OK);
        assert!(second.1.contains("under way"), "{}", second.1);
        answer.send(Ok("done".to_owned())).unwrap();
        assert_eq!(first.await.unwrap(), (StatusCode::OK, "done".to_owned()));
    }

    #[tokio::test]
    async fn what_failed_is_a_call_that_failed() {
        let (state, mut calls) = state();
        let poll = async { calls.recv().await.unwrap().answer.send(Err("no".to_owned())) };
        let (called, sent) = tokio::join!(fire(&state), poll);
        sent.unwrap();
        assert_eq!(called, (StatusCode::INTERNAL_SERVER_ERROR, "no".to_owned()));
        drop(calls);
        assert_eq!(fire(&state).await, (StatusCode::INTERNAL_SERVER_ERROR, "stopping".to_owned()));
    }

    #[tokio::test]
    async fn what_is_not_from_the_host_is_no_call() {
        let (state, _calls) = state();
        let (status, _) = fires(State(state), Bytes::from("{}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
    }
}
