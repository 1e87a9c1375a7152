//! What proves that we are the app registration: exactly one of four ways.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;
use usher_http::HttpClient;

use super::EntraSettingsError;
use crate::{
    CredentialKind,
    client_credentials::{
        CertificateFile, ManagedIdentity, Prover, Secret, SecretFile, VaultCertificate, VaultCertificateUrl,
        WorkloadIdentity,
    },
};

/// The proof that we are the app registration: a secret, a certificate in a file or in a vault, or an identity that the
/// platform gives. Exactly one; files and vault are looked at again for each token, so that what is in them can be replaced
/// without a restart.
#[derive(Args, Clone, Debug, Default)]
pub struct CredentialSettings {
    /// A secret of that app registration. One of these proves who we are: ENTRA_CLIENT_SECRET,
    /// ENTRA_CLIENT_CERTIFICATE_PATH, ENTRA_KEYVAULT_CERTIFICATE, ENTRA_CREDENTIAL
    #[arg(
        long = "entra-client-secret",
        env = "ENTRA_CLIENT_SECRET",
        value_name = "SECRET",
        hide_env_values = true
    )]
    client_secret: Option<SecretString>,
    /// A file that holds the secret, read again for each token
    #[arg(long = "entra-client-secret-file", env = "ENTRA_CLIENT_SECRET_FILE", value_name = "FILE")]
    client_secret_file: Option<PathBuf>,
    /// A file with a certificate of that app registration and its private key, PEM or PKCS#12; read again for each token
    #[arg(
        long = "entra-client-certificate-path",
        env = "ENTRA_CLIENT_CERTIFICATE_PATH",
        value_name = "FILE"
    )]
    certificate_path: Option<PathBuf>,
    /// The password of that file, if it is PKCS#12 and has one
    #[arg(
        long = "entra-client-certificate-password",
        env = "ENTRA_CLIENT_CERTIFICATE_PASSWORD",
        value_name = "PASSWORD",
        hide_env_values = true
    )]
    certificate_password: Option<SecretString>,
    /// A certificate of that app registration whose key never leaves Azure Key Vault, which signs as who the AZURE_*
    /// variables say; the newest version counts
    #[arg(
        long = "entra-keyvault-certificate",
        env = "ENTRA_KEYVAULT_CERTIFICATE",
        value_name = "https://VAULT/certificates/NAME"
    )]
    keyvault_certificate: Option<VaultCertificateUrl>,
    /// An identity that the platform gives, as a federated credential of that app registration: the managed identity of
    /// this machine or container (a user-assigned one is named by AZURE_CLIENT_ID), or the token in
    /// AZURE_FEDERATED_TOKEN_FILE
    #[arg(long = "entra-credential", env = "ENTRA_CREDENTIAL", value_name = "KIND", value_enum)]
    credential: Option<PlatformIdentity>,
    /// The file into which Kubernetes writes the token for ENTRA_CREDENTIAL=workload-identity
    #[arg(long = "azure-federated-token-file", env = "AZURE_FEDERATED_TOKEN_FILE", value_name = "FILE")]
    federated_token_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum PlatformIdentity {
    /// Azure vouches for this machine or container
    ManagedIdentity,
    /// Kubernetes, or whoever else writes the token, vouches for it
    WorkloadIdentity,
}

impl CredentialSettings {
    /// A secret that we share with Entra.
    pub fn client_secret(secret: impl Into<SecretString>) -> Self {
        Self { client_secret: Some(secret.into()), ..Self::default() }
    }

    /// Whoever makes the proofs that these settings ask for.
    pub(crate) fn prover(
        &self,
        http: &HttpClient,
        now: OffsetDateTime,
    ) -> Result<Box<dyn Prover>, EntraSettingsError> {
        Ok(match self.chosen()? {
            Chosen::Secret(secret) => Box::new(Secret(secret.clone())),
            Chosen::SecretFile(file) => Box::new(SecretFile::new(file.clone())?),
            Chosen::Certificate(file) => {
                let password = self.certificate_password.clone();
                Box::new(CertificateFile::new(file.clone(), password, now)?)
            }
            Chosen::Vault(url) => Box::new(VaultCertificate::new(http.clone(), url)?),
            Chosen::Platform(PlatformIdentity::ManagedIdentity) => {
                Box::new(ManagedIdentity::new(http.clone())?)
            }
            Chosen::Platform(PlatformIdentity::WorkloadIdentity) => {
                Box::new(WorkloadIdentity::new(self.token_file()?)?)
            }
        })
    }

    fn chosen(&self) -> Result<Chosen<'_>, EntraSettingsError> {
        let secret = self.client_secret.as_ref().filter(|secret| !secret.expose_secret().is_empty());
        let given = [
            secret.map(Chosen::Secret),
            self.client_secret_file.as_ref().map(Chosen::SecretFile),
            self.certificate_path.as_ref().map(Chosen::Certificate),
            self.keyvault_certificate.as_ref().map(Chosen::Vault),
            self.credential.map(Chosen::Platform),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(only), None) => Ok(only),
            (Some(first), Some(second)) => Err(EntraSettingsError::new(
                second.kind().setting(),
                format!("can't be given together with {}: remove one", first.kind().setting()),
            )),
            (None, _) => Err(EntraSettingsError::new(
                "ENTRA_CLIENT_SECRET",
                "is missing (or give ENTRA_CLIENT_CERTIFICATE_PATH, ENTRA_KEYVAULT_CERTIFICATE or ENTRA_CREDENTIAL \
                 instead)",
            )),
        }
    }

    fn token_file(&self) -> Result<PathBuf, EntraSettingsError> {
        self.federated_token_file.clone().ok_or_else(|| {
            EntraSettingsError::new("AZURE_FEDERATED_TOKEN_FILE", "is missing: ENTRA_CREDENTIAL asks for it")
        })
    }
}

/// The one way that is given.
enum Chosen<'a> {
    Secret(&'a SecretString),
    SecretFile(&'a PathBuf),
    Certificate(&'a PathBuf),
    Vault(&'a VaultCertificateUrl),
    Platform(PlatformIdentity),
}

impl Chosen<'_> {
    fn kind(&self) -> CredentialKind {
        match self {
            Self::Secret(_) => CredentialKind::ClientSecret,
            Self::SecretFile(_) => CredentialKind::ClientSecretFile,
            Self::Certificate(_) => CredentialKind::CertificateFile,
            Self::Vault(_) => CredentialKind::VaultCertificate,
            Self::Platform(PlatformIdentity::ManagedIdentity) => CredentialKind::ManagedIdentity,
            Self::Platform(PlatformIdentity::WorkloadIdentity) => CredentialKind::WorkloadIdentity,
        }
    }
}
