use std::time::Duration;

use secrecy::SecretString;
use serde_json::json;
use usher_http::Failure;

use super::*;
use crate::{
    ClientCredentials,
    testing::{TENANT, USER, answer, graph},
};

fn ada() -> Value {
    json!({ "id": USER, "displayName": "Ada", "surname": "", "mail": null, "identities": [
        { "signInType": "emailAddress", "issuer": "contoso.onmicrosoft.com", "issuerAssignedId": "ada@example.com" },
        "not an identity"
    ] })
}

#[tokio::test(start_paused = true)]
async fn a_user_is_read_as_far_as_was_asked_for() {
    let (graph, asked) = graph(|_| answer(200, &ada()));
    let user = graph.user(USER, &["displayName", "mail"]).await.unwrap();
    assert_eq!(user.text("displayName"), Some("Ada"));
    assert_eq!((user.text("surname"), user.text("mail"), user.text("other")), (None, None, None));
    assert_eq!(user.identities().len(), 1);
    let expected = format!("https://graph.microsoft.com/v1.0/users/{USER}?%24select=id%2CdisplayName%2Cmail");
    assert_eq!(asked.urls(), [expected]);
    assert!(!format!("{user:?}{:?}", user.identities()).contains("da"), "no personal data in debug output");
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_somebody_else_is_not_taken() {
    let (graph, _) = graph(|_| answer(200, &json!({ "id": TENANT, "displayName": "Eve" })));
    let problem = graph.user(USER, &["displayName"]).await.unwrap_err();
    assert_eq!(problem, GraphError::Unreadable { at: "id".to_owned() });
}

#[tokio::test(start_paused = true)]
async fn a_401_gets_one_fresh_token_and_one_more_try() {
    let (patient, asked) = graph(|n| if n == 1 { answer(401, &json!({})) } else { answer(204, &json!({})) });
    patient.patch_user(USER, &json!({ "extension_x": "cus_1" })).await.unwrap();
    assert_eq!(asked.tokens(), ["Bearer token-1", "Bearer token-2"]);
    assert_eq!(asked.all()[1].body(), r#"{"extension_x":"cus_1"}"#);
    assert_eq!(asked.all()[1].method(), "PATCH");

    let (refused, asked) =
        graph(|_| answer(401, &json!({ "error": { "code": "InvalidAuthenticationToken" } })));
    let problem = refused.user(USER, &[]).await.unwrap_err();
    assert_eq!(
        problem.to_string(),
        "Graph refuses our credentials or permissions: 401 InvalidAuthenticationToken"
    );
    assert_eq!(asked.urls().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_batch_tells_each_user_apart() {
    let ids: Vec<Uuid> = (0..5).map(|n| Uuid::from_u128(USER.as_u128() + n)).collect();
    let told = ids.clone();
    let (graph, asked) = graph(move |_| {
        // In another order, as Graph does.
        answer(
            200,
            &json!({ "responses": [
            { "id": "3", "status": 200, "body": { "id": "someone" } },
            { "id": "2", "status": 429, "headers": { "Retry-After": "7" }, "body": { "error": { "code": "TooManyRequests" } } },
            { "id": "1", "status": 404, "body": { "error": { "code": "Request_ResourceNotFound" } } },
            { "id": "0", "status": 200, "headers": { "Content-Type": "application/json" }, "body": { "id": told[0], "mail": "x" } }
        ] }),
        )
    });
    let users = graph.users_by_id(&ids, &["mail"]).await.unwrap();
    assert_eq!(users.iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
    assert_eq!(users[0].1.as_ref().unwrap().text("mail"), Some("x"));
    assert!(matches!(users[1].1, Err(GraphError::NotFound(_))));
    let throttled = users[2].1.clone().unwrap_err();
    assert_eq!(Failure::from(throttled).retry_after, Some(Duration::from_secs(7)));
    assert!(matches!(users[3].1, Err(GraphError::Unreadable { .. })), "another user's answer");
    assert!(matches!(users[4].1, Err(GraphError::Unreadable { .. })), "no answer at all");

    let sent: Value = serde_json::from_slice(asked.all()[0].body()).unwrap();
    let first = json!({ "id": "0", "method": "GET", "url": format!("/users/{}?$select=id,mail", ids[0]) });
    assert_eq!(sent["requests"][0], first);
}

#[tokio::test(start_paused = true)]
async fn a_refused_secret_says_which_setting_to_look_at() {
    let http = HttpClient::new(tower::service_fn(|_: Request| async {
        Ok(answer(
            401,
            &json!({
                "error": "invalid_client", "error_codes": [7000215], "error_description": "Invalid secret hush"
            }),
        ))
    }));
    let clock = Clock::system();
    let authority = "https://login.microsoftonline.com".parse().unwrap();
    let credential = ClientCredentials::with_secret(
        http.clone(),
        &authority,
        TENANT,
        USER,
        SecretString::from("hush"),
        clock,
    );
    let graph = Graph::new(http, "https://graph.microsoft.com".parse().unwrap(), Arc::new(credential), clock);
    let problem = graph.check_token().await.unwrap_err();
    assert_eq!(problem.to_string(), "Entra refuses our credentials: 401 invalid_client AADSTS7000215");
    assert!(problem.remedy().contains("ENTRA_CLIENT_SECRET"));
    assert!(!format!("{problem:?}").contains("hush"));
}
