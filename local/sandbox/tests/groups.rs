//! Groups, app roles, and who may do what.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};
use support::{Edge, Reply, prompt, seconds, target};
use usher_sandbox::{
    ADMINS_GROUP_ID, App, AppRole, BILLING_CLIENT_ID, BILLING_CLIENT_SECRET, BIRTHRIGHTS_CLIENT_ID,
    BIRTHRIGHTS_CLIENT_SECRET, DYNAMIC_GROUP_ID, FaultKind, GRAPH_URL, MEMBERS_GROUP_ID, NewSignUp,
    PORTAL_RESOURCE_ID, PORTAL_ROLE_ID, PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET, Permission,
};
use uuid::Uuid;

fn reference(user: Uuid) -> Value {
    json!({"@odata.id": format!("{GRAPH_URL}/v1.0/directoryObjects/{user}")})
}

fn assignment(user: Uuid) -> Value {
    json!({"principalId": user, "resourceId": PORTAL_RESOURCE_ID, "appRoleId": PORTAL_ROLE_ID})
}

async fn add(edge: &Edge, group: Uuid, body: Value) -> Reply {
    edge.graph(Method::POST, &format!("/groups/{group}/members/$ref"), Some(body)).await
}

async fn assign(edge: &Edge, user: Uuid, body: Value) -> Reply {
    edge.graph(Method::POST, &format!("/users/{user}/appRoleAssignments"), Some(body)).await
}

fn message(reply: &Reply) -> &str {
    reply.error()["message"].as_str().unwrap()
}

