//! How we prove who we are: the seam behind which a client secret, a certificate or a managed identity stands.

use async_trait::async_trait;
use secrecy::SecretString;
use thiserror::Error;
use time::OffsetDateTime;
use usher_http::{Failure, FailureClass, TransportError};

/// Gets tokens. Each call asks anew; keeping tokens is not a credential's business.
#[async_trait]
pub trait Credential: Send + Sync {
    /// A token for a scope such as `https://graph.microsoft.com/.default`.
    ///
    /// # Errors
    /// [`CredentialError`] says whose fault it is that there is none.
    async fn token(&self, scope: &str) -> Result<AccessToken, CredentialError>;
}

/// A bearer token.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// What goes into the `Authorization` header.
    pub secret: SecretString,
    /// From when on it is refused.
    pub expires_at: OffsetDateTime,
}

/// Why there is no token.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CredentialError {
    /// Entra does not take our credentials.
    #[error("Entra refuses our credentials: {}", described(*status, code.as_deref(), *aadsts))]
    Refused {
        /// The status of the answer.
        status: u16,
        /// OAuth's own code, such as `invalid_client`.
        code: Option<String>,
        /// Entra's number for the cause, as in `AADSTS7000215`.
        aadsts: Option<u32>,
    },
    /// Entra asks us to come back later.
    #[error("Entra gives no token now: {0}")]
    Transient(Failure),
    /// No answer.
    #[error("Entra gives no token: {0}")]
    Transport(#[from] TransportError),
    /// An answer, but not Entra's: most likely a proxy's.
    #[error("the answer to our request for a token is not one that Entra gives")]
    Unreadable,
}

impl CredentialError {
    /// The setting at fault; none if waiting may help.
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Refused { aadsts: Some(700_016), .. } => Some("ENTRA_CLIENT_ID"),
            Self::Refused { aadsts: Some(90_002), .. } => Some("ENTRA_TENANT_ID"),
            Self::Refused { .. } => Some("ENTRA_CLIENT_SECRET"),
            Self::Transient(_) | Self::Transport(_) | Self::Unreadable => None,
        }
    }

    /// Which setting to look at, for the causes that can be told from Entra's number.
    /// <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Refused { aadsts: Some(7_000_215), .. } => {
                "ENTRA_CLIENT_SECRET is not a secret of this app (use the secret's value, not its id)"
            }
            Self::Refused { aadsts: Some(7_000_222), .. } => {
                "ENTRA_CLIENT_SECRET has expired: make a new one"
            }
            Self::Refused { aadsts: Some(700_016), .. } => {
                "ENTRA_CLIENT_ID is no app of the tenant ENTRA_TENANT_ID"
            }
            Self::Refused { aadsts: Some(90_002), .. } => "ENTRA_TENANT_ID is no tenant that Entra knows",
            Self::Refused { .. } => "check ENTRA_TENANT_ID, ENTRA_CLIENT_ID and ENTRA_CLIENT_SECRET",
            Self::Transient(_) => "try again later",
            Self::Transport(_) | Self::Unreadable => {
                "check ENTRA_AUTHORITY_HOST, the proxy settings and USHER_EXTRA_CA_FILE"
            }
        }
    }
}

impl From<CredentialError> for Failure {
    fn from(error: CredentialError) -> Self {
        match error {
            CredentialError::Refused { status, code, .. } => {
                Self::status(FailureClass::Unauthorized, status).with_code(code.as_deref())
            }
            CredentialError::Transient(failure) => failure,
            CredentialError::Transport(error) => error.into(),
            CredentialError::Unreadable => Self::named(FailureClass::Transient, "token answer unreadable"),
        }
    }
}

fn described(status: u16, code: Option<&str>, aadsts: Option<u32>) -> String {
    let number = aadsts.map(|number| format!(" AADSTS{number}")).unwrap_or_default();
    format!("{status} {}{number}", code.unwrap_or("without a code"))
}
