//! The token endpoint, for a signed claim (RFC 7523).
//! <https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_jwt_flow.htm>

use std::time::Duration;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri, header},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use url::form_urlencoded;

use crate::{Answer, SALESFORCE_CLIENT_ID, SALESFORCE_URL, SALESFORCE_USERNAME, Sandbox, world::World};

/// The public half of [`crate::SALESFORCE_PRIVATE_KEY`], as PKCS#1 in DER.
const PUBLIC_KEY: &[u8] = include_bytes!("../../salesforce-key.pub");
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// How far ahead a claim may expire.
const LONGEST_CLAIM: Duration = Duration::from_secs(180);

/// An error of the token endpoint.
#[derive(Debug)]
struct Denied {
    status: StatusCode,
    error: &'static str,
    description: &'static str,
}

impl Denied {
    const fn new(error: &'static str, description: &'static str) -> Self {
        Self { status: StatusCode::BAD_REQUEST, error, description }
    }

    const fn bad_assertion() -> Self {
        Self::new("invalid_grant", "invalid assertion")
    }

    fn answer(self) -> Answer {
        Answer::new(self.status, json!({"error": self.error, "error_description": self.description}))
            .with("cache-control", "no-store")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    alg: String,
    #[serde(default, rename = "typ")]
    _typ: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Claim {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
}

pub(super) async fn issue(
    State(sandbox): State<Sandbox>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let base = base_url(&uri, &headers);
    sandbox.with(|world, now| match assertion(&body).and_then(|assertion| check(&assertion, &base, now)) {
        Ok(()) => hand_out(world, &base, now),
        Err(denied) => denied.answer(),
    })
}

/// A status that was ordered as a fault.
pub(super) fn ordered(status: StatusCode) -> Answer {
    let (error, description) = match status.as_u16() {
        400 => ("unknown_error", "retry your request"),
        401 | 403 => ("invalid_client", "invalid client credentials"),
        429 => ("invalid_grant", "login rate exceeded"),
        _ => ("server_error", "an unexpected error occurred"),
    };
    Denied { status, error, description }.answer()
}

/// Scheme and authority under which the caller reached us: where the token may be used.
fn base_url(uri: &Uri, headers: &HeaderMap) -> String {
    let scheme = uri.scheme_str().unwrap_or("http");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = uri.authority().map(|authority| authority.as_str()).or(host);
    format!("{scheme}://{}", authority.unwrap_or("localhost"))
}

fn assertion(body: &[u8]) -> Result<String, Denied> {
    let (mut grant_type, mut assertion) = (None, None);
    for (name, value) in form_urlencoded::parse(body).into_owned() {
        match name.as_str() {
            "grant_type" => grant_type = Some(value),
            "assertion" => assertion = Some(value),
            _ => return Err(Denied::new("invalid_request", "unknown parameter")),
        }
    }
    if grant_type.as_deref() != Some(GRANT) {
        return Err(Denied::new("unsupported_grant_type", "grant type not supported"));
    }
    assertion.ok_or(Denied::new("invalid_request", "must provide an assertion"))
}

fn check(assertion: &str, base: &str, now: OffsetDateTime) -> Result<(), Denied> {
    let claim = claim(assertion)?;
    if claim.iss != SALESFORCE_CLIENT_ID {
        return Err(Denied::new("invalid_client_id", "client identifier invalid"));
    }
    verify(assertion)?;
    if claim.aud != base && claim.aud != SALESFORCE_URL {
        return Err(Denied::new("invalid_grant", "audience is invalid"));
    }
    let expires = now.unix_timestamp()..=(now + LONGEST_CLAIM).unix_timestamp();
    if !expires.contains(&claim.exp) {
        return Err(Denied::new("invalid_grant", "expired authorization code"));
    }
    if claim.sub != SALESFORCE_USERNAME {
        return Err(Denied::new("invalid_grant", "user hasn't approved this consumer"));
    }
    Ok(())
}

fn claim(assertion: &str) -> Result<Claim, Denied> {
    let mut parts = assertion.split('.');
    let (Some(head), Some(claim)) = (parts.next(), parts.next()) else { return Err(Denied::bad_assertion()) };
    let head: Head = read(head)?;
    if head.alg != "RS256" {
        return Err(Denied::bad_assertion());
    }
    read(claim)
}

fn read<T: serde::de::DeserializeOwned>(part: &str) -> Result<T, Denied> {
    serde_json::from_slice(&decode(part)?).map_err(|_| Denied::bad_assertion())
}

fn decode(part: &str) -> Result<Vec<u8>, Denied> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Denied::bad_assertion())
}

fn verify(assertion: &str) -> Result<(), Denied> {
    let (signed, signature) = assertion.rsplit_once('.').ok_or(Denied::bad_assertion())?;
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, PUBLIC_KEY);
    key.verify(signed.as_bytes(), &decode(signature)?).map_err(|_| Denied::bad_assertion())
}

/// It does not say for how long the token is good.
fn hand_out(world: &mut World, base: &str, now: OffsetDateTime) -> Answer {
    let token = format!("00D5e0000000SEA!AQ{:032x}{:032x}", world.chance.u128(..), world.chance.u128(..));
    let until = now + world.settings.salesforce.session;
    world.salesforce.tokens.retain(|_, until| *until > now);
    world.salesforce.tokens.insert(token.clone(), until);
    Answer::ok(json!({
        "access_token": token,
        "scope": "api",
        "instance_url": base,
        "id": format!("{base}/id/00D5e0000000SEAAA2/0055e000000SEATAA2"),
        "token_type": "Bearer",
    }))
    .with("cache-control", "no-store")
}
