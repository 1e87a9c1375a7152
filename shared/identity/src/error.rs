//! Why there is no credential, in words for whoever set it up.

use thiserror::Error;

use crate::CertificateError;

/// A setting is missing or wrong. Never quotes a secret.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum IdentityError {
    /// The file of `USHER_EXTRA_CA_FILE`, or the machine's own trust store, can't be used.
    #[error("{0}")]
    Trust(String),
    /// The file of `AZURE_CLIENT_CERTIFICATE_PATH` can't be used, or its certificate does not hold.
    #[error("{0}")]
    Certificate(CertificateError),
    /// The `AZURE_*` variables contradict each other, or one is missing.
    #[error("needs a credential of Azure's, and there is none: {0}")]
    NoCredential(String),
}

impl IdentityError {
    /// The setting at fault, where it is one and the same for all who need a credential; otherwise it is the setting by
    /// which the credential came to be needed.
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Trust(_) => Some("USHER_EXTRA_CA_FILE"),
            Self::Certificate(_) => Some("AZURE_CLIENT_CERTIFICATE_PATH"),
            Self::NoCredential(_) => None,
        }
    }
}
