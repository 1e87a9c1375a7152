//! The platform's endpoint for managed identities, as App Service, Functions and Container Apps have it: whoever knows
//! the header that the platform has put into a container's environment gets that container's tokens.
//! <https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference>
//!
//! A virtual machine's endpoint stands at an address that SDKs know by heart (169.254.169.254): that can't be stood in for.

use axum::{
    Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;

use crate::{
    Answer, Call, IDENTITY_CLIENT_ID, IDENTITY_HEADER, Sandbox, entra::token, gate::gated, world::World,
};

const API_VERSION: &str = "2019-08-01";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    #[serde(rename = "api-version")]
    api_version: String,
    resource: String,
    client_id: Option<String>,
}

pub(crate) fn router(sandbox: &Sandbox) -> Router {
    Router::new()
        .route("/msi/token", gated(sandbox, Call::ManagedIdentity, get(issue)))
        .with_state(sandbox.clone())
}

/// A status that was ordered as a fault.
pub(crate) fn ordered(status: StatusCode) -> Answer {
    refusal(status, "An unexpected error occurred while fetching the token.")
}

async fn issue(State(sandbox): State<Sandbox>, Query(asked): Query<Asked>, headers: HeaderMap) -> Answer {
    sandbox.with(|world, now| hand_out(world, &asked, &headers, now).unwrap_or_else(|refused| refused))
}

fn hand_out(
    world: &mut World,
    asked: &Asked,
    headers: &HeaderMap,
    now: OffsetDateTime,
) -> Result<Answer, Answer> {
    let bad_request = |why| refusal(StatusCode::BAD_REQUEST, why);
    if headers.get("x-identity-header").is_none_or(|header| header != IDENTITY_HEADER) {
        return Err(refusal(StatusCode::UNAUTHORIZED, "The X-IDENTITY-HEADER is missing or wrong."));
    }
    if asked.api_version != API_VERSION {
        return Err(bad_request("The api-version is not supported."));
    }
    if asked.client_id.as_ref().is_some_and(|id| *id != IDENTITY_CLIENT_ID.to_string()) {
        return Err(bad_request(
            "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId.",
        ));
    }
    let resource = token::resource(&asked.resource);
    let resource =
        resource.ok_or_else(|| bad_request("The resource principal was not found in the tenant."))?;
    let given = token::give(world, IDENTITY_CLIENT_ID, resource, now);
    let given = given.map_err(|_| bad_request("The resource principal was not found in the tenant."))?;
    Ok(Answer::ok(json!({
        "access_token": given,
        // A text, unlike what the token endpoint says.
        "expires_on": (now + token::LIFETIME).unix_timestamp().to_string(),
        "resource": asked.resource,
        "token_type": "Bearer",
        "client_id": IDENTITY_CLIENT_ID,
    })))
}

fn refusal(status: StatusCode, message: &str) -> Answer {
    Answer::new(status, json!({"statusCode": status.as_u16(), "message": message}))
}
