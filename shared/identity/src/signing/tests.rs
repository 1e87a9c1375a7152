use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use ring::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::{Value, json};
use time::macros::datetime;

use super::{
    testing::{ANOTHER, CERTIFICATE, FROM, LEGACY, MODERN, PASSWORD, RENEWED, THUMBPRINT, UNTIL},
    *,
};

const ENDPOINT: &str =
    "https://login.microsoftonline.com/0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d/oauth2/v2.0/token";
const CLIENT: &str = "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d";
const NOW: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

fn signing(content: impl AsRef<[u8]>) -> SigningCertificate {
    SigningCertificate::parse(content.as_ref(), PASSWORD).unwrap()
}

fn problem(content: impl AsRef<[u8]>, password: &str) -> CertificateError {
    SigningCertificate::parse(content.as_ref(), password).unwrap_err()
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Header and claims, once the certificate's own public key has shown that its key signed them.
fn verified(signing: &SigningCertificate, assertion: &SecretString) -> (Value, Value) {
    let (signed, signature) = assertion.expose_secret().rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let public = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, signing.key.public().as_ref());
    public.verify(signed.as_bytes(), &signature).unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    (decoded(header), decoded(claims))
}

#[test]
fn an_assertion_says_what_entra_asks_for_and_the_certificates_key_signs_it() {
    let signing = signing(CERTIFICATE);
    let (header, claims) = verified(&signing, &signing.assertion(ENDPOINT, CLIENT, NOW).unwrap());
    assert_eq!(header, json!({ "typ": "JWT", "alg": "PS256", "x5t#S256": THUMBPRINT }));
    let (from, until) = (claims["nbf"].as_i64().unwrap(), claims["exp"].as_i64().unwrap());
    assert_eq!(from, NOW.unix_timestamp());
    assert_eq!(until - from, 600);
    let names = ["aud", "iss", "sub"].map(|name| claims[name].as_str().unwrap());
    assert_eq!(names, [ENDPOINT, CLIENT, CLIENT]);
}

#[test]
fn no_two_assertions_have_one_id() {
    let signing = signing(CERTIFICATE);
    let id = || verified(&signing, &signing.assertion(ENDPOINT, CLIENT, NOW).unwrap()).1["jti"].clone();
    assert_ne!(id(), id());
}

#[test]
fn pem_and_pkcs12_old_and_new_hold_the_same_certificate() {
    for content in [CERTIFICATE.as_bytes(), MODERN, LEGACY] {
        let signing = signing(content);
        assert_eq!(signing.certificate().thumbprint(), THUMBPRINT);
        verified(&signing, &signing.assertion(ENDPOINT, CLIENT, NOW).unwrap());
    }
}

#[test]
fn a_key_in_openssls_older_form_serves_as_well() {
    /// What comes before the RSA key proper in a PKCS#8 key of 2048 bits: version, algorithm and lengths.
    const PKCS8_PREFIX: usize = 26;
    let key = PrivateKeyDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
    let base64 = BASE64_STANDARD.encode(&key.secret_der()[PKCS8_PREFIX..]);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    let key =
        format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", lines.join("\n"));
    let (_, certificate) = CERTIFICATE.split_once("-----END PRIVATE KEY-----\n").unwrap();
    assert_eq!(signing(key + certificate).certificate().thumbprint(), THUMBPRINT);
}

#[test]
fn of_several_certificates_the_youngest_that_is_the_keys_counts() {
    let chain = [ANOTHER, RENEWED, CERTIFICATE].concat();
    assert_eq!(signing(chain).certificate().expires_at(), datetime!(2027-12-01 00:00 UTC));
}

#[test]
fn outside_its_time_it_signs_nothing_and_says_the_day() {
    let signing = signing(CERTIFICATE);
    let at = |now| signing.assertion(ENDPOINT, CLIENT, now).map(drop);
    assert_eq!(at(UNTIL), Err(CertificateError::Expired(UNTIL)));
    assert_eq!(at(FROM - std::time::Duration::from_secs(1)), Err(CertificateError::NotYetValid(FROM)));
    assert_eq!(at(UNTIL).unwrap_err().to_string(), "the certificate expired on 2027-01-01");
}

#[test]
fn what_is_wrong_with_a_file_is_said_without_what_it_holds() {
    let (key, certificate) = CERTIFICATE.split_at(CERTIFICATE.find("-----BEGIN CERTIFICATE").unwrap());
    let hush = "-----BEGIN PRIVATE KEY-----\naHVzaCBodXNo\n-----END PRIVATE KEY-----\n";
    assert_eq!(problem(key, ""), CertificateError::NoCertificate);
    assert_eq!(problem(certificate, ""), CertificateError::NoKey);
    assert_eq!(problem(key.to_owned() + ANOTHER, ""), CertificateError::Mismatch);
    assert_eq!(problem("hush hush", ""), CertificateError::Unknown);
    assert!(matches!(problem(hush, ""), CertificateError::Key(_)));
    for error in [problem(hush, ""), problem("hush hush", "hush")] {
        let shown = format!("{error} {error:?}");
        assert!(!shown.contains("hush") && !shown.contains("aHVzaCBodXNo"), "{shown}");
    }
}

#[test]
fn another_password_does_not_open_pkcs12() {
    for content in [MODERN, LEGACY] {
        assert_eq!(problem(content, "another"), CertificateError::Locked);
        assert_eq!(problem(content, ""), CertificateError::Locked);
    }
}

#[test]
fn a_certificate_shows_nothing_of_its_key() {
    let shown = format!("{:?}", signing(CERTIFICATE));
    assert!(shown.starts_with("SigningCertificate { certificate: Certificate {"), "{shown}");
    assert!(!shown.contains("key: RsaKeyPair"), "{shown}");
}

#[test]
fn a_file_is_read_anew_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.pem");
    let read = || SigningCertificate::read(&file, None);
    assert_eq!(read().unwrap_err(), CertificateError::Unreadable(std::io::ErrorKind::NotFound));
    std::fs::write(&file, CERTIFICATE).unwrap();
    assert_eq!(read().unwrap().certificate().thumbprint(), THUMBPRINT);
    std::fs::write(&file, RENEWED).unwrap();
    assert_eq!(read().unwrap().certificate().expires_at(), datetime!(2027-12-01 00:00 UTC));
    std::fs::write(&file, "x".repeat(100_000)).unwrap();
    assert_eq!(read().unwrap_err(), CertificateError::TooLong(LONGEST_FILE));
}
