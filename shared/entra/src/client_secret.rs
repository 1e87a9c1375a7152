//! The client credentials grant with a shared secret.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{StatusCode, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::form_urlencoded;
use usher_clock::Clock;
use usher_http::{BaseUrl, Failure, FailureClass, HttpClient, Request, Response, Url, retry_after};
use uuid::Uuid;

use crate::{AccessToken, Credential, CredentialError};

/// How long Entra may take: all calls to Graph wait for it meanwhile.
const TOKEN_BOUND: Duration = Duration::from_secs(10);

/// An app registration's id and secret.
pub struct ClientSecret {
    http: HttpClient,
    endpoint: Url,
    client_id: Uuid,
    secret: SecretString,
    clock: Clock,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    /// Seconds.
    expires_in: u64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Denied {
    error: String,
    error_codes: Vec<u32>,
}

impl ClientSecret {
    /// The credential of app `client_id` in tenant `tenant_id`, shown to the token endpoint at `authority`.
    pub fn new(
        http: HttpClient,
        authority: &BaseUrl,
        tenant_id: Uuid,
        client_id: Uuid,
        secret: SecretString,
        clock: Clock,
    ) -> Self {
        let endpoint = authority.join(&format!("/{tenant_id}/oauth2/v2.0/token"), []);
        Self { http: http.with_timeout(TOKEN_BOUND), endpoint, client_id, secret, clock }
    }

    fn request(&self, scope: &str) -> Request {
        let form = form_urlencoded::Serializer::new(String::new())
            .append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.client_id.to_string())
            .append_pair("client_secret", self.secret.expose_secret())
            .append_pair("scope", scope)
            .finish();
        http::Request::post(self.endpoint.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form))
            .expect("a joined URL is a valid address")
    }

    fn granted(&self, answer: &Response) -> Result<AccessToken, CredentialError> {
        let granted: Granted =
            serde_json::from_slice(answer.body()).map_err(|_| CredentialError::Unreadable)?;
        let expires_at = self.clock.now() + Duration::from_secs(granted.expires_in);
        Ok(AccessToken { secret: granted.access_token.into(), expires_at })
    }

    fn denied(&self, answer: &Response) -> CredentialError {
        let denied: Denied = serde_json::from_slice(answer.body()).unwrap_or_default();
        let failure = |class| Failure::status(class, answer.status().as_u16()).with_code(Some(&denied.error));
        if answer.status() == StatusCode::TOO_MANY_REQUESTS || answer.status().is_server_error() {
            let after = retry_after(answer.headers(), self.clock.now());
            return CredentialError::Transient(failure(FailureClass::Transient).with_retry_after(after));
        }
        CredentialError::Refused {
            status: answer.status().as_u16(),
            code: failure(FailureClass::Unauthorized).code,
            aadsts: denied.error_codes.first().copied(),
        }
    }
}

#[async_trait]
impl Credential for ClientSecret {
    async fn token(&self, scope: &str) -> Result<AccessToken, CredentialError> {
        let answer = self.http.send(self.request(scope)).await?;
        if answer.status() == StatusCode::OK { self.granted(&answer) } else { Err(self.denied(&answer)) }
    }
}
