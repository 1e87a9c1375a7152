//! Users to try conditions on, read as they are read in life.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use toml::Spanned;
use usher_clock::Clock;
use usher_entra::{CredentialSettings, EntraSettings, User};
use usher_http::{HttpClient, Request, Response, TransportError};
use uuid::{Uuid, uuid};

use crate::{Conditions, FileError, When};

pub(crate) const APP: Uuid = uuid!("33333333-0000-4000-8000-000000000001");
const USER: Uuid = uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");

/// A user with these properties.
pub(crate) async fn user(mut properties: Value) -> User {
    properties["id"] = json!(USER);
    let http = HttpClient::new(tower::service_fn(move |request: Request| {
        let token = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "a-token" });
        let body = if request.uri().path().ends_with("/token") { &token } else { &properties };
        let answer = http::Response::new(Bytes::from(body.to_string()));
        async move { Ok::<Response, TransportError>(answer) }
    }));
    let graph = settings().graph(http, Clock::system()).unwrap();
    graph.user(USER, &["identities"]).await.unwrap()
}

fn settings() -> EntraSettings {
    EntraSettings {
        tenant_id: USER,
        client_id: APP,
        credential: CredentialSettings::client_secret("hush"),
        authority_host: "https://login.microsoftonline.com".parse().unwrap(),
        graph_endpoint: "https://graph.microsoft.com".parse().unwrap(),
        graph_writes_per_second: 18.try_into().unwrap(),
    }
}

/// The identities of somebody who signs in with an address that the tenant verified.
pub(crate) fn local(address: &str) -> Value {
    json!([
        { "signInType": "emailAddress", "issuer": "seats.onmicrosoft.com", "issuerAssignedId": address },
        { "signInType": "userPrincipalName", "issuer": "seats.onmicrosoft.com", "issuerAssignedId": "x@seats" },
    ])
}

/// The identities of somebody for whom somebody else vouches.
pub(crate) fn federated(issuer: &str) -> Value {
    json!([
        { "signInType": "federated", "issuer": issuer, "issuerAssignedId": "104" },
        { "signInType": "userPrincipalName", "issuer": "seats.onmicrosoft.com", "issuerAssignedId": "x@seats" },
    ])
}

/// What a consumer's own file would have around a `when`.
#[derive(Deserialize)]
struct Rule {
    self_asserted: Option<Spanned<bool>>,
    when: Option<Spanned<When>>,
}

/// The conditions in these lines of a file.
pub(crate) fn read(lines: &str) -> Result<Conditions, FileError> {
    let Rule { self_asserted, when } = toml::from_str(lines).unwrap();
    Conditions::read(when.as_ref(), self_asserted.as_ref()).map_err(|problem| problem.in_text(lines))
}

/// The conditions of this `when`.
pub(crate) fn conditions(when: &str) -> Conditions {
    let self_asserted = if when.contains("attribute") { "self_asserted = true\n" } else { "" };
    read(&format!("{self_asserted}when = {when}\n")).unwrap()
}
