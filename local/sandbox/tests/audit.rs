//! The audit log: what it holds, when it shows, how it is paged and throttled.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use std::collections::BTreeSet;

use http::Method;
use serde_json::Value;
use support::{Edge, Reply, START, pass, prompt, seconds};
use usher_sandbox::{Crowd, Kind, NewSignUp, SIGN_UP_APP_ID};

fn entries(reply: &Reply) -> &[Value] {
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body["value"].as_array().unwrap()
}

fn users(reply: &Reply) -> BTreeSet<String> {
    entries(reply)
        .iter()
        .map(|entry| entry["targetResources"][0]["id"].as_str().unwrap().to_owned())
        .collect()
}

const ADD_USER: (&str, &str) = ("$filter", "activityDisplayName eq 'Add user'");

#[tokio::test(start_paused = true)]
async fn a_sign_up_is_add_user_by_the_sign_up_app_with_no_user_as_its_actor() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());

    let reply = edge.audits(&[ADD_USER]).await;
    let entry = &entries(&reply)[0];
    assert_eq!(entry["category"], "UserManagement");
    assert_eq!(entry["loggedByService"], "Core Directory");
    assert_eq!((entry["result"].as_str(), entry["resultReason"].as_str()), (Some("success"), Some("")));
    assert_eq!(entry["initiatedBy"]["user"], Value::Null);
    assert_eq!(entry["initiatedBy"]["app"]["appId"], SIGN_UP_APP_ID.to_string());
    assert_eq!(entry["targetResources"][0]["id"], user.to_string());
    let changes = entry["targetResources"][0]["modifiedProperties"].as_array().unwrap();
    assert!(changes.iter().any(|c| c["displayName"] == "AccountEnabled" && c["newValue"] == "[true]"));
}

