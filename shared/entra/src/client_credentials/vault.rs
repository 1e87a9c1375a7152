//! A certificate whose key never leaves Key Vault: the vault signs a digest that we make.
//!
//! The certificate is read for each token, so that a new version needs no restart, and the key is named by the version that
//! the certificate names: between the two calls the vault may have got another.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use azure_core::{credentials::TokenCredential, http::RequestContent};
use azure_security_keyvault_certificates::{CertificateClient, CertificateClientOptions};
use azure_security_keyvault_keys::{
    KeyClient, KeyClientOptions, ResourceId,
    models::{KeyClientSignOptions, SignParameters, SignatureAlgorithm},
};
use time::OffsetDateTime;
use usher_http::HttpClient;
use usher_identity::{Assertion, Certificate, ambient_credential_over};

use super::{App, Proof, Prover, azure};
use crate::{CredentialError, CredentialKind};

mod address;

pub(crate) use address::VaultCertificateUrl;

const KIND: CredentialKind = CredentialKind::VaultCertificate;

/// Signs with a vault's key, as who the `AZURE_*` variables say we are.
pub(crate) struct VaultCertificate {
    certificates: CertificateClient,
    keys: KeyClient,
    name: String,
    /// Of the certificate that was last read.
    expires_at: Mutex<Option<OffsetDateTime>>,
}

impl VaultCertificate {
    /// The certificate at this address, reached through `http`; nothing is sent yet.
    ///
    /// # Errors
    /// [`CredentialError::Unusable`] if there is nobody as whom to ask the vault.
    pub(crate) fn new(http: HttpClient, url: &VaultCertificateUrl) -> Result<Self, CredentialError> {
        let identity = ambient_credential_over(azure::options(http.clone()));
        let identity = identity.map_err(|error| azure::no_identity(KIND, &error))?;
        Self::asked_as(identity, http, url)
    }

    fn asked_as(
        identity: Arc<dyn TokenCredential>,
        http: HttpClient,
        url: &VaultCertificateUrl,
    ) -> Result<Self, CredentialError> {
        // A vault's challenge must name the cloud that the vault is in, or our token could be meant for somebody else's. A
        // stand-in on this machine is in none.
        let verify_challenge_resource = Some(!url.is_here());
        let options = CertificateClientOptions {
            client_options: azure::options(http.clone()),
            verify_challenge_resource,
            ..Default::default()
        };
        let certificates = CertificateClient::new(url.vault(), identity.clone(), Some(options));
        let certificates = certificates.map_err(|error| refused(&error))?;
        let options = KeyClientOptions {
            client_options: azure::options(http),
            verify_challenge_resource,
            ..Default::default()
        };
        let keys = KeyClient::new(url.vault(), identity, Some(options)).map_err(|error| refused(&error))?;
        Ok(Self { certificates, keys, name: url.name().to_owned(), expires_at: Mutex::default() })
    }

    /// The certificate's newest version, and the key that belongs to it.
    async fn read(&self) -> Result<(Certificate, ResourceId), CredentialError> {
        let answer = Box::pin(self.certificates.get_certificate(&self.name, None)).await;
        let bundle = answer.and_then(|answer| answer.into_model()).map_err(|error| refused(&error))?;
        let der = bundle.cer.ok_or_else(|| unusable("the vault's answer holds no certificate"))?;
        let certificate =
            Certificate::from_der(&der).map_err(|error| CredentialError::of_certificate(KIND, &error))?;
        let key = bundle.kid.and_then(|kid| kid.parse::<ResourceId>().ok());
        let key = key.filter(|key| key.version.is_some());
        Ok((certificate, key.ok_or_else(|| unusable("the vault's answer names no version of its key"))?))
    }

    async fn sign(&self, key: ResourceId, digest: Vec<u8>) -> Result<Vec<u8>, CredentialError> {
        let parameters = SignParameters { algorithm: Some(SignatureAlgorithm::Ps256), value: Some(digest) };
        let parameters: RequestContent<SignParameters> =
            parameters.try_into().map_err(|error: azure_core::Error| refused(&error))?;
        let options = KeyClientSignOptions { key_version: key.version, ..Default::default() };
        let answer = Box::pin(self.keys.sign(&key.name, parameters, Some(options))).await;
        let signed = answer.and_then(|answer| answer.into_model()).map_err(|error| refused(&error))?;
        signed.result.ok_or_else(|| unusable("the vault's answer holds no signature"))
    }
}

#[async_trait]
impl Prover for VaultCertificate {
    fn kind(&self) -> CredentialKind {
        KIND
    }

    async fn prove(&self, app: &App, now: OffsetDateTime) -> Result<Proof, CredentialError> {
        let (certificate, key) = self.read().await?;
        *self.expires_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(certificate.expires_at());
        certificate.check(now).map_err(|error| CredentialError::of_certificate(KIND, &error))?;
        let client = app.client_id.to_string();
        let assertion = Assertion::new(&certificate, app.endpoint.as_str(), &client, now);
        let signature = self.sign(key, assertion.digest()).await?;
        Ok(Proof::Assertion(assertion.signed(&signature)))
    }

    fn expires_at(&self) -> Option<OffsetDateTime> {
        *self.expires_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn refused(error: &azure_core::Error) -> CredentialError {
    azure::failed(KIND, "the vault", error)
}

fn unusable(problem: &str) -> CredentialError {
    CredentialError::unusable(KIND, problem)
}

#[cfg(test)]
mod tests;
