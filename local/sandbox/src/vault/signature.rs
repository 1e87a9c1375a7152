//! PS256 over a digest: a vault is sent no message, only the message's SHA-256, and ring signs messages only.
//! <https://www.rfc-editor.org/rfc/rfc8017#section-8.1.1>
//!
//! Slow, and open to whoever can measure time on this machine: fit for a key that everybody knows.

use num_bigint::BigUint;
use ring::digest::{SHA256, digest};

/// The length of a SHA-256, and so that of the salt.
pub(super) const HASH: usize = 32;
/// Tags of DER.
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const SEQUENCE: u8 = 0x30;

/// A private key, as far as it takes part in signing.
pub(super) struct Signer {
    modulus: BigUint,
    exponent: BigUint,
}

impl Signer {
    /// The key of a PKCS#8 document in DER. `None` if it is no RSA key.
    pub(super) fn from_pkcs8(der: &[u8]) -> Option<Self> {
        let (document, _) = element(der, SEQUENCE)?;
        let (_version, rest) = element(document, INTEGER)?;
        let (_algorithm, rest) = element(rest, SEQUENCE)?;
        let (key, _) = element(rest, OCTET_STRING)?;
        let (numbers, _) = element(key, SEQUENCE)?;
        let (_version, rest) = element(numbers, INTEGER)?;
        let (modulus, rest) = element(rest, INTEGER)?;
        let (_public_exponent, rest) = element(rest, INTEGER)?;
        let (exponent, _) = element(rest, INTEGER)?;
        let number = BigUint::from_bytes_be;
        Some(Self { modulus: number(modulus), exponent: number(exponent) })
    }

    /// The signature of the message that has this SHA-256.
    pub(super) fn sign(&self, hash: &[u8; HASH], salt: &[u8; HASH]) -> Vec<u8> {
        let bits = usize::try_from(self.modulus.bits()).unwrap_or_default();
        let encoded = BigUint::from_bytes_be(&encode(hash, salt, bits - 1));
        let signature = encoded.modpow(&self.exponent, &self.modulus).to_bytes_be();
        let mut padded = vec![0; bits.div_ceil(8) - signature.len()];
        padded.extend(signature);
        padded
    }
}

/// EMSA-PSS, into so many bits. <https://www.rfc-editor.org/rfc/rfc8017#section-9.1.1>
fn encode(hash: &[u8; HASH], salt: &[u8; HASH], bits: usize) -> Vec<u8> {
    let second = sha256(&[&[0; 8], hash, salt]);
    let length = bits.div_ceil(8);
    let mut block: Vec<u8> = vec![0; length - 2 * HASH - 2];
    block.push(1);
    block.extend(salt);
    let mask = mask(&second, block.len());
    block.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
    block[0] &= 0xff >> (8 * length - bits);
    block.extend(second);
    block.push(0xbc);
    block
}

/// MGF1. <https://www.rfc-editor.org/rfc/rfc8017#appendix-B.2.1>
fn mask(seed: &[u8], length: usize) -> Vec<u8> {
    let blocks = (0u32..).flat_map(|counter| sha256(&[seed, &counter.to_be_bytes()]));
    blocks.take(length).collect()
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    digest(&SHA256, &parts.concat()).as_ref().to_vec()
}

/// The contents of the first element of `der`, if it has this tag, and what comes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (_, rest) = der.split_first().filter(|(found, _)| **found == tag)?;
    let (&first, rest) = rest.split_first()?;
    if first < 0x80 {
        return rest.split_at_checked(first.into());
    }
    // A long one: first how many bytes its length has.
    let (length, rest) = rest.split_at_checked((first & 0x7f).into())?;
    let length = length
        .iter()
        .try_fold(0usize, |length, byte| length.checked_mul(256)?.checked_add(usize::from(*byte)))?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use time::{OffsetDateTime, macros::datetime};

    use super::*;
    use crate::identity::{Certificate, keys};

    const YEAR: Range<OffsetDateTime> = datetime!(2026-01-01 0:00 UTC)..datetime!(2027-01-01 0:00 UTC);

    fn hash(message: &[u8]) -> [u8; HASH] {
        digest(&SHA256, message).as_ref().try_into().unwrap()
    }

    #[test]
    fn a_signature_over_the_digest_is_one_over_the_message_and_over_no_other() {
        for key in keys::VAULT {
            let certificate = Certificate::new(key, 1, YEAR).unwrap();
            let signer = Signer::from_pkcs8(certificate.key_der()).unwrap();
            for salt in [[0; HASH], [0xa5; HASH]] {
                let signature = signer.sign(&hash(b"message"), &salt);
                assert_eq!(signature.len(), 256);
                let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, certificate.public_key());
                assert!(key.verify(b"message", &signature).is_ok());
                assert!(key.verify(b"messagf", &signature).is_err());
            }
        }
    }

    #[test]
    fn what_is_no_key_is_not_taken_for_one() {
        let certificate = Certificate::new(keys::VAULT[0], 1, YEAR).unwrap();
        let whole = certificate.key_der();
        assert!(Signer::from_pkcs8(certificate.der()).is_none(), "a certificate");
        assert!(
            [0, 1, 4, 40, whole.len() / 2].iter().all(|&end| Signer::from_pkcs8(&whole[..end]).is_none())
        );
    }
}
