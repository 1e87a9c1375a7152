//! The client credentials grant: a token for the app registration itself, against a proof that we are it.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{StatusCode, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use time::OffsetDateTime;
use url::form_urlencoded;
use usher_clock::Clock;
use usher_http::{
    BaseUrl, Failure, FailureClass, HttpClient, Request, Response, TransportError, Url, retry_after,
};
use uuid::Uuid;

use crate::{AccessToken, Credential, CredentialError, CredentialKind, Expiry};

mod azure;
mod certificate;
mod federated;
mod secret;
mod vault;

pub(crate) use certificate::CertificateFile;
pub(crate) use federated::{ManagedIdentity, WorkloadIdentity};
pub(crate) use secret::{Secret, SecretFile};
pub(crate) use vault::{VaultCertificate, VaultCertificateUrl};

/// How long Entra may take: all calls to Graph wait for it meanwhile.
const TOKEN_BOUND: Duration = Duration::from_secs(10);
/// How long a proof may take to make: two calls to a vault at most, and a token for them.
const PROOF_BOUND: Duration = Duration::from_secs(10);
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// An app registration, and a way to prove that we are it.
pub struct ClientCredentials {
    http: HttpClient,
    app: App,
    clock: Clock,
    prover: Box<dyn Prover>,
}

/// Who asks, and whom.
pub(crate) struct App {
    /// The token endpoint; also the audience of assertions.
    pub(crate) endpoint: Url,
    pub(crate) client_id: Uuid,
}

/// Makes the proof, anew for each token: what it is made of may have been replaced meanwhile.
#[async_trait]
pub(crate) trait Prover: Send + Sync {
    fn kind(&self) -> CredentialKind;

    async fn prove(&self, app: &App, now: OffsetDateTime) -> Result<Proof, CredentialError>;

    /// When what the last proof was made of expires, where that can be seen.
    fn expires_at(&self) -> Option<OffsetDateTime> {
        None
    }
}

/// What is shown to Entra.
pub(crate) enum Proof {
    Secret(SecretString),
    /// A JWT that somebody signed whom the app registration trusts.
    Assertion(SecretString),
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

impl App {
    /// App `client_id` of tenant `tenant_id`, at the token endpoint of `authority`.
    pub(crate) fn new(authority: &BaseUrl, tenant_id: Uuid, client_id: Uuid) -> Self {
        Self { endpoint: authority.join(&format!("/{tenant_id}/oauth2/v2.0/token"), []), client_id }
    }
}

impl ClientCredentials {
    pub(crate) fn new(http: HttpClient, app: App, prover: Box<dyn Prover>, clock: Clock) -> Self {
        Self { http: http.named("entra").with_timeout(TOKEN_BOUND), app, clock, prover }
    }

    /// The credential of app `client_id` in tenant `tenant_id` that has this secret, shown to the token endpoint at
    /// `authority`.
    pub fn with_secret(
        http: HttpClient,
        authority: &BaseUrl,
        tenant_id: Uuid,
        client_id: Uuid,
        secret: SecretString,
        clock: Clock,
    ) -> Self {
        Self::new(http, App::new(authority, tenant_id, client_id), Box::new(Secret(secret)), clock)
    }

    async fn proof(&self) -> Result<Proof, CredentialError> {
        let proof = self.prover.prove(&self.app, self.clock.now());
        tokio::time::timeout(PROOF_BOUND, proof).await.map_err(|_| TransportError::Timeout)?
    }

    fn request(&self, scope: &str, proof: &Proof) -> Request {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("client_id", &self.app.client_id.to_string())
            .append_pair("scope", scope);
        match proof {
            Proof::Secret(secret) => form.append_pair("client_secret", secret.expose_secret()),
            Proof::Assertion(assertion) => form
                .append_pair("client_assertion_type", ASSERTION_TYPE)
                .append_pair("client_assertion", assertion.expose_secret()),
        };
        http::Request::post(self.app.endpoint.as_str())
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(form.finish()))
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
            kind: self.prover.kind(),
            status: answer.status().as_u16(),
            code: failure(FailureClass::Unauthorized).code,
            aadsts: denied.error_codes.first().copied(),
            expires_at: self.prover.expires_at(),
        }
    }
}

#[async_trait]
impl Credential for ClientCredentials {
    async fn token(&self, scope: &str) -> Result<AccessToken, CredentialError> {
        let request = self.request(scope, &self.proof().await?);
        let answer = self.http.send(request).await?;
        if answer.status() == StatusCode::OK { self.granted(&answer) } else { Err(self.denied(&answer)) }
    }

    fn expiry(&self) -> Option<Expiry> {
        Some(Expiry { kind: self.prover.kind(), at: self.prover.expires_at()? })
    }
}

#[cfg(test)]
mod tests;
