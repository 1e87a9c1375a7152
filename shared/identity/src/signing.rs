//! A certificate and its private key, in a file: PEM as `openssl` writes it, or PKCS#12 as Windows and Key Vault do.

use std::{fmt, fs::File, io::Read, path::Path};

use p12_keystore::{Pkcs12Archive, error::Error as Pkcs12Error};
use ring::{
    error::KeyRejected,
    rand::SystemRandom,
    signature::{RSA_PSS_SHA256, RsaKeyPair},
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::{Assertion, Certificate, CertificateError};

/// The longest file, in bytes. A key of 4096 bits and a chain of three certificates have 10 KiB.
const LONGEST_FILE: u64 = 64 * 1024;

/// A certificate that can sign for its app registration. Its `Debug` shows nothing of the key.
pub struct SigningCertificate {
    certificate: Certificate,
    key: RsaKeyPair,
}

impl SigningCertificate {
    /// Reads the file, which is PEM with a key that has no passphrase, or PKCS#12 under `password`. Files are small and on
    /// this machine: it is read at once.
    ///
    /// # Errors
    /// [`CertificateError`] says what is wrong; whether the certificate holds is not looked at.
    pub fn read(file: &Path, password: Option<&SecretString>) -> Result<Self, CertificateError> {
        Self::parse(&content(file)?, password.map_or("", |password| password.expose_secret()))
    }

    fn parse(content: &[u8], password: &str) -> Result<Self, CertificateError> {
        let is_pem = content.windows(PEM.len()).any(|words| words == PEM);
        let (key, certificates) = if is_pem { pem(content)? } else { pkcs12(content, password)? };
        if certificates.is_empty() {
            return Err(CertificateError::NoCertificate);
        }
        // A chain holds others; of two for one key the younger counts.
        let own = certificates.into_iter().filter(|it| it.is_of(key.public().as_ref()));
        let certificate = own.max_by_key(Certificate::expires_at).ok_or(CertificateError::Mismatch)?;
        Ok(Self { certificate, key })
    }

    /// What is known of the certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// A signed [`Assertion`] of `client_id` for the token endpoint at `audience`, good from `now` on.
    ///
    /// # Errors
    /// [`CertificateError::Expired`] or [`CertificateError::NotYetValid`], or the system has no random numbers.
    pub fn assertion(
        &self,
        audience: &str,
        client_id: &str,
        now: OffsetDateTime,
    ) -> Result<SecretString, CertificateError> {
        self.certificate.check(now)?;
        let assertion = Assertion::new(&self.certificate, audience, client_id, now);
        let mut signature = vec![0; self.key.public().modulus_len()];
        self.key
            .sign(&RSA_PSS_SHA256, &SystemRandom::new(), assertion.as_bytes(), &mut signature)
            .map_err(|_| CertificateError::NoRandomNumbers)?;
        Ok(assertion.signed(&signature))
    }
}

impl fmt::Debug for SigningCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningCertificate").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

fn content(file: &Path) -> Result<Zeroizing<Vec<u8>>, CertificateError> {
    // Room for all of it from the start: a buffer that moves would leave a copy of the key behind.
    let mut content = Zeroizing::new(Vec::with_capacity(LONGEST_FILE as usize + 1));
    let read = File::open(file).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut content));
    let length = read.map_err(|error| CertificateError::Unreadable(error.kind()))?;
    if length as u64 > LONGEST_FILE {
        return Err(CertificateError::TooLong(LONGEST_FILE));
    }
    Ok(content)
}

/// What every PEM file holds, and no PKCS#12 but by a rare chance.
const PEM: &[u8] = b"-----BEGIN ";

type KeyAndCertificates = (RsaKeyPair, Vec<Certificate>);

fn pem(content: &[u8]) -> Result<KeyAndCertificates, CertificateError> {
    let key = PrivateKeyDer::from_pem_slice(content).map_err(|_| CertificateError::NoKey)?;
    let key = Zeroizing::new(key);
    let pair = match &*key {
        PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
        PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
        _ => return Err(CertificateError::Key("it is of another kind".to_owned())),
    };
    let certificates = CertificateDer::pem_slice_iter(content).map(|der| {
        let der = der.map_err(|_| CertificateError::Malformed)?;
        Certificate::from_der(&der)
    });
    Ok((pair.map_err(rejected)?, certificates.collect::<Result<_, _>>()?))
}

fn pkcs12(content: &[u8], password: &str) -> Result<KeyAndCertificates, CertificateError> {
    let archive = Pkcs12Archive::from_pkcs12(content, password).map_err(|error| match error {
        Pkcs12Error::MacError(_) | Pkcs12Error::Pkcs5Error(_) | Pkcs12Error::UnpadError => {
            CertificateError::Locked
        }
        _ => CertificateError::Unknown,
    })?;
    let key = archive.keys.first().ok_or(CertificateError::NoKey)?;
    let pair = RsaKeyPair::from_pkcs8(key.key.as_der()).map_err(rejected)?;
    let certificates = archive.certs.iter().map(|bag| Certificate::from_der(bag.cert.as_der()));
    Ok((pair, certificates.collect::<Result<_, _>>()?))
}

/// What ring says is one word of a fixed list.
fn rejected(error: KeyRejected) -> CertificateError {
    CertificateError::Key(error.to_string())
}

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
