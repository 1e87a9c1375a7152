//! Shared access signatures, as <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-sas> defines them.

use base64::{Engine, prelude::BASE64_STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

/// What a query string leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A token for `resource` that is valid until `expires` (seconds since 1970).
pub(crate) fn token(resource: &str, key_name: &str, key: &SecretString, expires: i64) -> SecretString {
    let resource = encode(resource);
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret().as_bytes());
    let signature = hmac::sign(&key, format!("{resource}\n{expires}").as_bytes());
    let signature = BASE64_STANDARD.encode(signature);
    let (signature, key_name) = (encode(&signature), encode(key_name));
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expires}&skn={key_name}").into()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with Python's `hmac`, `base64` and `urllib.parse.quote_plus`, as the vendor's own sample does it.
    #[test]
    fn the_token_is_the_one_that_the_vendors_sample_makes() {
        let token = token(
            "sb://contoso.servicebus.windows.net/user-signups",
            "billing",
            &"c2VjcmV0+/=".into(),
            1_700_000_000,
        );
        assert_eq!(
            token.expose_secret(),
            "SharedAccessSignature sr=sb%3A%2F%2Fcontoso.servicebus.windows.net%2Fuser-signups\
             &sig=HN9x8TOciliNtm2SmH1LbRu0ITeD5FGesVQ6xevLVmo%3D&se=1700000000&skn=billing"
        );
    }
}
