//! Who signs the tokens that an app registration can trust in place of a certificate: by a federated credential, which
//! names an issuer, a subject and an audience.
//!
//! Two issuers, and for simplicity one key: a Kubernetes cluster, whose tokens lie in a pod's file, and Entra itself for
//! the platform's managed identity.

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::{KeyPair, PKCS_RSA_SHA256, SigningKey};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::keys;

/// What a token that is to be exchanged for another is made out to.
pub(crate) const EXCHANGE: &str = "api://AzureADTokenExchange";
/// The cluster that runs the workloads.
pub(crate) const CLUSTER: &str = "https://cluster.oidc.sandbox.test/";
/// The service account that the workloads run as.
pub(crate) const SERVICE_ACCOUNT: &str = "system:serviceaccount:usher:usher";
/// What the key is called in a token's head.
const KEY_ID: &str = "usher-sandbox-issuer";

/// The issuers' key.
pub(crate) struct Issuer(KeyPair);

impl Issuer {
    pub(super) fn new() -> Result<Self, rcgen::Error> {
        Ok(Self(KeyPair::from_pkcs8_pem_and_sign_algo(keys::ISSUER, &PKCS_RSA_SHA256)?))
    }

    /// A token for the exchange, by which `issuer` vouches for `subject`.
    pub(crate) fn token(
        &self,
        issuer: &str,
        subject: &str,
        now: OffsetDateTime,
        lifetime: Duration,
    ) -> Result<String, rcgen::Error> {
        self.sign(&json!({
            "iss": issuer,
            "sub": subject,
            "aud": EXCHANGE,
            "nbf": now.unix_timestamp(),
            "iat": now.unix_timestamp(),
            "exp": (now + lifetime).unix_timestamp(),
        }))
    }

    /// A token that says this.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, rcgen::Error> {
        let head = part(&json!({"typ": "JWT", "alg": "RS256", "kid": KEY_ID}));
        let message = format!("{head}.{}", part(claims));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(self.0.sign(message.as_bytes())?);
        Ok(format!("{message}.{signature}"))
    }

    /// Whether this key signed the message, by RS256.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, self.0.public_key_raw());
        key.verify(message, signature).is_ok()
    }
}

/// Entra as the issuer of managed identities' tokens.
pub(crate) fn entra(tenant: Uuid) -> String {
    format!("https://login.microsoftonline.com/{tenant}/v2.0")
}

fn part(json: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}
