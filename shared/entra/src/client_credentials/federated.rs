//! Identities that the platform gives, as federated credentials of the app registration: their token is our assertion.
//! <https://learn.microsoft.com/entra/workload-id/workload-identity-federation>

use std::{path::PathBuf, sync::Arc};

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use secrecy::SecretString;
use time::OffsetDateTime;
use usher_http::HttpClient;
use usher_identity::managed_identity_over;

use super::{App, Proof, Prover, azure, secret};
use crate::{CredentialError, CredentialKind};

/// What the identity's token must be for, so that an app registration takes it.
const EXCHANGE: &str = "api://AzureADTokenExchange/.default";

/// The identity that Azure gives this machine or container.
pub(crate) struct ManagedIdentity(Arc<dyn TokenCredential>);

impl ManagedIdentity {
    const KIND: CredentialKind = CredentialKind::ManagedIdentity;

    /// The identity, asked for through `http`; nothing is sent yet.
    ///
    /// # Errors
    /// [`CredentialError::Unusable`] if there can be none here.
    pub(crate) fn new(http: HttpClient) -> Result<Self, CredentialError> {
        let identity = managed_identity_over(azure::options(http));
        identity.map(Self).map_err(|error| azure::no_identity(Self::KIND, &error))
    }
}

#[async_trait]
impl Prover for ManagedIdentity {
    fn kind(&self) -> CredentialKind {
        Self::KIND
    }

    async fn prove(&self, _app: &App, _now: OffsetDateTime) -> Result<Proof, CredentialError> {
        let token = self.0.get_token(&[EXCHANGE], None).await;
        let token = token.map_err(|error| azure::failed(Self::KIND, "the identity endpoint", &error))?;
        Ok(Proof::Assertion(SecretString::from(token.token.secret())))
    }
}

/// The token that Kubernetes writes into a file, and writes anew before it expires.
pub(crate) struct WorkloadIdentity(PathBuf);

impl WorkloadIdentity {
    const KIND: CredentialKind = CredentialKind::WorkloadIdentity;

    /// The token in this file.
    ///
    /// # Errors
    /// [`CredentialError::Unusable`] if there is none now.
    pub(crate) fn new(file: PathBuf) -> Result<Self, CredentialError> {
        let it = Self(file);
        it.read().map(|_| it)
    }

    fn read(&self) -> Result<SecretString, CredentialError> {
        secret::read(&self.0).map_err(|problem| CredentialError::unusable(Self::KIND, problem))
    }
}

#[async_trait]
impl Prover for WorkloadIdentity {
    fn kind(&self) -> CredentialKind {
        Self::KIND
    }

    async fn prove(&self, _app: &App, _now: OffsetDateTime) -> Result<Proof, CredentialError> {
        self.read().map(Proof::Assertion)
    }
}

#[cfg(test)]
mod tests {
    use azure_core::credentials::{AccessToken, TokenRequestOptions};
    use secrecy::ExposeSecret;
    use time::macros::datetime;

    use super::*;
    use crate::testing::{TENANT, USER};

    #[derive(Debug)]
    struct Platform;

    #[async_trait]
    impl TokenCredential for Platform {
        async fn get_token(
            &self,
            scopes: &[&str],
            _: Option<TokenRequestOptions<'_>>,
        ) -> azure_core::Result<AccessToken> {
            assert_eq!(scopes, [EXCHANGE]);
            Ok(AccessToken::new("a.managed.token", datetime!(2026-06-01 13:00 UTC)))
        }
    }

    #[tokio::test]
    async fn a_managed_identity_asks_for_a_token_that_is_to_be_exchanged() {
        let app = App::new(&"https://login.microsoftonline.com".parse().unwrap(), TENANT, USER);
        let identity = ManagedIdentity(Arc::new(Platform));
        let proof = identity.prove(&app, datetime!(2026-06-01 12:00 UTC)).await;
        assert!(matches!(proof, Ok(Proof::Assertion(token)) if token.expose_secret() == "a.managed.token"));
    }
}
