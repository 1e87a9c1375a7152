//! What a sign-up becomes.

use serde_json::json;
use time::macros::datetime;
use usher_event::{Audit, UserSignedUp};
use uuid::uuid;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-03-01 09:31:02.000000999 UTC);

/// Ada, who signs in with Google.
fn ada() -> UserSignedUp {
    UserSignedUp {
        tenant_id: uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d"),
        user_id: uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"),
        display_name: Some("Ada L.".to_owned()),
        given_name: Some("Ada".to_owned()),
        surname: None,
        email: Some("Ada@Example.com".to_owned()),
        email_verified: true,
        identity_providers: vec![
            way("userPrincipalName", Some("seats.example")),
            way("federated", Some("google.com")),
        ],
        signed_up_at: datetime!(2026-03-01 10:30:00.123456789 +1),
        app_id: None,
        attributes: BTreeMap::from([("extension_0_Size".to_owned(), json!({"eu": 38}))]),
        audit: Audit { id: "Directory_8f".to_owned(), correlation_id: None },
    }
}

fn way(sign_in_type: &str, issuer: Option<&str>) -> IdentityProvider {
    IdentityProvider { sign_in_type: sign_in_type.to_owned(), issuer: issuer.map(str::to_owned) }
}

fn row(data: UserSignedUp) -> Row {
    Row::of(&Event::new(data), NOW)
}

#[test]
fn a_row_is_the_sign_up_as_it_was() {
    let expected = json!({
        "user_id": "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d",
        "event_id": "30d0953d-0753-5930-a905-def22332f7e0",
        "tenant_id": "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d",
        "email": "Ada@Example.com",
        "email_verified": true,
        "display_name": "Ada L.",
        "given_name": "Ada",
        "surname": null,
        "identity_provider": "google.com",
        "identity_providers": [
            { "signInType": "userPrincipalName", "issuer": "seats.example" },
            { "signInType": "federated", "issuer": "google.com" },
        ],
        "app_id": null,
        "attributes": { "extension_0_Size": { "eu": 38 } },
        "audit_id": "Directory_8f",
        "audit_correlation_id": null,
        "signed_up_at": "2026-03-01T09:30:00.123456Z",
        "seen_at": "2026-03-01T09:31:02.000000Z",
    });
    assert_eq!(serde_json::to_value(row(ada())).unwrap(), expected);
}

#[test]
fn whoever_has_no_account_elsewhere_signs_in_as_they_do() {
    let of = |ways: Vec<IdentityProvider>| {
        row(UserSignedUp { identity_providers: ways, ..ada() }).identity_provider
    };
    let address = way("emailAddress", Some("seats.example"));
    assert_eq!(of(vec![way("userPrincipalName", None), address]).as_deref(), Some("emailAddress"));
    assert_eq!(of(vec![way("userPrincipalName", None)]), None);
    assert_eq!(of(vec![]), None);
}

#[test]
fn only_what_a_database_cannot_hold_is_taken_out_of_a_text() {
    for (typed, kept) in [
        ("Robert'); DROP TABLE signups;--", "Robert'); DROP TABLE signups;--"),
        ("\u{202e}adA\u{2069} 👑\r\n", "\u{202e}adA\u{2069} 👑\r\n"),
        ("A\0da", "Ada"),
        ("\0", ""),
        (&*"👑".repeat(10_000), &*"👑".repeat(256)),
    ] {
        let given_name = Some(typed.to_owned());
        assert_eq!(row(UserSignedUp { given_name, ..ada() }).given_name.as_deref(), Some(kept));
    }
    let email = Some("a".repeat(10_000));
    assert_eq!(row(UserSignedUp { email, ..ada() }).email.unwrap().len(), 320);
}

#[test]
fn no_nul_is_left_in_attributes_however_deep() {
    let hostile = json!({"a\0": ["b\0", {"c": "\0"}], "n": 1});
    let attributes = BTreeMap::from([("extension_0_Size\0".to_owned(), hostile)]);
    let attributes = row(UserSignedUp { attributes, ..ada() }).attributes;
    assert_eq!(attributes, json!({"extension_0_Size": {"a": ["b", {"c": ""}], "n": 1}}));
}

#[test]
fn times_sort_as_their_texts_do() {
    let texts = [
        datetime!(1999-12-31 23:59 UTC),
        datetime!(2026-03-01 09:30 UTC),
        datetime!(2026-03-01 09:30:00.000001 UTC),
        datetime!(2026-03-01 10:30:00.1 UTC),
    ]
    .map(iso);
    assert!(texts.is_sorted(), "{texts:?}");
    assert!(texts.iter().all(|text| text.len() == texts[0].len()), "{texts:?}");
}

#[test]
fn a_rows_debug_shows_ids_only() {
    let shown = format!("{:?}", row(ada()));
    assert!(shown.contains("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"), "{shown}");
    assert!(!shown.contains("Ada") && !shown.contains("Example"), "{shown}");
}
