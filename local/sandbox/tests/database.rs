//! The table of sign-ups.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use http::{Method, Request};
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{Edge, Reply, prompt, target};
use usher_http::TransportError;
use usher_sandbox::{
    DATABASE_URL, FaultKind, Kind, NewSignUp, SandboxSettings, SqlExpected, TENANT_ID, Verdict,
};
use uuid::Uuid;

fn ada() -> NewSignUp {
    NewSignUp {
        email: Some("ada@example.com".into()),
        display_name: Some("Ada L.".into()),
        given_name: Some("Ada".into()),
        surname: Some("Lovelace".into()),
        ..NewSignUp::default()
    }
}

/// Ada's row, as the consumer writes it: the tests' tenant begins at nine.
fn row(user: Uuid) -> Value {
    json!({
        "user_id": user,
        "event_id": Uuid::nil(),
        "tenant_id": TENANT_ID,
        "email": "ada@example.com",
        "email_verified": true,
        "display_name": "Ada L.",
        "given_name": "Ada",
        "surname": "Lovelace",
        "identity_provider": "emailAddress",
        "identity_providers": [{"signInType": "emailAddress", "issuer": "seats.example"}],
        "app_id": null,
        "attributes": {},
        "audit_id": "Directory_1",
        "audit_correlation_id": null,
        "signed_up_at": "2026-03-01T09:00:00.000000Z",
        "seen_at": "2026-03-01T09:01:00.000000Z",
    })
}

fn with(user: Uuid, column: &str, value: Value) -> Value {
    let mut row = row(user);
    row[column] = value;
    row
}

async fn try_call(edge: &Edge, method: Method, path: &str, body: &str) -> Result<Reply, TransportError> {
    let request = Request::builder().method(method).uri(format!("{DATABASE_URL}{path}"));
    edge.send(request, body.to_owned()).await
}

async fn put(edge: &Edge, user: Uuid, row: &Value) -> u16 {
    let reply = try_call(edge, Method::PUT, &format!("/rows/{user}"), &row.to_string()).await;
    reply.unwrap().status
}

async fn count(edge: &Edge) -> Value {
    try_call(edge, Method::GET, "/health", "").await.unwrap().body["rows"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_user_has_one_row_however_often_it_is_put() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(ada());
    assert_eq!((count(&edge).await, edge.effect(user).sql.verdict), (json!(0), Verdict::Pending));
    for _ in 0..2 {
        assert_eq!(put(&edge, user, &row(user)).await, 204);
        assert_eq!((count(&edge).await, edge.effect(user).sql.verdict), (json!(1), Verdict::Exact));
    }
}

#[tokio::test(start_paused = true)]
async fn an_earlier_sign_up_does_not_overwrite_a_later_one() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(ada());
    let mut earlier = with(user, "surname", json!("Byron"));
    earlier["signed_up_at"] = json!("2026-03-01T08:59:59.999999Z");
    for row in [&row(user), &earlier] {
        assert_eq!(put(&edge, user, row).await, 204);
    }
    assert_eq!(edge.effect(user).sql.verdict, Verdict::Exact);
}

#[tokio::test(start_paused = true)]
async fn a_row_that_says_something_else_does_not_match() {
    for (column, value) in [
        ("email", json!("ada@example.org")),
        ("email", Value::Null),
        ("display_name", json!("Ada")),
        ("given_name", json!("ada")),
        ("surname", Value::Null),
        ("signed_up_at", json!("2026-03-01T09:00:00.000001Z")),
    ] {
        let edge = Edge::new(prompt());
        let user = edge.sandbox.sign_up(ada());
        assert_eq!(put(&edge, user, &with(user, column, value)).await, 204);
        assert_eq!(edge.effect(user).sql.verdict, Verdict::Mismatched, "{column}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_some_database_would_refuse_is_refused() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(ada());
    for (column, value) in [
        ("shoe_size", json!(42)),
        ("user_id", json!(Uuid::nil())),
        ("tenant_id", json!(Uuid::nil())),
        ("email_verified", json!("yes")),
        ("email_verified", Value::Null),
        ("attributes", Value::Null),
        ("surname", json!("Love\0lace")),
        ("surname", json!("x".repeat(257))),
        ("email", json!("x".repeat(321))),
        ("signed_up_at", json!("2026-03-01T09:00:00Z")),
        ("signed_up_at", json!("2026-03-01T10:00:00.0000+01:00")),
        ("seen_at", json!("yesterday")),
    ] {
        assert_eq!(put(&edge, user, &with(user, column, value)).await, 400, "{column}");
    }
    assert_eq!(put(&edge, Uuid::nil(), &row(user)).await, 400);
    assert_eq!(count(&edge).await, json!(0));
}

#[tokio::test(start_paused = true)]
async fn whoever_did_not_sign_up_has_no_row() {
    let edge = Edge::new(prompt());
    let staff = edge.sandbox.sign_up(NewSignUp { kind: Kind::AdminMade, ..ada() });
    assert_eq!(edge.effect(staff).sql.expected, SqlExpected::None);
    assert_eq!(put(&edge, staff, &row(staff)).await, 204);
    assert_eq!(edge.effect(staff).sql.verdict, Verdict::Unwanted);
    let nobody = Uuid::from_u128(1);
    assert_eq!(put(&edge, nobody, &row(nobody)).await, 204);
    assert_eq!(edge.sandbox.effects().totals.unknown_rows, 1);
}

#[tokio::test(start_paused = true)]
async fn faults_hit_before_and_after_the_effect() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(ada());
    let (path, body) = (format!("/rows/{user}"), row(user).to_string());
    let faults = edge.sandbox.faults();
    for (kind, rows) in [(FaultKind::Before, 0), (FaultKind::After, 1)] {
        faults.next(target("database.upsert"), 1, kind);
        let broken = try_call(&edge, Method::PUT, &path, &body).await;
        assert_eq!(broken.unwrap_err(), TransportError::Broken);
        assert_eq!(count(&edge).await, json!(rows), "{kind:?}");
    }
    faults.next(target("database"), 1, FaultKind::Status(503));
    assert_eq!(try_call(&edge, Method::GET, "/health", "").await.unwrap().status, 503);
}

#[tokio::test(start_paused = true)]
async fn where_the_consumer_writes_a_file_what_stands_there_counts() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signups.db");
    let edge = Edge::new(SandboxSettings { sql_database: Some(file.clone()), ..prompt() });
    let user = edge.sandbox.sign_up(ada());
    assert_eq!(put(&edge, user, &row(user)).await, 204);
    assert_eq!(edge.effect(user).sql.verdict, Verdict::Pending, "no file yet");

    let connection = Connection::open(&file).unwrap();
    assert_eq!(edge.effect(user).sql.verdict, Verdict::Pending, "no table yet");
    let columns =
        "user_id TEXT, email TEXT, display_name TEXT, given_name TEXT, surname TEXT, signed_up_at TEXT";
    connection.execute_batch(&format!("CREATE TABLE signups ({columns})")).unwrap();
    assert_eq!(edge.effect(user).sql.verdict, Verdict::Pending, "no row yet");
    let values = "'ada@example.com', 'Ada L.', 'Ada', 'Lovelace', '2026-03-01T09:00:00.000000Z'";
    let insert = format!("INSERT INTO signups VALUES ('{user}', {values})");
    for deserved in [Verdict::Exact, Verdict::Doubled] {
        connection.execute_batch(&insert).unwrap();
        assert_eq!(edge.effect(user).sql.verdict, deserved);
    }
}
