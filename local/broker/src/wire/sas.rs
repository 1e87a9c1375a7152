//! Shared access keys, and the signed tokens that SDKs make of them.
//!
//! A token is `SharedAccessSignature sr={uri}&sig={signature}&se={expiry}&skn={key name}`; the signature is
//! HMAC-SHA256 over the encoded uri, a line feed and the expiry in seconds since 1970, under the key.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::machine::{Millis, address_key};

const PREFIX: &str = "SharedAccessSignature ";

/// The key that the broker accepts, for everything.
#[derive(Clone)]
pub struct SasKey {
    name: String,
    secret: SecretString,
}

impl fmt::Debug for SasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SasKey").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What a valid token opens, and until when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// The path in the token's uri, in lower case; empty for the whole namespace.
    pub(crate) resource: String,
    pub(crate) expires_at: Millis,
}

impl SasKey {
    /// A key and its name.
    pub fn new(name: impl Into<String>, secret: SecretString) -> Self {
        Self { name: name.into(), secret }
    }

    /// Whether this is the key: what SASL PLAIN asks. Compared as signatures, in constant time.
    pub(crate) fn is(&self, name: &str, secret: &[u8]) -> bool {
        let theirs = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), name.as_bytes());
        hmac::verify(&self.key(), self.name.as_bytes(), theirs.as_ref()).is_ok()
    }

    /// Verifies a token; `None` if it isn't signed with this key or has expired.
    pub(crate) fn verify(&self, token: &str, now: Millis) -> Option<Grant> {
        let token = Token::parse(token)?;
        let signed = format!("{}\n{}", token.resource, token.expiry);
        let signature = STANDARD.decode(decoded(token.signature)?).ok()?;
        hmac::verify(&self.key(), signed.as_bytes(), &signature).ok()?;
        let expires_at = Millis(token.expiry.parse::<i64>().ok()?.saturating_mul(1000));
        let ours = decoded(token.key_name)? == self.name && expires_at > now;
        ours.then_some(Grant { resource: address_key(&decoded(token.resource)?), expires_at })
    }

    fn key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose_secret().as_bytes())
    }
}

/// A token's parts, still percent-encoded.
struct Token<'a> {
    resource: &'a str,
    signature: &'a str,
    expiry: &'a str,
    key_name: &'a str,
}

impl<'a> Token<'a> {
    fn parse(token: &'a str) -> Option<Self> {
        let fields = token.strip_prefix(PREFIX)?;
        let field =
            |name| fields.split('&').find_map(|field| field.split_once('=').filter(|(key, _)| *key == name));
        let value = |name| field(name).map(|(_, value)| value);
        Some(Self {
            resource: value("sr")?,
            signature: value("sig")?,
            expiry: value("se")?,
            key_name: value("skn")?,
        })
    }
}

fn decoded(field: &str) -> Option<String> {
    percent_decode_str(field).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_700_000_000_000);

    fn key() -> SasKey {
        SasKey::new("RootManageSharedAccessKey", "SAS_KEY_VALUE".into())
    }

    fn token(resource: &str, expiry: i64, secret: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, format!("{resource}\n{expiry}").as_bytes()));
        let signature = signature.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        format!("{PREFIX}sr={resource}&sig={signature}&se={expiry}&skn=RootManageSharedAccessKey")
    }

    #[test]
    fn a_token_signed_with_the_key_opens_the_path_in_its_uri() {
        let token = token("sb%3A%2F%2F127.0.0.1%2FSignUps", 1_700_000_060, "SAS_KEY_VALUE");
        let grant = Grant { resource: "signups".to_owned(), expires_at: Millis(1_700_000_060_000) };
        assert_eq!(key().verify(&token, NOW), Some(grant));
    }

    #[test]
    fn a_token_that_expired_or_was_signed_with_another_key_opens_nothing() {
        assert_eq!(key().verify(&token("sb%3A%2F%2Fh%2F", 1_699_999_999, "SAS_KEY_VALUE"), NOW), None);
        assert_eq!(key().verify(&token("sb%3A%2F%2Fh%2F", 1_700_000_060, "wrong"), NOW), None);
        assert_eq!(key().verify("SharedAccessSignature sr=x", NOW), None);
        assert_eq!(key().verify("", NOW), None);
    }

    #[test]
    fn a_token_for_one_path_can_not_be_changed_into_one_for_another() {
        let changed = token("sb%3A%2F%2Fh%2Fa", 1_700_000_060, "SAS_KEY_VALUE").replace("%2Fa", "%2Fb");
        assert_eq!(key().verify(&changed, NOW), None);
    }

    #[test]
    fn plain_takes_the_name_and_the_key_and_nothing_else() {
        assert!(key().is("RootManageSharedAccessKey", b"SAS_KEY_VALUE"));
        assert!(!key().is("RootManageSharedAccessKey", b"SAS_KEY_VALUF"));
        assert!(!key().is("Other", b"SAS_KEY_VALUE"));
    }

    #[test]
    fn the_secret_stays_out_of_debug() {
        assert!(!format!("{:?}", key()).contains("SAS_KEY_VALUE"));
    }
}
