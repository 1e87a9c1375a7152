//! How we prove who we are: the seam behind which a client secret, a certificate or a managed identity stands.

use async_trait::async_trait;
use secrecy::SecretString;
use time::OffsetDateTime;

mod error;
mod kind;

pub use error::CredentialError;
pub use kind::CredentialKind;

/// Gets tokens. Each call asks anew; keeping tokens is not a credential's business.
#[async_trait]
pub trait Credential: Send + Sync {
    /// A token for a scope such as `https://graph.microsoft.com/.default`.
    ///
    /// # Errors
    /// [`CredentialError`] says whose fault it is that there is none.
    async fn token(&self, scope: &str) -> Result<AccessToken, CredentialError>;

    /// When what we last proved ourselves with expires, where that can be seen.
    fn expiry(&self) -> Option<Expiry> {
        None
    }
}

/// A bearer token.
#[derive(Clone, Debug)]
pub struct AccessToken {
    /// What goes into the `Authorization` header.
    pub secret: SecretString,
    /// From when on it is refused.
    pub expires_at: OffsetDateTime,
}

/// The end of a credential's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// The credential.
    pub kind: CredentialKind,
    /// From when on it is refused.
    pub at: OffsetDateTime,
}
