use serde_json::{Value, json};
use time::macros::datetime;
use uuid::{Uuid, uuid};

use super::*;
use crate::testing::{NOON, USER, answer, graph, throttled};

const APP: Uuid = uuid!("00000003-0000-0000-c000-000000000000");

/// A sign-up as real tenants log it.
fn sign_up() -> Value {
    json!({
        "id": "Directory_9b3f_ABCDE_12345",
        "category": "UserManagement",
        "correlationId": "9b3f",
        "result": "success",
        "resultReason": "",
        "activityDisplayName": "Add user",
        "activityDateTime": "2026-01-01T11:59:58.1234567Z",
        "loggedByService": "Core Directory",
        "operationType": "Add",
        "userAgent": null,
        "initiatedBy": { "user": null, "app": {
            "appId": APP, "displayName": "Sign-up", "servicePrincipalId": null, "servicePrincipalName": ""
        } },
        "targetResources": [{
            "id": USER, "displayName": null, "type": "User", "userPrincipalName": "x@contoso.onmicrosoft.com",
            "groupType": null, "modifiedProperties": [
                { "displayName": "AccountEnabled", "oldValue": "[]", "newValue": "[true]" },
                { "displayName": "UserType", "oldValue": null, "newValue": "\"[\\\"Member\\\"]\"" },
                { "displayName": "Included Updated Properties", "oldValue": "", "newValue": "\"AccountEnabled\"" }
            ]
        }],
        "additionalDetails": []
    })
}

/// The sign-up with some of its fields replaced.
fn sign_up_with(changes: Value) -> String {
    let mut entry = sign_up();
    for (field, value) in changes.as_object().unwrap() {
        entry[field] = value.clone();
    }
    entry.to_string()
}

fn read(changes: Value) -> Result<AuditEntry, BadEntry> {
    AuditEntry::read(&sign_up_with(changes))
}

#[test]
fn a_real_entry_is_read() {
    let entry = read(json!({})).unwrap();
    assert_eq!(entry.at, datetime!(2026-01-01 11:59:58.1234567 UTC));
    assert_eq!(entry.activity.as_deref(), Some("Add user"));
    assert_eq!((entry.success, entry.target_user), (true, Some(USER)));
    assert_eq!(entry.actor, AuditActor { app_id: Some(APP), ..AuditActor::default() });
}

