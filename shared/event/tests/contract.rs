//! The type, the schema in `schemas/` and the samples beside it say the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use time::macros::datetime;
use usher_event::{Audit, Event, EventError, IdentityProvider, UserSignedUp};
use uuid::uuid;

fn schemas() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn schema() -> jsonschema::Validator {
    let text = fs::read_to_string(schemas().join("user-signed-up.v1.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(schemas().join("samples").join(name)).unwrap()
}

fn full() -> UserSignedUp {
    UserSignedUp {
        tenant_id: uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d"),
        user_id: uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"),
        display_name: Some("Łucja Żak".into()),
        given_name: Some("Łucja".into()),
        surname: Some("Żak".into()),
        email: Some("lucja+shop@example.com".into()),
        email_verified: true,
        identity_providers: vec![IdentityProvider {
            sign_in_type: "emailAddress".into(),
            issuer: Some("contoso.onmicrosoft.com".into()),
        }],
        signed_up_at: datetime!(2026-03-01 09:30:15.1234567 UTC),
        app_id: Some("7c2d1f7e-1111-4222-8333-944445555666".into()),
        attributes: [("extension_0a1b_MarketingConsent".to_owned(), json!(true))].into(),
        audit: Audit { id: "Directory_8f_XQ2ZT_81234".into(), correlation_id: Some("8f".into()) },
    }
}

fn bare() -> UserSignedUp {
    UserSignedUp {
        display_name: None,
        given_name: None,
        surname: None,
        email: None,
        email_verified: false,
        identity_providers: vec![],
        app_id: None,
        attributes: [].into(),
        audit: Audit { id: "Directory_XQ2ZT_81234".into(), correlation_id: None },
        ..full()
    }
}

fn changed(pointer: &str, value: Value) -> Vec<u8> {
    let mut event: Value = serde_json::from_slice(&Event::new(full()).to_json()).unwrap();
    *event.pointer_mut(pointer).unwrap() = value;
    event.to_string().into_bytes()
}

#[test]
fn what_we_write_keeps_to_the_schema_and_reads_back() {
    for data in [full(), bare()] {
        let event = Event::new(data);
        let body = event.to_json();
        let errors: Vec<_> =
            schema().iter_errors(&serde_json::from_slice(&body).unwrap()).map(|e| e.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(Event::from_json(&body).unwrap(), event);
    }
}

#[test]
fn the_samples_keep_to_the_schema_and_can_be_read() {
    for name in ["full.json", "minimal.json", "from-a-newer-producer.json"] {
        let body = sample(name);
        assert!(schema().is_valid(&serde_json::from_slice(&body).unwrap()), "{name}");
        Event::from_json(&body).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
}

#[test]
fn the_full_sample_is_what_the_type_writes() {
    let written: Value = serde_json::from_slice(&Event::new(full()).to_json()).unwrap();
    assert_eq!(written, serde_json::from_slice::<Value>(&sample("full.json")).unwrap());
}

#[test]
fn the_schema_refuses_what_the_type_refuses() {
    for (pointer, value) in [
        ("/type", json!("usher.user-signed-up.v2")),
        ("/id", json!("not-a-uuid")),
        ("/data/tenantId", json!(7)),
        ("/data/emailVerified", json!("yes")),
        ("/data/identityProviders", json!({})),
    ] {
        let body = changed(pointer, value);
        assert!(!schema().is_valid(&serde_json::from_slice(&body).unwrap()), "{pointer}");
        assert!(Event::from_json(&body).is_err(), "{pointer}");
    }
}

#[test]
fn a_major_version_we_do_not_know_is_refused_as_such() {
    let body = changed("/type", json!("usher.user-signed-up.v2"));
    assert_eq!(Event::from_json(&body), Err(EventError::UnknownMajorVersion(2)));
    let body = changed("/type", json!("usher.user-deleted.v1"));
    assert_eq!(Event::from_json(&body), Err(EventError::UnknownType));
}

#[test]
fn a_text_that_another_encoder_has_escaped_is_the_same_text() {
    let body = String::from_utf8(Event::new(full()).to_json()).unwrap();
    let escaped = body.replace('/', "\\/").replace("usher.user", "usher\\u002euser").replace('Ł', "\\u0141");
    assert_ne!(escaped, body);
    assert_eq!(Event::from_json(escaped.as_bytes()), Ok(Event::new(full())));
}

#[test]
fn an_envelope_that_contradicts_its_data_is_refused() {
    let other = "ffffffff-ffff-4fff-8fff-ffffffffffff";
    for (pointer, value, field) in [
        ("/id", json!(other), "id"),
        ("/subject", json!(other), "subject"),
        ("/source", json!(format!("https://graph.microsoft.com/tenants/{other}")), "source"),
    ] {
        assert_eq!(Event::from_json(&changed(pointer, value)), Err(EventError::Inconsistent { field }));
    }
}

#[test]
fn an_error_names_the_place_and_never_the_value() {
    let body = changed("/data/signedUpAt", json!("ada@example.com"));
    let error = Event::from_json(&body).unwrap_err();
    assert_eq!(error, EventError::Invalid { path: "data.signedUpAt".into() });
    let error = Event::from_json(b"{\"type\": ada@example.com").unwrap_err();
    assert!(matches!(error, EventError::NotJson { line: 1, .. }), "{error:?}");
    assert!(!error.to_string().contains("ada"));
}

#[test]
fn debug_shows_nothing_that_the_user_typed() {
    let shown = format!("{:?}", Event::new(full()));
    for typed in ["Łucja", "Żak", "lucja", "example.com"] {
        assert!(!shown.contains(typed), "{shown}");
    }
}
