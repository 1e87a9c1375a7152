use http::Method;
use serde_json::{Value, json};
use usher_entra::{CredentialError, CredentialKind};
use usher_http::TransportError;
use uuid::Uuid;

use super::*;
use crate::testing::{ADA, EVE, Tenant, problem};

const BOB: Uuid = uuid::uuid!("b0b0c3d4-e5f6-4a7b-8c9d-bbbb2a3b0b0b");
const STAFF: Uuid = uuid::uuid!("57aff3d4-e5f6-4a7b-8c9d-5555ffff5555");
const RENAMED: Uuid = uuid::uuid!("4e4a3ed4-e5f6-4a7b-8c9d-4e4aed000001");

fn user(given: &str, since: &str) -> Value {
    json!({ "givenName": given, "surname": "King", "displayName": "unknown", "createdDateTime": since })
}

/// Eve has the same name as Ada and signed up before her; Bob's first choice is a member of the staff's.
fn tenant() -> Tenant {
    let default = |id| format!("{id}@contoso.onmicrosoft.com");
    Tenant::default()
        .with_user(ADA, &default(ADA), &user("Ada", "2026-01-02T00:00:00Z"))
        .with_user(EVE, &default(EVE), &user("Áda", "2026-01-01T00:00:00Z"))
        .with_user(BOB, &default(BOB), &user("Bob", "2026-01-03T00:00:00Z"))
        .with_user(STAFF, "Bob.King@contoso.com", &user("Robert", "2025-01-01T00:00:00Z"))
        .with_user(RENAMED, "carol.king@contoso.com", &user("Carol", "2025-06-01T00:00:00Z"))
}

async fn shown(tenant: &Tenant, preview: Preview) -> Result<String, usher_service::Failure> {
    let (graph, naming) = tenant.graph_and_naming(&[]);
    let mut out = Vec::new();
    preview.run(&graph, &naming, &mut out).await?;
    assert!(tenant.patches().is_empty(), "a preview changes nothing");
    Ok(String::from_utf8(out).unwrap())
}

#[tokio::test(start_paused = true)]
async fn each_user_who_would_change_is_shown_oldest_first_with_collisions_resolved() {
    let shown = shown(&tenant(), Preview::default()).await.unwrap();
    let expected = [
        format!("{EVE}  {EVE}@contoso.onmicrosoft.com -> ada.king@contoso.com  display name: yes"),
        format!(
            "{ADA}  {ADA}@contoso.onmicrosoft.com -> ada.king-4c5d@contoso.com  display name: yes  (taken: ada.king@contoso.com)"
        ),
        format!(
            "{BOB}  {BOB}@contoso.onmicrosoft.com -> bob.king-0b0b@contoso.com  display name: yes  (taken: bob.king@contoso.com)"
        ),
        "Of 5 users 3 would change, 2 of them to a second choice since the first is taken; 3 would get a display name. \
         2 left alone (1 already-named, 1 upn-not-default). Nothing was changed."
            .to_owned(),
    ];
    assert_eq!(shown.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test(start_paused = true)]
async fn what_is_previewed_is_what_happens() {
    use usher_subscriber::Handler as _;
    let tenant = tenant();
    let shown = shown(&tenant, Preview::default()).await.unwrap();
    let consumer = tenant.consumer(&[]);
    for id in [EVE, ADA, BOB] {
        consumer.handle(&crate::testing::signed_up(id, time::Duration::MINUTE)).await;
        let became = format!("-> {}  display name: yes", tenant.upn(id));
        assert!(shown.contains(&became), "{became} is not in {shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn scripts_get_a_json_object_a_line() {
    let shown = shown(&tenant(), Preview { json: true, limit: None }).await.unwrap();
    let lines: Vec<Value> = shown.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ada = json!({
        "userId": ADA, "current": format!("{ADA}@contoso.onmicrosoft.com"), "new": "ada.king-4c5d@contoso.com",
        "taken": ["ada.king@contoso.com"], "setsDisplayName": true,
    });
    assert_eq!(lines[1], ada);
    let summary = json!({ "summary": {
        "users": 5, "wouldChange": 3, "collisions": 2, "displayNames": 3,
        "leftAlone": { "already-named": 1, "upn-not-default": 1 },
    } });
    assert_eq!(lines[3], summary);
}

#[tokio::test(start_paused = true)]
async fn no_more_users_are_read_than_asked_for() {
    for (limit, users) in [(1, 1), (2, 2), (3, 3), (9, 5)] {
        let preview = Preview { json: true, limit: NonZeroUsize::new(limit) };
        let shown = shown(&tenant(), preview).await.unwrap();
        let summary: Value = serde_json::from_str(shown.lines().last().unwrap()).unwrap();
        assert_eq!(summary["summary"]["users"], users, "limit {limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_tenant_has_a_summary_too() {
    let shown = shown(&Tenant::default(), Preview::default()).await.unwrap();
    assert!(shown.starts_with("Of 0 users 0 would change"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_throttled_is_asked_for_again() {
    let throttled = || problem(429, "TooManyRequests");
    let tenant = (0..RETRIES).fold(tenant(), |tenant, _| tenant.answers(Method::GET, throttled()));
    assert!(shown(&tenant, Preview::default()).await.is_ok());
    let tenant = (0..=RETRIES).fold(tenant, |tenant, _| tenant.answers(Method::GET, throttled()));
    let failure = shown(&tenant, Preview::default()).await.unwrap_err();
    assert!(matches!(failure, usher_service::Failure::Unavailable(_)), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_a_setting_to_mend() {
    let tenant = tenant().answers(Method::GET, problem(403, "Authorization_RequestDenied"));
    let failure = shown(&tenant, Preview::default()).await.unwrap_err();
    assert!(
        matches!(failure, usher_service::Failure::Setting { setting: "ENTRA_CLIENT_ID", .. }),
        "{failure}"
    );
}

#[test]
fn refused_credentials_are_a_setting_to_mend_and_an_outage_is_none() {
    let failed = |error: CredentialError| failure(error.into());
    let kind = CredentialKind::ClientSecret;
    let (code, aadsts, expires_at) = (None, Some(7_000_215), None);
    let secret = failed(CredentialError::Refused { kind, status: 401, code, aadsts, expires_at });
    assert!(
        matches!(secret, usher_service::Failure::Setting { setting: "ENTRA_CLIENT_SECRET", .. }),
        "{secret}"
    );
    let unreachable = failed(CredentialError::Transport(TransportError::Connect));
    assert!(matches!(unreachable, usher_service::Failure::Unavailable(_)), "{unreachable}");
}
