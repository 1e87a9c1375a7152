//! A certificate and its key, and what an app registration knows of it.

use std::ops::Range;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose, PKCS_RSA_SHA256};
use ring::{
    digest::{SHA256, digest},
    signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey},
};
use time::OffsetDateTime;

/// A certificate that is signed with its own key, as Entra and Key Vault make them.
pub(crate) struct Certificate {
    key: KeyPair,
    certificate: rcgen::Certificate,
    valid: Range<OffsetDateTime>,
}

impl Certificate {
    /// The certificate with this number for `key`, a PEM file's text.
    pub(crate) fn new(key: &str, number: u64, valid: Range<OffsetDateTime>) -> Result<Self, rcgen::Error> {
        let key = KeyPair::from_pkcs8_pem_and_sign_algo(key, &PKCS_RSA_SHA256)?;
        let mut params = CertificateParams::new(Vec::<String>::new())?;
        params.distinguished_name.push(DnType::CommonName, "Usher sandbox app registration");
        params.serial_number = Some(number.into());
        params.not_before = valid.start;
        params.not_after = valid.end;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let certificate = params.self_signed(&key)?;
        Ok(Self { key, certificate, valid })
    }

    /// In DER.
    pub(crate) fn der(&self) -> &[u8] {
        self.certificate.der()
    }

    /// The private key as PKCS#8 in DER.
    pub(crate) fn key_der(&self) -> &[u8] {
        self.key.serialized_der()
    }

    /// The certificate and its private key, as they stand in a PEM file.
    pub(super) fn pem(&self) -> String {
        format!("{}{}", self.certificate.pem(), self.key.serialize_pem())
    }

    /// The public key as PKCS#1 in DER.
    pub(crate) fn public_key(&self) -> &[u8] {
        self.key.public_key_raw()
    }

    /// From when until when.
    pub(crate) fn valid(&self) -> Range<OffsetDateTime> {
        self.valid.clone()
    }

    /// What an app registration keeps of it.
    pub(super) fn registered(&self) -> Registered {
        Registered {
            thumbprint: BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, self.der())),
            public_key: self.public_key().to_vec(),
            valid: self.valid(),
        }
    }
}

/// A certificate as an app registration has it: without the private key.
#[derive(Clone, Debug)]
pub(crate) struct Registered {
    /// The SHA-256 of its DER, as `x5t#S256` says it.
    pub(crate) thumbprint: String,
    /// As PKCS#1 in DER.
    public_key: Vec<u8>,
    pub(crate) valid: Range<OffsetDateTime>,
}

impl Registered {
    /// Whether its key signed the message, by PS256.
    pub(crate) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &self.public_key);
        key.verify(message, signature).is_ok()
    }
}
