//! A certificate and its key in a file.

use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use secrecy::SecretString;
use time::OffsetDateTime;
use usher_identity::{CertificateError, SigningCertificate};

use super::{App, Proof, Prover};
use crate::{CredentialError, CredentialKind};

const KIND: CredentialKind = CredentialKind::CertificateFile;

/// Signs with the certificate that is in the file whenever a token is asked for: a new one needs no restart.
pub(crate) struct CertificateFile {
    file: PathBuf,
    password: Option<SecretString>,
    /// Of the certificate that was last read.
    expires_at: Mutex<Option<OffsetDateTime>>,
}

impl CertificateFile {
    /// The certificate in this file, which is PEM, or PKCS#12 under the password.
    ///
    /// # Errors
    /// [`CredentialError`] says why it can't serve now.
    pub(crate) fn new(
        file: PathBuf,
        password: Option<SecretString>,
        now: OffsetDateTime,
    ) -> Result<Self, CredentialError> {
        let it = Self { file, password, expires_at: Mutex::default() };
        let checked = it.read().and_then(|read| read.certificate().check(now));
        checked.map(|()| it).map_err(failed)
    }

    fn read(&self) -> Result<SigningCertificate, CertificateError> {
        let read = SigningCertificate::read(&self.file, self.password.as_ref())?;
        let mut expires_at = self.expires_at.lock().unwrap_or_else(PoisonError::into_inner);
        *expires_at = Some(read.certificate().expires_at());
        Ok(read)
    }
}

fn failed(error: CertificateError) -> CredentialError {
    CredentialError::of_certificate(KIND, &error)
}

#[async_trait]
impl Prover for CertificateFile {
    fn kind(&self) -> CredentialKind {
        KIND
    }

    async fn prove(&self, app: &App, now: OffsetDateTime) -> Result<Proof, CredentialError> {
        let client = app.client_id.to_string();
        let assertion = self.read().and_then(|read| read.assertion(app.endpoint.as_str(), &client, now));
        assertion.map(Proof::Assertion).map_err(failed)
    }

    fn expires_at(&self) -> Option<OffsetDateTime> {
        *self.expires_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
