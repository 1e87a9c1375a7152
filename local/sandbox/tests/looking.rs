//! What can be asked about somebody without changing anything: who is new, who is in which groups, who is on the list.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use http::Method;
use serde_json::{Value, json};
use support::{Edge, START, form, prompt, seconds};
use usher_sandbox::{
    BUSINESS_GROUP_ID, GRAPH_URL, MEMBERS_GROUP_ID, NewSignUp, PORTAL_RESOURCE_ID, PORTAL_ROLE_ID,
    PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET,
};
use uuid::Uuid;

/// `md5("ada@example.com")`.
const ADA: &str = "3e3417d7ef77d5932a6734b916515ed5";

async fn ids(edge: &Edge, filter: &str) -> Vec<String> {
    let query = form(&[("$select", "id"), ("$filter", filter)]);
    let reply = edge.graph(Method::GET, &format!("/users?{query}"), None).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let users = reply.body["value"].as_array().unwrap().iter();
    users.map(|user| user["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn users_can_be_filtered_by_when_they_were_made_and_by_nothing_else() {
    let edge = Edge::new(prompt());
    let at = |ago| NewSignUp { at: Some(START - seconds(ago)), ..NewSignUp::default() };
    let (_earlier, later) = (edge.sandbox.sign_up(at(7200)), edge.sandbox.sign_up(at(60)));
    assert_eq!(ids(&edge, "createdDateTime ge 2026-03-01T08:30:00Z").await, [later.to_string()]);
    assert_eq!(ids(&edge, "createdDateTime ge 2026-02-28T00:00:00Z").await.len(), 2);
    for wrong in ["createdDateTime ge yesterday", "displayName eq 'Ada'"] {
        let query = form(&[("$filter", wrong)]);
        assert_eq!(edge.graph(Method::GET, &format!("/users?{query}"), None).await.status, 400, "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn of_the_groups_asked_about_those_are_told_that_the_user_is_in() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let member = json!({ "@odata.id": format!("{GRAPH_URL}/v1.0/directoryObjects/{user}") });
    let added = format!("/groups/{MEMBERS_GROUP_ID}/members/$ref");
    assert_eq!(edge.graph(Method::POST, &added, Some(member)).await.status, 204);
    let ask = async |user: Uuid, groups: Value| {
        let body = json!({ "groupIds": groups });
        edge.graph(Method::POST, &format!("/users/{user}/checkMemberGroups"), Some(body)).await
    };
    let told = ask(user, json!([MEMBERS_GROUP_ID, BUSINESS_GROUP_ID])).await;
    assert_eq!((told.status, &told.body["value"]), (200, &json!([MEMBERS_GROUP_ID])));
    assert_eq!(ask(user, json!(vec![MEMBERS_GROUP_ID; 21])).await.status, 400, "twenty at most");
    assert_eq!(ask(user, json!(["members"])).await.status, 400);
    assert_eq!(ask(Uuid::nil(), json!([])).await.status, 404);
    let token = edge.token_of(PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET).await;
    let body = Some(json!({ "groupIds": [] }));
    let path = format!("/users/{user}/checkMemberGroups");
    let refused = edge.try_graph_as(&token, Method::POST, &path, body).await.unwrap();
    assert_eq!(refused.status, 403, "it takes a right to read groups");
}

#[tokio::test(start_paused = true)]
async fn the_roles_of_a_user_are_told_resource_by_resource() {
    let edge = Edge::new(prompt());
    let user = edge.sandbox.sign_up(NewSignUp::default());
    let path = format!("/users/{user}/appRoleAssignments");
    let roles = async |resource: Uuid| {
        let filter = form(&[("$filter", &format!("resourceId eq {resource}"))]);
        edge.graph(Method::GET, &format!("{path}?{filter}"), None).await.body["value"].clone()
    };
    assert_eq!(roles(PORTAL_RESOURCE_ID).await, json!([]));
    let role = json!({ "principalId": user, "resourceId": PORTAL_RESOURCE_ID, "appRoleId": PORTAL_ROLE_ID });
    assert_eq!(edge.graph(Method::POST, &path, Some(role)).await.status, 201);
    assert_eq!(roles(PORTAL_RESOURCE_ID).await[0]["appRoleId"], json!(PORTAL_ROLE_ID));
    assert_eq!(roles(Uuid::nil()).await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_member_can_be_looked_at_and_is_not_found_before_being_put() {
    let edge = Edge::new(prompt());
    let member = format!("/members/{ADA}");
    let found = async || edge.mailchimp(Method::GET, &format!("{member}?fields=id,status,tags"), None).await;
    assert_eq!((found().await.status, &found().await.body["title"]), (404, &json!("Resource Not Found")));
    let body = json!({ "email_address": "ada@example.com", "status_if_new": "subscribed" });
    assert_eq!(edge.mailchimp(Method::PUT, &member, Some(body)).await.status, 200);
    let tag = json!({ "tags": [{ "name": "vip", "status": "active" }] });
    assert_eq!(edge.mailchimp(Method::POST, &format!("{member}/tags"), Some(tag)).await.status, 204);
    let expected = json!({ "id": ADA, "status": "subscribed", "tags": [{ "name": "vip" }] });
    assert_eq!(found().await.body, expected);
}