#[tokio::test(start_paused = true)]
async fn somebody_is_added_once_and_the_second_time_graph_says_so() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let added = add(&edge, MEMBERS_GROUP_ID, reference(user)).await;
    assert_eq!((added.status, &added.body), (204, &Value::Null));
    assert_eq!(edge.effect(user).birthrights.actual.groups, BTreeSet::from([MEMBERS_GROUP_ID]));

    let again = add(&edge, MEMBERS_GROUP_ID, reference(user)).await;
    assert_eq!((again.status, again.error()["code"].as_str()), (400, Some("Request_BadRequest")));
    assert_eq!(
        message(&again),
        "One or more added object references already exist for the following modified properties: 'members'."
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_the_group_or_the_user() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let late = edge.sandbox.sign_up(NewSignUp { replication_lag: Some(seconds(20)), ..NewSignUp::default() });
    for (group, member, missing) in [
        (Uuid::nil(), user, Uuid::nil()),
        (MEMBERS_GROUP_ID, Uuid::nil(), Uuid::nil()),
        (MEMBERS_GROUP_ID, late, late),
    ] {
        let reply = add(&edge, group, reference(member)).await;
        assert_eq!((reply.status, reply.error()["code"].as_str()), (404, Some("Request_ResourceNotFound")));
        assert!(message(&reply).starts_with(&format!("Resource '{missing}' does not exist")), "{reply:?}");
    }
    assert!(edge.sandbox.delete_group(MEMBERS_GROUP_ID));
    assert_eq!(add(&edge, MEMBERS_GROUP_ID, reference(user)).await.status, 404);
    assert!(!edge.sandbox.delete_group(MEMBERS_GROUP_ID));
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_is_none_is_refused() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    for body in [
        json!({}),
        json!({"@odata.id": user}),
        json!({"@odata.id": format!("/v1.0/directoryObjects/{user}")}),
        json!({"@odata.id": format!("{GRAPH_URL}/v1.0/shoes/{user}")}),
        json!({"@odata.id": format!("{GRAPH_URL}/v1.0/directoryObjects/{user}"), "id": user}),
    ] {
        assert_eq!(add(&edge, MEMBERS_GROUP_ID, body.clone()).await.status, 400, "{body}");
    }
    assert!(edge.effect(user).birthrights.actual.groups.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_group_says_of_what_kind_it_is() {
    let edge = Edge::new(prompt());
    let select = "?$select=id,displayName,isAssignableToRole,groupTypes";
    let group = async |id: Uuid| edge.graph(Method::GET, &format!("/groups/{id}{select}"), None).await;
    for (id, assignable, types) in [
        (MEMBERS_GROUP_ID, Value::Null, json!([])),
        (ADMINS_GROUP_ID, json!(true), json!([])),
        (DYNAMIC_GROUP_ID, Value::Null, json!(["DynamicMembership"])),
    ] {
        let body = group(id).await.body;
        assert_eq!((&body["isAssignableToRole"], &body["groupTypes"]), (&assignable, &types));
        assert!(body["displayName"].is_string() && body.get("mailEnabled").is_none());
    }
    assert_eq!(group(Uuid::nil()).await.status, 404);
    let unknown = edge.graph(Method::GET, &format!("/groups/{MEMBERS_GROUP_ID}?$select=shoes"), None).await;
    assert_eq!(unknown.status, 400);
}

#[tokio::test(start_paused = true)]
async fn a_role_assignable_or_a_dynamic_group_takes_nobody() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    for group in [ADMINS_GROUP_ID, DYNAMIC_GROUP_ID] {
        let reply = add(&edge, group, reference(user)).await;
        assert_eq!(
            (reply.status, reply.error()["code"].as_str()),
            (403, Some("Authorization_RequestDenied"))
        );
    }
    edge.sandbox.change(|settings| {
        settings.apps[0].permissions.insert(Permission::RoleManagementReadWrite);
    });
    assert_eq!(add(&edge, ADMINS_GROUP_ID, reference(user)).await.status, 204);
    assert_eq!(add(&edge, DYNAMIC_GROUP_ID, reference(user)).await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn an_app_role_is_assigned_once_and_the_second_time_graph_says_so_in_one_of_two_ways() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let created = assign(&edge, user, assignment(user)).await;
    assert_eq!((created.status, &created.body["principalId"]), (201, &json!(user)));
    let role = AppRole { resource: PORTAL_RESOURCE_ID, role: PORTAL_ROLE_ID };
    assert_eq!(edge.effect(user).birthrights.actual.app_roles, BTreeSet::from([role]));

    let mut messages = BTreeSet::new();
    for _ in 0..20 {
        let again = assign(&edge, user, assignment(user)).await;
        assert_eq!(again.status, 400);
        messages.insert(message(&again).to_owned());
    }
    let both =
        ["EntitlementGrant entry already exists.", "Permission being assigned already exists on the object"];
    assert_eq!(messages, both.map(str::to_owned).into());
}

#[tokio::test(start_paused = true)]
async fn an_assignment_that_names_something_else_is_refused() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let with = |field: &str, value: Value| {
        let mut body = assignment(user);
        body[field] = value;
        body
    };
    for (body, status) in [
        (json!({}), 400),
        (with("principalId", json!(Uuid::nil())), 400),
        (with("appRoleId", json!(Uuid::nil())), 400),
        (with("resourceId", json!(Uuid::nil())), 404),
        (with("shoes", json!(2)), 400),
    ] {
        assert_eq!(assign(&edge, user, body.clone()).await.status, status, "{body}");
    }
    assert_eq!(assign(&edge, Uuid::nil(), assignment(Uuid::nil())).await.status, 404);
    let roles = format!("/servicePrincipals/{PORTAL_RESOURCE_ID}?$select=id,appRoles");
    let service = edge.graph(Method::GET, &roles, None).await;
    assert_eq!(service.body["appRoles"][0]["id"], json!(PORTAL_ROLE_ID));
    let nobody = edge.graph(Method::GET, &format!("/servicePrincipals/{}", Uuid::nil()), None).await;
    assert_eq!(nobody.status, 404);
}

#[tokio::test(start_paused = true)]
async fn one_batch_adds_to_groups_and_roles_and_each_answer_is_its_own() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    edge.sandbox.faults().next(target("graph.add_member"), 1, FaultKind::Status(429));
    let step = |id: &str, url: String, body: Value| json!({"id": id, "method": "POST", "url": url, "headers": {"Content-Type": "application/json"}, "body": body});
    let batch = json!({"requests": [
        step("0", format!("/groups/{MEMBERS_GROUP_ID}/members/$ref"), reference(user)),
        step("1", format!("/groups/{MEMBERS_GROUP_ID}/members/$ref"), reference(user)),
        step("2", format!("/groups/{}/members/$ref", Uuid::nil()), reference(user)),
        step("3", format!("/users/{user}/appRoleAssignments"), assignment(user)),
        json!({"id": "4", "method": "GET", "url": format!("/groups/{MEMBERS_GROUP_ID}?$select=id")}),
    ]});
    let reply = edge.graph(Method::POST, "/$batch", Some(batch)).await;
    let mut statuses: Vec<_> = reply.body["responses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (answer["id"].as_str().unwrap(), answer["status"].as_u64().unwrap()))
        .collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [("0", 429), ("1", 204), ("2", 404), ("3", 201), ("4", 200)]);
    assert_eq!(edge.sandbox.effects().totals.calls["graph.add_member"], 3);
}