#[test]
fn what_the_log_leaves_out_or_empty_is_simply_not_there() {
    let bare = AuditEntry::read(r#"{ "id": "x", "activityDateTime": "2026-01-01T12:00:00+00:00" }"#).unwrap();
    let empty = read(json!({
        "id": "x", "activityDateTime": "2026-01-01T12:00:00.0000000Z", "activityDisplayName": "", "result": null,
        "correlationId": "", "targetResources": null, "initiatedBy": { "app": null, "user": { "id": "" } }
    }));
    assert_eq!(bare.at, NOON);
    assert_eq!(empty.unwrap(), bare);
}

#[test]
fn a_person_is_told_from_an_app() {
    let portal = json!({ "user": { "id": USER, "displayName": null }, "app": { "appId": "", "displayName": "ADIbizaUX" } });
    let actor = read(json!({ "initiatedBy": portal })).unwrap().actor;
    assert_eq!(actor, AuditActor { is_person: true, ..AuditActor::default() });
}

#[test]
fn a_bad_entry_is_named_by_id_and_place_and_never_by_value() {
    let problem = |changes| read(changes).unwrap_err().to_string();
    assert_eq!(
        problem(json!({ "activityDateTime": "ada@example.com" })),
        "entry Directory_9b3f_ABCDE_12345 of the audit log can't be read at activityDateTime"
    );
    assert_eq!(problem(json!({ "id": 7 })), "entry without an id of the audit log can't be read at id");
    assert_eq!(
        problem(json!({ "targetResources": [{ "id": USER, "type": ["ada"] }] })),
        "entry Directory_9b3f_ABCDE_12345 of the audit log can't be read at targetResources[0].type"
    );
}

#[tokio::test(start_paused = true)]
async fn a_window_is_followed_from_page_to_page_and_a_bad_entry_spoils_no_other() {
    let next = "https://graph.microsoft.com/v1.0/auditLogs/directoryAudits?$skiptoken=a%2Bb";
    let (graph, asked) = graph(move |n| match n {
        1 => {
            answer(200, &json!({ "value": [sign_up(), { "id": "bad" }, sign_up()], "@odata.nextLink": next }))
        }
        _ => answer(200, &json!({ "value": [] })),
    });
    let first = graph.audit_link("Add user", datetime!(2026-01-01 11:00 UTC), NOON);
    let page = graph.audit_page(&first).await.unwrap();
    assert_eq!(page.entries.iter().filter(|entry| entry.is_ok()).count(), 2);
    let page = graph.audit_page(&page.next.unwrap()).await.unwrap();
    assert_eq!(page.next, None);
    let urls = asked.urls();
    assert_eq!(
        urls[0],
        "https://graph.microsoft.com/v1.0/auditLogs/directoryAudits?%24filter=activityDisplayName%20eq%20%27Add\
         %20user%27%20and%20activityDateTime%20ge%202026-01-01T11%3A00%3A00.000Z%20and%20activityDateTime%20le\
         %202026-01-01T12%3A00%3A00.000Z&%24top=999"
    );
    assert_eq!(urls[1], next, "as it was given");
}

#[tokio::test(start_paused = true)]
async fn a_throttled_page_is_waited_for_and_asked_for_again() {
    let (graph, asked) = graph(|n| match n {
        1 => throttled(Some(3)),
        2 => throttled(None),
        _ => answer(200, &json!({ "value": [] })),
    });
    let start = Instant::now();
    graph.audit_page(&graph.audit_link("Add user", NOON, NOON)).await.unwrap();
    assert_eq!(start.elapsed(), Duration::from_secs(3) + THROTTLED_WAIT);
    let urls = asked.urls();
    assert!(urls.len() == 3 && urls.iter().all(|url| *url == urls[0]));
}

#[tokio::test(start_paused = true)]
async fn throttling_without_end_is_given_up() {
    let (graph, _) = graph(|_| throttled(Some(0)));
    let start = Instant::now();
    let problem = graph.audit_page(&graph.audit_link("Add user", NOON, NOON)).await.unwrap_err();
    assert!(problem.is_throttling());
    assert_eq!(start.elapsed(), PAGE_PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn a_link_to_another_host_is_refused_and_no_token_is_sent() {
    let links = [
        "https://evil.example/v1.0/x",
        "http://graph.microsoft.com/v1.0/x",
        "/v1.0/x",
        "https://graph.microsoft.com@evil.example/",
    ];
    for link in links {
        let (graph, asked) = graph(move |_| answer(200, &json!({ "value": [], "@odata.nextLink": link })));
        let page = graph.audit_page(&graph.audit_link("Add user", NOON, NOON)).await.unwrap();
        let problem = graph.audit_page(&page.next.unwrap()).await.unwrap_err();
        assert_eq!(problem, GraphError::ForeignLink, "{link}");
        assert_eq!(asked.urls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_is_not_the_logs_is_an_error_that_quotes_nothing() {
    let (graph, _) = graph(|_| answer(200, &json!("ada@example.com")));
    let problem = graph.audit_page(&graph.audit_link("Add user", NOON, NOON)).await.unwrap_err();
    assert_eq!(problem.to_string(), "Graph's answer can't be read at a page of the log");
}

#[tokio::test(start_paused = true)]
async fn a_page_that_leads_back_to_itself_ends_the_poll() {
    let link = "https://graph.microsoft.com/v1.0/auditLogs/directoryAudits?$skiptoken=x";
    let (graph, _) = graph(move |_| answer(200, &json!({ "value": [], "@odata.nextLink": link })));
    let first = graph.audit_page(&graph.audit_link("Add user", NOON, NOON)).await.unwrap();
    let problem = graph.audit_page(&first.next.unwrap()).await.unwrap_err();
    assert_eq!(problem, GraphError::Unreadable { at: "@odata.nextLink".to_owned() });
}
