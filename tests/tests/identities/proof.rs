//! Client assertions made by hand, so that each part of them can be wrong.

use std::{fs, path::Path};

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{RSA_PSS_SHA256, RsaKeyPair},
};
use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

/// The private key of a PEM file's text.
pub(crate) fn key(pem: &str) -> RsaKeyPair {
    RsaKeyPair::from_pkcs8(&section(pem, "PRIVATE KEY")).unwrap()
}

/// The thumbprint of a PEM file's certificate, as `x5t#S256` says it.
pub(crate) fn thumbprint(pem: &str) -> String {
    thumbprint_of(&section(pem, "CERTIFICATE"))
}

/// The thumbprint of a certificate in DER.
pub(crate) fn thumbprint_of(der: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, der))
}

pub(crate) fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap()
}

fn section(pem: &str, name: &str) -> Vec<u8> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {name}-----")).unwrap();
    let (base64, _) = rest.split_once("-----END").unwrap();
    BASE64_STANDARD.decode(base64.split_whitespace().collect::<String>()).unwrap()
}

/// What an assertion says, before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) head: Value,
    pub(crate) claims: Value,
}

impl Said {
    /// What a good one says, good for five minutes from now on.
    pub(crate) fn by(app: Uuid, thumbprint: &str, audience: &str) -> Self {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        Self {
            head: json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint }),
            claims: json!({
                "iss": app, "sub": app, "aud": audience, "jti": Uuid::new_v4(),
                "nbf": now, "iat": now, "exp": now + 300,
            }),
        }
    }

    /// The same with another claim, or without it if it is null.
    pub(crate) fn claiming(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.claims, name, value.into());
        self
    }

    /// The same with another field in its head, or without it if it is null.
    pub(crate) fn headed(mut self, name: &str, value: impl Into<Value>) -> Self {
        set(&mut self.head, name, value.into());
        self
    }

    /// What the signature is over.
    pub(crate) fn message(&self) -> String {
        let part = |json: &Value| BASE64_URL_SAFE_NO_PAD.encode(json.to_string());
        format!("{}.{}", part(&self.head), part(&self.claims))
    }

    /// The whole of it, signed with PS256.
    pub(crate) fn signed(&self, key: &RsaKeyPair) -> String {
        let message = self.message();
        let mut signature = vec![0; key.public().modulus_len()];
        key.sign(&RSA_PSS_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

fn set(object: &mut Value, name: &str, value: Value) {
    let object = object.as_object_mut().unwrap();
    match value {
        Value::Null => object.remove(name),
        value => object.insert(name.to_owned(), value),
    };
}
