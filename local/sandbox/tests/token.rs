//! The token endpoint, as `shared/entra` meets it.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use http::Request;
use support::{Edge, good_token_form, pass, prompt, seconds};
use usher_sandbox::{CLIENT_ID, GRAPH_URL, TENANT_DOMAIN, TENANT_ID};

#[tokio::test(start_paused = true)]
async fn a_good_secret_gets_a_token_for_an_hour_less_a_second() {
    let edge = Edge::new(prompt());
    let id = CLIENT_ID.to_string();
    for tenant in [TENANT_ID.to_string(), TENANT_DOMAIN.to_owned()] {
        let reply = edge.token_form(&tenant, &good_token_form(&id)).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.body["token_type"], "Bearer");
        assert_eq!(reply.body["expires_in"], 3599);
        assert!(reply.body["access_token"].as_str().unwrap().len() > 40);
    }
}

#[tokio::test(start_paused = true)]
async fn each_mistake_gets_entras_own_error() {
    let edge = Edge::new(prompt());
    let (id, tenant) = (CLIENT_ID.to_string(), TENANT_ID.to_string());
    for (field, value, status, error, code) in [
        ("client_secret", "wrong", 401, "invalid_client", 7_000_215),
        ("client_secret", "", 401, "invalid_client", 7_000_218),
        ("client_id", "c11e0000-0000-4000-8000-00000000ffff", 400, "unauthorized_client", 700_016),
        ("grant_type", "password", 400, "unsupported_grant_type", 70_003),
        ("grant_type", "", 400, "invalid_request", 900_144),
        ("scope", "User.Read", 400, "invalid_scope", 1_002_012),
        ("scope", "", 400, "invalid_request", 900_144),
        ("resource", "https://graph.microsoft.com", 400, "invalid_request", 90_100),
    ] {
        let mut form = good_token_form(&id).to_vec();
        form.retain(|(name, _)| *name != field);
        form.push((field, value));
        let reply = edge.token_form(&tenant, &form).await;
        assert_eq!((reply.status, reply.error().as_str()), (status, Some(error)), "{field}={value}");
        assert_eq!(reply.body["error_codes"][0], code, "{field}={value}");
        let description = reply.body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
    }
    let reply = edge.token_form("contoso.com", &good_token_form(&id)).await;
    assert_eq!((reply.status, &reply.body["error_codes"][0]), (400, &90_002.into()));
}

#[tokio::test(start_paused = true)]
async fn graph_takes_a_token_until_it_expires_and_no_other() {
    let edge = Edge::new(prompt());
    let token = edge.token().await;
    let ask = async |authorization: &str| {
        let request = Request::get(format!("{GRAPH_URL}/v1.0/auditLogs/directoryAudits"));
        edge.send(request.header("authorization", authorization), "").await.unwrap()
    };

    assert_eq!(ask(&format!("Bearer {token}")).await.status, 200);
    for wrong in ["", "Bearer opaque.else", &token] {
        let reply = ask(wrong).await;
        assert_eq!((reply.status, reply.error()["code"].as_str()), (401, Some("InvalidAuthenticationToken")));
    }
    pass(seconds(3599)).await;
    assert_eq!(ask(&format!("Bearer {token}")).await.status, 401);
}