#[tokio::test(start_paused = true)]
async fn an_app_may_do_only_what_it_was_granted() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let producer = edge.token_of(PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET).await;
    let billing = edge.token_of(BILLING_CLIENT_ID, BILLING_CLIENT_SECRET).await;
    let birthrights = edge.token_of(BIRTHRIGHTS_CLIENT_ID, BIRTHRIGHTS_CLIENT_SECRET).await;
    let (log, person) = ("/auditLogs/directoryAudits".to_owned(), format!("/users/{user}"));
    let members = format!("/groups/{MEMBERS_GROUP_ID}/members/$ref");
    let city = || Some(json!({"city": "Oslo"}));
    for (token, method, path, body, status) in [
        (&producer, Method::GET, &log, None, 200),
        (&billing, Method::GET, &log, None, 403),
        (&birthrights, Method::GET, &person, None, 200),
        (&producer, Method::PATCH, &person, city(), 403),
        (&birthrights, Method::PATCH, &person, city(), 403),
        (&billing, Method::PATCH, &person, city(), 204),
        (&billing, Method::POST, &members, Some(reference(user)), 403),
        (&birthrights, Method::POST, &members, Some(reference(user)), 204),
        (&billing, Method::GET, &format!("/groups/{MEMBERS_GROUP_ID}"), None, 403),
        (&billing, Method::GET, &format!("/servicePrincipals/{PORTAL_RESOURCE_ID}"), None, 403),
        (&billing, Method::POST, &format!("{person}/appRoleAssignments"), Some(assignment(user)), 403),
    ] {
        let reply = edge.try_graph_as(token, method.clone(), path, body).await.unwrap();
        assert_eq!(reply.status, status, "{method} {path}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_app_has_a_quota_of_its_own_that_refills() {
    let mut settings = prompt();
    settings.directory_writes = (2, seconds(4));
    let other = Uuid::from_u128(7);
    settings.apps.push(App::new(other, "other", [Permission::UserReadWrite]));
    let edge = Edge::new(settings);
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let (ours, theirs) = (edge.token().await, edge.token_of(other, "other").await);
    let write = async |token: &str| {
        let path = format!("/users/{user}");
        edge.try_graph_as(token, Method::PATCH, &path, Some(json!({"city": "Oslo"}))).await.unwrap().status
    };
    for expected in [204, 204, 429] {
        assert_eq!(write(&ours).await, expected);
    }
    assert_eq!(write(&theirs).await, 204);
    support::pass(seconds(2)).await;
    assert_eq!((write(&ours).await, write(&ours).await), (204, 429), "one of two has refilled");
}
