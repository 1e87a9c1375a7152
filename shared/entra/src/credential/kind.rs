//! The kinds of proof, and the words for each: which setting names it, and what mends it.

/// What we prove with that we are the app registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// A secret that we share with Entra.
    ClientSecret,
    /// The same, in a file that is read again for each token.
    ClientSecretFile,
    /// A certificate and its key, in a file that is read again for each token.
    CertificateFile,
    /// A certificate whose key a vault keeps and signs with.
    VaultCertificate,
    /// Azure vouches for this machine or container.
    ManagedIdentity,
    /// Kubernetes, or whoever else writes the token, vouches for it.
    WorkloadIdentity,
}

impl CredentialKind {
    /// The setting that names it.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::ClientSecret => "ENTRA_CLIENT_SECRET",
            Self::ClientSecretFile => "ENTRA_CLIENT_SECRET_FILE",
            Self::CertificateFile => "ENTRA_CLIENT_CERTIFICATE_PATH",
            Self::VaultCertificate => "ENTRA_KEYVAULT_CERTIFICATE",
            Self::ManagedIdentity | Self::WorkloadIdentity => "ENTRA_CREDENTIAL",
        }
    }

    /// What it is called in a sentence.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::ClientSecret => "the secret in ENTRA_CLIENT_SECRET",
            Self::ClientSecretFile => "the secret in ENTRA_CLIENT_SECRET_FILE",
            Self::CertificateFile => "the certificate in ENTRA_CLIENT_CERTIFICATE_PATH",
            Self::VaultCertificate => "the certificate that ENTRA_KEYVAULT_CERTIFICATE names",
            Self::ManagedIdentity => "this machine's managed identity",
            Self::WorkloadIdentity => "the token in AZURE_FEDERATED_TOKEN_FILE",
        }
    }

    /// What is to be done once its time is over, or nearly so.
    pub(crate) const fn renewal(self) -> &'static str {
        match self {
            Self::ClientSecret => "make a new one",
            Self::ClientSecretFile => "make a new one, put it in the file; no restart is needed",
            Self::CertificateFile => {
                "make a new one, add it to the app registration, put it in the file; no restart is needed"
            }
            Self::VaultCertificate => {
                "make a new version of it and add that to the app registration; no restart is needed"
            }
            Self::ManagedIdentity | Self::WorkloadIdentity => "nothing: whoever gives it renews it",
        }
    }

    /// What is to be looked at if there is nothing to prove ourselves with.
    pub(crate) const fn repair(self) -> &'static str {
        match self {
            Self::ClientSecret => "set it",
            Self::ClientSecretFile => "put the secret in the file; no restart is needed",
            Self::CertificateFile => {
                "put a PEM file there with the certificate and its key, or a PKCS#12 file and its password in \
                 ENTRA_CLIENT_CERTIFICATE_PASSWORD; no restart is needed for the file"
            }
            Self::VaultCertificate => {
                "check the address, and that who the AZURE_* variables say may read the certificate and sign with its \
                 key (the roles Key Vault Certificate User and Key Vault Crypto User)"
            }
            Self::ManagedIdentity => {
                "check that this machine or container has an identity, a user-assigned one named by AZURE_CLIENT_ID"
            }
            Self::WorkloadIdentity => "check that the platform writes a token to AZURE_FEDERATED_TOKEN_FILE",
        }
    }

    /// What is to be done when Entra refuses it, by Entra's number for the cause.
    /// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
    pub(crate) fn refused(self, aadsts: Option<u32>) -> String {
        use CredentialKind::{
            CertificateFile, ClientSecret, ClientSecretFile, ManagedIdentity, VaultCertificate,
            WorkloadIdentity,
        };
        let setting = self.setting();
        match (self, aadsts) {
            (ClientSecret | ClientSecretFile, Some(7_000_215)) => {
                format!("{setting} is not a secret of this app (use the secret's value, not its id)")
            }
            (ClientSecret | ClientSecretFile, Some(7_000_222)) => {
                format!("{setting} has expired: {}", self.renewal())
            }
            (CertificateFile, Some(700_027)) => format!(
                "{} is none of the app registration's (any more): add it there, or put one in the file that is; no \
                 restart is needed",
                self.noun()
            ),
            (VaultCertificate, Some(700_027)) => format!(
                "{} is none of the app registration's (any more): add its newest version there; no restart is needed",
                self.noun()
            ),
            (CertificateFile | VaultCertificate, Some(700_024)) => {
                "have this machine's clock kept right (NTP): a certificate's claim is good for minutes"
                    .to_owned()
            }
            (ManagedIdentity | WorkloadIdentity, Some(70_021 | 700_211..=700_213)) => format!(
                "add a federated credential to the app registration with the issuer and the subject of {}, and the \
                 audience api://AzureADTokenExchange",
                self.noun()
            ),
            _ => format!("check ENTRA_TENANT_ID, ENTRA_CLIENT_ID and {setting}"),
        }
    }
}
