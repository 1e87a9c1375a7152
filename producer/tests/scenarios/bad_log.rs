//! An audit log that is broken in ways that the stand-in is not.

use std::sync::{Arc, Mutex};

use crate::world::{MINUTE, START, World, once};
use bytes::Bytes;
use serde_json::{Value, json};
use usher_entra::GraphError;
use usher_http::{HttpClient, Request, Response};
use usher_producer::Held;
use usher_sandbox::{GRAPH_URL, SIGN_UP_APP_ID};
use uuid::Uuid;

/// The answer for a page of the log, by the number of the request.
type Pages = fn(usize) -> (u16, Value);

#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Request>>>);

impl Asked {
    fn hosts(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|request| request.uri().host().unwrap().to_owned()).collect()
    }

    fn pages(&self) -> usize {
        self.0.lock().unwrap().iter().filter(|request| is_page(request)).count()
    }
}

fn is_page(request: &Request) -> bool {
    request.uri().path().contains("directoryAudits")
}

fn world(pages: Pages) -> (World, Asked) {
    let asked = Asked::default();
    let noted = asked.clone();
    let http = HttpClient::new(tower::service_fn(move |request: Request| {
        noted.0.lock().unwrap().push(request.clone());
        let (status, body) = match request.uri().path() {
            path if path.ends_with("/token") => (200, json!({ "access_token": "t", "expires_in": 3600 })),
            path if path.ends_with("/$batch") => (200, users(request.body())),
            _ => pages(noted.pages()),
        };
        async move { Ok(answer(status, &body)) }
    }));
    (World::answered_by(http), asked)
}

fn answer(status: u16, body: &Value) -> Response {
    http::Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
}

/// Whoever is asked for exists.
fn users(batch: &[u8]) -> Value {
    let batch: Value = serde_json::from_slice(batch).unwrap();
    let user = |request: &Value| {
        let id = &request["url"].as_str().unwrap()["/users/".len()..][..36];
        json!({ "id": request["id"], "status": 200, "body": { "id": id } })
    };
    json!({ "responses": batch["requests"].as_array().unwrap().iter().map(user).collect::<Vec<_>>() })
}

fn bad() -> Value {
    json!({ "id": "Directory_9", "activityDateTime": "soon" })
}

fn sign_up(user: u128) -> Value {
    json!({
        "id": format!("Directory_{user}"), "activityDateTime": "2026-01-01T12:00:00Z", "result": "success",
        "activityDisplayName": "Add user", "initiatedBy": { "app": { "appId": SIGN_UP_APP_ID } },
        "targetResources": [{ "type": "User", "id": Uuid::from_u128(user) }]
    })
}

fn watermark_moved(world: &World) -> bool {
    world.count("watermark") != START.unix_timestamp().unsigned_abs()
}

async fn a_minute_later(producer: &mut usher_producer::Producer) -> Result<(), Held> {
    tokio::time::sleep(MINUTE).await;
    producer.poll_once().await
}

#[tokio::test(start_paused = true)]
async fn a_bad_entry_holds_the_watermark_and_not_its_neighbours() {
    let (world, _) = world(|n| match n {
        1 => (200, json!({ "value": [sign_up(1), bad(), sign_up(2)] })),
        2 => (200, json!({ "value": [sign_up(1), bad(), sign_up(2), sign_up(3)] })),
        _ => (200, json!({ "value": [sign_up(1), sign_up(2), sign_up(3)] })),
    });
    let mut producer = world.producer().await;
    let held = a_minute_later(&mut producer).await.unwrap_err();
    assert_eq!(
        held.to_string(),
        "entry Directory_9 of the audit log can't be read at activityDateTime (1 such in all)"
    );
    assert_eq!(world.topic.users(), once([1, 2].map(Uuid::from_u128)));
    assert!(a_minute_later(&mut producer).await.is_err());
    assert!(!watermark_moved(&world));
    assert_eq!((world.not_ready(), world.count("bad_entries")), (vec!["audit log".to_owned()], 1));

    a_minute_later(&mut producer).await.unwrap();
    assert!(watermark_moved(&world) && world.not_ready().is_empty());
    assert_eq!(world.topic.users(), once([1, 2, 3].map(Uuid::from_u128)));
}

#[tokio::test(start_paused = true)]
async fn a_page_that_breaks_off_holds_the_watermark_and_nothing_is_published_twice() {
    let (world, asked) = world(|n| {
        let next = format!("{GRAPH_URL}/v1.0/auditLogs/directoryAudits?page=2");
        match n {
            1 | 3 => (200, json!({ "value": [sign_up(1)], "@odata.nextLink": next })),
            2 => (500, json!({})),
            _ => (200, json!({ "value": [sign_up(2)] })),
        }
    });
    let mut producer = world.producer().await;
    assert!(matches!(a_minute_later(&mut producer).await, Err(Held::AuditLog(GraphError::Transient(_)))));
    assert!(!watermark_moved(&world));
    assert_eq!(world.not_ready(), ["audit log"]);

    a_minute_later(&mut producer).await.unwrap();
    assert!(watermark_moved(&world));
    assert_eq!(world.topic.users(), once([1, 2].map(Uuid::from_u128)));
    assert_eq!(asked.pages(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_link_to_another_host_holds_the_watermark_and_gets_no_request() {
    let (world, asked) = world(|_| {
        (200, json!({ "value": [sign_up(1)], "@odata.nextLink": "https://evil.example/directoryAudits" }))
    });
    let mut producer = world.producer().await;
    let held = a_minute_later(&mut producer).await.unwrap_err();
    assert_eq!(held, Held::AuditLog(GraphError::ForeignLink));
    assert!(!watermark_moved(&world));
    assert!(!asked.hosts().contains(&"evil.example".to_owned()));
}
