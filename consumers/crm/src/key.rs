//! The private key that signs for us: RSA, in a PEM file as `openssl` writes it.

use std::{fmt, fs::File, io::Read, str::FromStr, sync::Arc};

use ring::{
    error::Unspecified,
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

/// The longest key file, in bytes. A key of 4096 bits has 3.3 KiB; certificates may stand beside it.
const LONGEST_FILE: u64 = 64 * 1024;

/// A private key. Cheap to clone; its `Debug` shows nothing of it.
#[derive(Clone)]
pub struct PrivateKey(Arc<RsaKeyPair>);

/// Why there is no key. Says nothing of what the file holds.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// The file can't be read.
    #[error("{file} can't be read: {why}")]
    Unreadable {
        /// Its path.
        file: String,
        /// Why.
        why: String,
    },
    /// There is no private key in it that we know.
    #[error(
        "holds no private key in PEM form: `BEGIN PRIVATE KEY` (PKCS#8) or `BEGIN RSA PRIVATE KEY` (PKCS#1)"
    )]
    NoKey,
    /// A key, but not one that Salesforce takes.
    #[error("must be an RSA key of 2048 to 4096 bits without a passphrase ({0})")]
    Unusable(String),
}

impl PrivateKey {
    /// Reads the key in a file.
    ///
    /// # Errors
    /// [`KeyError`] says what is wrong.
    pub fn read(file: &str) -> Result<Self, KeyError> {
        text_of(file)?.expose_secret().parse()
    }

    /// The signature of RS256 on `text`.
    ///
    /// # Errors
    /// If the system has no random numbers, which blind the computation.
    pub(crate) fn sign(&self, text: &[u8]) -> Result<Vec<u8>, Unspecified> {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)?;
        Ok(signature)
    }

    /// The public key that verifies it, as PKCS#1 in DER.
    #[cfg(test)]
    pub(crate) fn public(&self) -> &[u8] {
        self.0.public().as_ref()
    }
}

fn text_of(file: &str) -> Result<SecretString, KeyError> {
    let unreadable = |why: String| KeyError::Unreadable { file: file.to_owned(), why };
    let mut text = String::new();
    let read = File::open(file).and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text));
    let text = SecretString::from(text);
    let length = read.map_err(|error| unreadable(error.to_string()))?;
    if length as u64 > LONGEST_FILE {
        return Err(unreadable(format!("longer than {LONGEST_FILE} bytes")));
    }
    Ok(text)
}

impl FromStr for PrivateKey {
    type Err = KeyError;

    fn from_str(pem: &str) -> Result<Self, KeyError> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| KeyError::NoKey)?;
        let pair = match &key {
            PrivateKeyDer::Pkcs8(key) => RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()),
            PrivateKeyDer::Pkcs1(key) => RsaKeyPair::from_der(key.secret_pkcs1_der()),
            _ => return Err(KeyError::Unusable("of another kind".to_owned())),
        };
        // What ring says is one word of a fixed list.
        pair.map(|pair| Self(Arc::new(pair))).map_err(|error| KeyError::Unusable(error.to_string()))
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use usher_sandbox::SALESFORCE_PRIVATE_KEY;

    use super::*;

    /// What comes before the RSA key proper in a PKCS#8 key of 2048 bits: version, algorithm and lengths.
    const PKCS8_PREFIX: usize = 26;

    fn pkcs1() -> String {
        let pkcs8 = PrivateKeyDer::from_pem_slice(SALESFORCE_PRIVATE_KEY.as_bytes()).unwrap();
        let base64 = BASE64_STANDARD.encode(&pkcs8.secret_der()[PKCS8_PREFIX..]);
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"))
    }

    #[test]
    fn a_key_in_either_form_is_the_same_key() {
        let key: PrivateKey = SALESFORCE_PRIVATE_KEY.parse().unwrap();
        let same: PrivateKey = pkcs1().parse().unwrap();
        assert_eq!(key.public(), same.public());
        let signature = same.sign(b"text").unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public());
        assert!(public.verify(b"text", &signature).is_ok());
        assert!(public.verify(b"another", &signature).is_err());
    }

    #[test]
    fn what_is_no_key_is_refused_without_being_shown() {
        let hush = "-----BEGIN PRIVATE KEY-----\naHVzaCBodXNo\n-----END PRIVATE KEY-----\n";
        assert!(matches!(hush.parse::<PrivateKey>(), Err(KeyError::Unusable(_))));
        let certificate = "-----BEGIN CERTIFICATE-----\naHVzaCBodXNo\n-----END CERTIFICATE-----\n";
        for none in ["", "hush", certificate] {
            assert_eq!(none.parse::<PrivateKey>().unwrap_err(), KeyError::NoKey, "{none}");
        }
        for text in [hush, "hush hush", certificate] {
            let error = text.parse::<PrivateKey>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
            assert!(!format!("{error} {error:?}").contains("aHVzaCBodXNo"), "{error}");
        }
    }

    #[test]
    fn a_key_shows_nothing_of_itself() {
        let key: PrivateKey = SALESFORCE_PRIVATE_KEY.parse().unwrap();
        assert_eq!(format!("{key:?}"), "PrivateKey { .. }");
    }

    #[test]
    fn a_key_is_read_from_a_file_that_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key.pem");
        let path = file.to_str().unwrap();
        assert!(matches!(PrivateKey::read(path), Err(KeyError::Unreadable { .. })));
        std::fs::write(&file, SALESFORCE_PRIVATE_KEY).unwrap();
        assert!(PrivateKey::read(path).is_ok());
        std::fs::write(&file, "x".repeat(100_000)).unwrap();
        assert!(PrivateKey::read(path).unwrap_err().to_string().contains("longer than"));
    }
}
