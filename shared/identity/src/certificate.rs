//! A certificate of an app registration: what of it an assertion says, and when it holds.

use std::io;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use thiserror::Error;
use time::{OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros::format_description};
use x509_parser::parse_x509_certificate;

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

/// What is known of a certificate. Nothing of it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The SHA-256 of its DER, as `x5t#S256` says it.
    thumbprint: String,
    /// An RSA key as PKCS#1 in DER, if it is one.
    public_key: Vec<u8>,
    not_before: OffsetDateTime,
    expires_at: OffsetDateTime,
}

/// Why a certificate can't serve. Says nothing of what a file holds.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CertificateError {
    /// No file, or not for us.
    #[error("the file can't be read: {0}")]
    Unreadable(io::ErrorKind),
    /// Not a file that holds a certificate.
    #[error("the file is longer than {0} bytes")]
    TooLong(u64),
    /// Neither form that we know.
    #[error("the file is neither PEM nor PKCS#12")]
    Unknown,
    /// PKCS#12, and another password.
    #[error("the file is PKCS#12, and the password does not open it")]
    Locked,
    /// No key beside the certificate.
    #[error(
        "the file holds no private key: as PEM it needs `BEGIN PRIVATE KEY` or `BEGIN RSA PRIVATE KEY` in it"
    )]
    NoKey,
    /// A key that can't sign with PS256.
    #[error("the private key must be RSA of 2048 to 4096 bits ({0})")]
    Key(String),
    /// No certificate beside the key.
    #[error("the file holds no certificate")]
    NoCertificate,
    /// The certificate and the key are of two pairs.
    #[error("none of the certificates belongs to the private key")]
    Mismatch,
    /// Not X.509.
    #[error("the certificate can't be read")]
    Malformed,
    /// It held once.
    #[error("the certificate expired on {}", day(*.0))]
    Expired(OffsetDateTime),
    /// It will hold.
    #[error("the certificate is not valid before {}", day(*.0))]
    NotYetValid(OffsetDateTime),
    /// A computation is blinded by random numbers.
    #[error("the system has no random numbers")]
    NoRandomNumbers,
}

impl Certificate {
    /// Reads a certificate's DER.
    ///
    /// # Errors
    /// [`CertificateError::Malformed`] if it is none.
    pub fn from_der(der: &[u8]) -> Result<Self, CertificateError> {
        let (_, parsed) = parse_x509_certificate(der).map_err(|_| CertificateError::Malformed)?;
        let public_key: &[u8] = parsed.public_key().subject_public_key.as_ref();
        Ok(Self {
            thumbprint: BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, der)),
            public_key: public_key.to_vec(),
            not_before: parsed.validity().not_before.to_datetime(),
            expires_at: parsed.validity().not_after.to_datetime(),
        })
    }

    /// Whether it holds at this moment.
    ///
    /// # Errors
    /// [`CertificateError::Expired`] or [`CertificateError::NotYetValid`].
    pub fn check(&self, now: OffsetDateTime) -> Result<(), CertificateError> {
        if now < self.not_before {
            return Err(CertificateError::NotYetValid(self.not_before));
        }
        if now >= self.expires_at {
            return Err(CertificateError::Expired(self.expires_at));
        }
        Ok(())
    }

    /// From when on it no longer holds.
    pub fn expires_at(&self) -> OffsetDateTime {
        self.expires_at
    }

    /// The SHA-256 of its DER in base64url, as an assertion's header names the certificate (`x5t#S256`).
    pub fn thumbprint(&self) -> &str {
        &self.thumbprint
    }

    /// Whether it is for this key, given as PKCS#1 in DER.
    pub(crate) fn is_of(&self, public_key: &[u8]) -> bool {
        self.public_key == public_key
    }
}

/// The day of a moment, in UTC, for people.
pub fn day(at: OffsetDateTime) -> String {
    at.to_offset(UtcOffset::UTC).format(DAY).expect("a moment has a day")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use time::macros::datetime;

    use super::*;
    use crate::signing::testing::{CERTIFICATE, FROM, THUMBPRINT, UNTIL, der};

    #[test]
    fn a_certificate_holds_from_its_first_moment_to_before_its_last() {
        let certificate = Certificate::from_der(&der(CERTIFICATE)).unwrap();
        assert_eq!(certificate.expires_at(), UNTIL);
        assert_eq!(certificate.check(FROM), Ok(()));
        assert_eq!(certificate.check(UNTIL - Duration::from_secs(1)), Ok(()));
        let early = certificate.check(FROM - Duration::from_secs(1)).unwrap_err();
        assert_eq!(early, CertificateError::NotYetValid(FROM));
        assert_eq!(certificate.check(UNTIL).unwrap_err(), CertificateError::Expired(UNTIL));
    }

    #[test]
    fn when_it_expired_is_said_as_a_day_in_utc() {
        let at = datetime!(2026-03-01 23:30 -01:00);
        assert_eq!(CertificateError::Expired(at).to_string(), "the certificate expired on 2026-03-02");
        assert_eq!(
            CertificateError::NotYetValid(at).to_string(),
            "the certificate is not valid before 2026-03-02"
        );
    }

    #[test]
    fn it_is_named_by_the_sha_256_that_openssl_shows() {
        let certificate = Certificate::from_der(&der(CERTIFICATE)).unwrap();
        assert_eq!(certificate.thumbprint(), THUMBPRINT);
    }

    #[test]
    fn what_is_no_certificate_is_malformed() {
        assert_eq!(Certificate::from_der(b"hush").unwrap_err(), CertificateError::Malformed);
    }
}
