//! A client assertion, taken apart. What its parts are worth is for others to say.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};

use super::Denied;

/// A signed token.
pub(super) struct Jwt<'t> {
    pub(super) head: Head,
    pub(super) claims: Claims,
    /// What the signature is over.
    pub(super) message: &'t [u8],
    pub(super) signature: Vec<u8>,
}

/// Stricter than Entra: what nobody here knows is refused, so that it is not taken to have been checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    pub(super) alg: String,
    typ: Option<String>,
    #[serde(rename = "kid")]
    _kid: Option<String>,
    /// The SHA-256 thumbprint of the certificate whose key signed.
    #[serde(rename = "x5t#S256")]
    pub(super) thumbprint: Option<String>,
}

/// Times in seconds of Unix.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) exp: i64,
    pub(super) nbf: Option<i64>,
    pub(super) iat: Option<i64>,
    pub(super) jti: Option<String>,
}

impl<'t> Jwt<'t> {
    pub(super) fn read(token: &'t str) -> Result<Self, Denied> {
        let malformed = || Denied::new(400, "invalid_request", 50_027, "JWT token is invalid or malformed.");
        let (message, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
        let (head, claims) = message.split_once('.').ok_or_else(malformed)?;
        let head: Head = part(head).ok_or_else(malformed)?;
        if head.typ.as_deref().is_some_and(|typ| typ != "JWT") {
            let why =
                "Invalid JWT header type specified, must be 'JWT' or 'http://openid.net/specs/jwt/1.0'.";
            return Err(Denied::new(400, "invalid_request", 5_002_727, why));
        }
        let claims = part(claims).ok_or_else(malformed)?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed())?;
        Ok(Self { head, claims, message: message.as_bytes(), signature })
    }

    /// No other way of signing will do.
    pub(super) fn must_be_signed_by(&self, algorithm: &str) -> Result<(), Denied> {
        if self.head.alg == algorithm {
            return Ok(());
        }
        let why = "Invalid JWT token. Unsupported key for the signing algorithm.";
        Err(Denied::new(400, "invalid_request", 5_002_730, why))
    }
}

fn part<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}
