//! `AZURE_CLIENT_CERTIFICATE_PATH`: the SDK's own credential for certificates stands on OpenSSL and signs with SHA-1
//! thumbprints, so it gets assertions of ours instead.

use std::path::PathBuf;

use async_trait::async_trait;
use azure_core::{Error, credentials::Secret, error::ErrorKind, http::ClientMethodOptions};
use azure_identity::ClientAssertion;
use secrecy::{ExposeSecret, SecretString};
use usher_clock::Clock;

use crate::{CertificateError, SigningCertificate};

/// Signs with the certificate that is in the file whenever a token is asked for: a new one needs no restart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FileAssertion {
    file: PathBuf,
    password: Option<Secret>,
    audience: String,
    client: String,
}

impl FileAssertion {
    pub(super) fn new(
        authority: &str,
        tenant: &str,
        client: &str,
        file: String,
        password: Option<Secret>,
    ) -> Self {
        let audience = format!("{}/{tenant}/oauth2/v2.0/token", authority.trim_end_matches('/'));
        Self { file: file.into(), password, audience, client: client.to_owned() }
    }

    /// Whether the file can be used now.
    pub(super) fn check(&self) -> Result<(), CertificateError> {
        self.read()?.certificate().check(Clock::system().now())
    }

    fn read(&self) -> Result<SigningCertificate, CertificateError> {
        let password = self.password.as_ref().map(|password| SecretString::from(password.secret()));
        SigningCertificate::read(&self.file, password.as_ref())
    }

    fn sign(&self) -> Result<SecretString, CertificateError> {
        self.read()?.assertion(&self.audience, &self.client, Clock::system().now())
    }
}

#[async_trait]
impl ClientAssertion for FileAssertion {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let signed = self.sign().map_err(|error| {
            Error::with_message(ErrorKind::Credential, format!("AZURE_CLIENT_CERTIFICATE_PATH: {error}"))
        })?;
        Ok(signed.expose_secret().to_owned())
    }
}
