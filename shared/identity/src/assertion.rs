//! What a certificate's key signs: a claim to be the app registration, good for minutes and for one endpoint.
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials#assertion-format>

use std::time::Duration;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use secrecy::SecretString;
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::Certificate;

/// For how long a claim is good: Entra recommends five to ten minutes. All of it, since clocks differ by minutes, and
/// whoever could steal a claim on its way could steal the token too.
const GOOD_FOR: Duration = Duration::from_secs(600);

/// Header and claims of a JWT by which an app registration shows that it has a certificate's key, yet to be signed with
/// PS256.
#[derive(Debug)]
pub struct Assertion(String);

impl Assertion {
    /// The claim of `client_id` to have the key of `certificate`, for the token endpoint at `audience`, from `now` on.
    pub fn new(certificate: &Certificate, audience: &str, client_id: &str, now: OffsetDateTime) -> Self {
        let header = json!({ "typ": "JWT", "alg": "PS256", "x5t#S256": certificate.thumbprint() });
        let claims = json!({
            "aud": audience,
            "iss": client_id,
            "sub": client_id,
            "jti": Uuid::new_v4(),
            "nbf": now.unix_timestamp(),
            "exp": (now + GOOD_FOR).unix_timestamp(),
        });
        Self(format!("{}.{}", part(&header), part(&claims)))
    }

    /// What is to be signed.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The SHA-256 of what is to be signed, for a vault: it is never shown the rest.
    pub fn digest(&self) -> Vec<u8> {
        digest(&SHA256, self.as_bytes()).as_ref().to_vec()
    }

    /// The whole JWT, with this signature.
    pub fn signed(self, signature: &[u8]) -> SecretString {
        let Self(mut jwt) = self;
        jwt.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
        jwt.into()
    }
}

fn part(json: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(json.to_string())
}