#[tokio::test(start_paused = true)]
async fn times_have_seven_digits_and_either_zone() {
    let edge = Edge::new(prompt());
    edge.sandbox.generate(&Crowd::of(40));

    let reply = edge.audits(&[ADD_USER]).await;
    let mut zones = BTreeSet::new();
    for entry in entries(&reply) {
        let time = entry["activityDateTime"].as_str().unwrap();
        let (_, fraction) = time.split_once('.').unwrap();
        assert!(fraction.as_bytes()[..7].iter().all(u8::is_ascii_digit), "{time}");
        zones.insert(fraction[7..].to_owned());
    }
    assert_eq!(zones, BTreeSet::from(["+00:00".to_owned(), "Z".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn companions_share_the_correlation_id_and_only_the_activity_tells_them_apart() {
    let edge = Edge::new(prompt());
    edge.sandbox.generate(&Crowd { bystanders: 0, short_lived: 0, ..Crowd::of(10) });
    pass(seconds(1)).await;

    let reply = edge.audits(&[]).await;
    let adds: Vec<_> =
        entries(&reply).iter().filter(|entry| entry["activityDisplayName"] == "Add user").collect();
    let grants = entries(&reply)
        .iter()
        .filter(|e| e["activityDisplayName"] == "Add app role assignment grant to user");
    let grants: Vec<_> = grants.collect();
    assert_eq!((adds.len(), grants.len()), (10, 10));
    for add in adds {
        let grant = grants.iter().find(|grant| grant["correlationId"] == add["correlationId"]).unwrap();
        assert_eq!(grant["category"], "UserManagement");
        assert_ne!(grant["id"], add["id"]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_did_not_sign_up_is_in_the_log_and_can_be_told_apart() {
    let edge = Edge::new(prompt());
    let make = |kind| edge.sandbox.sign_up(NewSignUp { kind, ..NewSignUp::default() }).to_string();
    let (admin, other, failed) = (make(Kind::AdminMade), make(Kind::OtherApp), make(Kind::Failed));

    let reply = edge.audits(&[ADD_USER]).await;
    let of = |id: &str| entries(&reply).iter().find(|entry| entry["targetResources"][0]["id"] == id).unwrap();
    assert_eq!(of(&admin)["initiatedBy"]["app"]["displayName"], "ADIbizaUX");
    assert!(of(&admin)["initiatedBy"]["user"]["userPrincipalName"].is_string());
    assert!(of(&admin)["initiatedBy"]["user"]["displayName"].is_null());
    assert_ne!(of(&other)["initiatedBy"]["app"]["appId"], SIGN_UP_APP_ID.to_string());
    assert_eq!(of(&failed)["result"], "failure");
    assert_eq!(edge.graph(Method::GET, &format!("/users/{failed}"), None).await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn an_entry_shows_only_after_its_latency_so_entries_come_out_of_order() {
    let edge = Edge::new(prompt());
    let late = NewSignUp { audit_latency: Some(seconds(2700)), ..NewSignUp::default() };
    let late = edge.sandbox.sign_up(late).to_string();
    pass(seconds(60)).await;
    let prompt = edge.sandbox.sign_up(NewSignUp::default()).to_string();

    assert_eq!(users(&edge.audits(&[ADD_USER]).await), BTreeSet::from([prompt.clone()]));
    pass(seconds(2639)).await;
    assert_eq!(users(&edge.audits(&[ADD_USER]).await), BTreeSet::from([prompt.clone()]));
    pass(seconds(1)).await;
    assert_eq!(users(&edge.audits(&[ADD_USER]).await), BTreeSet::from([prompt, late]));
}

#[tokio::test(start_paused = true)]
async fn what_is_still_to_come_does_not_show() {
    let edge = Edge::new(prompt());
    edge.sandbox.sign_up(NewSignUp { at: Some(START + seconds(100)), ..NewSignUp::default() });
    assert!(entries(&edge.audits(&[]).await).is_empty());
    pass(seconds(101)).await;
    assert!(!entries(&edge.audits(&[]).await).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_filter_by_time_and_activity_is_obeyed() {
    let edge = Edge::new(prompt());
    edge.sandbox.generate(&Crowd { bystanders: 0, short_lived: 0, ..Crowd::of(10).over(seconds(1000)) });
    pass(seconds(2000)).await;
    let filter = "activityDateTime ge 2026-03-01T09:03:20Z and activityDateTime le 2026-03-01T09:06:40Z \
                  and activityDisplayName eq 'Add user'";
    assert_eq!(entries(&edge.audits(&[("$filter", filter)]).await).len(), 3);
}

#[tokio::test(start_paused = true)]
async fn an_entry_is_found_by_the_very_time_that_it_shows() {
    let edge = Edge::new(prompt());
    let at = START - std::time::Duration::from_nanos(123_456_789);
    edge.sandbox.sign_up(NewSignUp { at: Some(at), ..NewSignUp::default() });

    let reply = edge.audits(&[ADD_USER]).await;
    let shown = entries(&reply)[0]["activityDateTime"].as_str().unwrap();
    assert!(shown.starts_with("2026-03-01T08:59:59.8765432"), "{shown}");
    let again = edge.audits(&[("$filter", &format!("activityDateTime eq {shown}"))]).await;
    assert_eq!(entries(&again), entries(&reply));
}

#[tokio::test(start_paused = true)]
async fn entries_come_newest_first_or_as_ordered() {
    let edge = Edge::new(prompt());
    edge.sandbox.generate(&Crowd::of(10).over(seconds(10)));
    pass(seconds(30)).await;
    let times = |reply: &Reply| -> Vec<String> {
        let times =
            entries(reply).iter().map(|entry| entry["activityDateTime"].as_str().unwrap()[..27].to_owned());
        times.collect()
    };
    let newest_first = times(&edge.audits(&[]).await);
    assert!(newest_first.is_sorted_by(|a, b| a >= b), "{newest_first:?}");
    assert!(times(&edge.audits(&[("$orderby", "activityDateTime")]).await).is_sorted());
}

#[tokio::test(start_paused = true)]
async fn what_graph_does_not_support_is_a_bad_request() {
    let edge = Edge::new(prompt());
    for option in [
        ("$filter", "category eq 'UserManagement'"),
        ("$filter", "activityDateTime lt 2026-01-01T00:00:00Z"),
        ("$orderby", "id"),
        ("$top", "0"),
        ("$top", "many"),
        ("$select", "id"),
        ("top", "1"),
        ("$skiptoken", "forged"),
    ] {
        let reply = edge.audits(&[option]).await;
        assert_eq!((reply.status, reply.error()["code"].as_str()), (400, Some("BadRequest")), "{option:?}");
        pass(seconds(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pages_are_followed_by_their_link_and_show_the_log_as_it_was_at_the_first() {
    let mut settings = prompt();
    settings.audit.page_size = 7;
    let edge = Edge::new(settings);
    let ids = edge.sandbox.generate(&Crowd { bystanders: 0, short_lived: 0, ..Crowd::of(20) });

    let first = edge.audits(&[ADD_USER, ("$top", "999")]).await;
    assert_eq!(entries(&first).len(), 7);
    edge.sandbox.sign_up(NewSignUp::default());
    let link = first.body["@odata.nextLink"].as_str().unwrap().to_owned();
    assert!(link.starts_with("https://graph.sandbox.test/v1.0/auditLogs/directoryAudits?"), "{link}");
    let second = edge.graph(Method::GET, &link, None).await;
    let again = edge.graph(Method::GET, &link, None).await;
    assert_eq!(entries(&second), entries(&again), "a page can be asked for again");
    let third = edge.graph(Method::GET, second.body["@odata.nextLink"].as_str().unwrap(), None).await;
    assert_eq!(third.body.get("@odata.nextLink"), None);

    let seen: BTreeSet<_> = [&first, &second, &third].into_iter().flat_map(users).collect();
    assert_eq!(seen, ids.iter().map(ToString::to_string).collect());

    let forged = link.replace("Add+user", "Update+user");
    assert_ne!(forged, link);
    assert_eq!(edge.graph(Method::GET, &forged, None).await.status, 400, "a link is followed as it is");
}

#[tokio::test(start_paused = true)]
async fn the_sixth_request_in_ten_seconds_is_throttled_usually_with_retry_after() {
    let edge = Edge::new(prompt());
    for _ in 0..5 {
        assert_eq!(edge.audits(&[]).await.status, 200);
    }
    let mut waits = BTreeSet::new();
    for _ in 0..20 {
        let reply = edge.audits(&[]).await;
        assert_eq!((reply.status, reply.error()["code"].as_str()), (429, Some("TooManyRequests")));
        waits.insert(reply.header("retry-after").map(str::to_owned));
    }
    assert_eq!(waits, BTreeSet::from([None, Some("10".to_owned())]));
    pass(seconds(10)).await;
    assert_eq!(edge.audits(&[]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn entries_past_their_retention_are_gone() {
    let mut settings = prompt();
    settings.audit.retention = seconds(7 * 24 * 3600);
    let edge = Edge::new(settings);
    edge.sandbox.sign_up(NewSignUp::default());
    pass(seconds(7 * 24 * 3600)).await;
    assert!(!entries(&edge.audits(&[ADD_USER]).await).is_empty());
    pass(seconds(1)).await;
    assert!(entries(&edge.audits(&[ADD_USER]).await).is_empty());
}
