//! The signature of Standard Webhooks: who sent it, when, and that nobody changed it.
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::{str::FromStr, sync::Arc};

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_STANDARD,
};
use ring::hmac;
use secrecy::{ExposeSecret, SecretSlice};

/// With padding or without: the specification's own libraries take both.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
/// What every secret begins with.
const PREFIX: &str = "whsec_";
/// How many bytes a secret may have, after the specification.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The secrets that we share with the receiver: one, or several while one takes another's place. Each message is signed
/// with each of them, so that a receiver who knows any is content.
#[derive(Clone, Debug)]
pub struct Secrets(Arc<[SecretSlice<u8>]>);

impl Secrets {
    /// The value of `webhook-signature`.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let signed = [format!("{id}.{timestamp}.").as_bytes(), body].concat();
        let signatures: Vec<_> = self.0.iter().map(|secret| signature(secret, &signed)).collect();
        signatures.join(" ")
    }
}

fn signature(secret: &SecretSlice<u8>, signed: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret());
    format!("v1,{}", BASE64_STANDARD.encode(hmac::sign(&key, signed)))
}

impl FromStr for Secrets {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let secrets: Vec<_> = text.split_whitespace().map(secret).collect::<Result<_, _>>()?;
        if secrets.is_empty() { Err(MALFORMED) } else { Ok(Self(secrets.into())) }
    }
}

const MALFORMED: &str =
    "must be whsec_ and 24 to 64 bytes in base64; two of them with a space between while they change";

fn secret(text: &str) -> Result<SecretSlice<u8>, &'static str> {
    let bytes = text.strip_prefix(PREFIX).and_then(|encoded| BASE64.decode(encoded).ok());
    bytes.filter(|bytes| BYTES.contains(&bytes.len())).map(SecretSlice::from).ok_or(MALFORMED)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret, the message and the signature that the specification's own libraries are tested with.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const OTHER: &str = "whsec_dXNoZXItc2FuZGJveC13ZWJob29rLXNlY3JldC0wMzI=";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn signed_with(secrets: &str) -> String {
        let secrets: Secrets = secrets.parse().unwrap();
        secrets.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#)
    }

    #[test]
    fn a_message_is_signed_as_the_specifications_own_libraries_sign_it() {
        assert_eq!(signed_with(SECRET), SIGNATURE);
    }

    #[test]
    fn during_a_change_a_message_has_a_signature_with_each_secret_in_their_order() {
        let both = signed_with(&format!(" {SECRET} {OTHER}\n"));
        let (first, second) = both.split_once(' ').unwrap();
        assert_eq!((first, second), (SIGNATURE, &*signed_with(OTHER)));
        assert_ne!(first, second);
        assert_eq!(signed_with(OTHER.trim_end_matches('=')), second, "padding is no part of a secret");
    }

    #[test]
    fn what_can_be_no_secret_is_refused_and_not_shown() {
        for wrong in [
            "",
            " ",
            "hush",
            "whsec_",
            "whsec_c0ffee",
            "whsec_!!!",
            &format!("{SECRET},{OTHER}"),
            &format!("{SECRET} hush"),
        ] {
            let error = wrong.parse::<Secrets>().unwrap_err();
            assert!(!error.contains("hush"), "{error}");
        }
        let secrets: Secrets = SECRET.parse().unwrap();
        assert!(!format!("{secrets:?}").contains("MfKQ"), "{secrets:?}");
    }
}
