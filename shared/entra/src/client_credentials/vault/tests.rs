use std::time::Duration;

use azure_core::credentials::{AccessToken, TokenRequestOptions};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{Method, Response, StatusCode, header::WWW_AUTHENTICATE};
use ring::digest::{SHA256, digest};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::macros::datetime;
use usher_http::{Request, TransportError};

use super::*;
use crate::testing::{TENANT, USER};

const CERTIFICATE: &str = include_str!("../../../../identity/testdata/certificate.pem");
const THUMBPRINT: &str = "HetKAbRRNZDsweLU7_ZdPMC1n8uQcGW3nDowWHm-Bu0";
const VAULT: &str = "https://contoso.vault.azure.net";
const CHALLENGE: &str =
    r#"Bearer authorization="https://login.microsoftonline.com/t", resource="https://vault.azure.net""#;
const JUNE: OffsetDateTime = datetime!(2026-06-01 12:00 UTC);

/// Who we are to the vault.
#[derive(Debug)]
struct Identity;

#[async_trait]
impl TokenCredential for Identity {
    async fn get_token(
        &self,
        scopes: &[&str],
        _: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        assert_eq!(scopes, ["https://vault.azure.net/.default"]);
        // The SDK goes by the system's clock.
        Ok(AccessToken::new("vault-token", OffsetDateTime::now_utc() + Duration::from_secs(3600)))
    }
}

type Answer = Result<Response<Bytes>, TransportError>;

fn json_answer(status: StatusCode, body: &Value) -> Answer {
    let answer = Response::builder().status(status).header("content-type", "application/json");
    Ok(answer.body(Bytes::from(body.to_string())).unwrap())
}

/// A vault with one certificate, whose key has the version `v7`.
#[derive(Clone, Default)]
struct Vault {
    signed: Arc<Mutex<Vec<Value>>>,
    /// What it answers to whoever may not.
    refuses: Option<StatusCode>,
    is_down: bool,
}

impl Vault {
    fn answer(&self, request: &Request) -> Answer {
        if self.is_down {
            return Err(TransportError::Connect);
        }
        if request.headers().get("authorization").is_none_or(|sent| sent != "Bearer vault-token") {
            let mut answer = json_answer(StatusCode::UNAUTHORIZED, &json!({}))?;
            answer.headers_mut().insert(WWW_AUTHENTICATE, CHALLENGE.parse().unwrap());
            return Ok(answer);
        }
        if let Some(status) = self.refuses {
            return json_answer(
                status,
                &json!({ "error": { "code": "Forbidden", "message": "ada@example.com" } }),
            );
        }
        match (request.method(), request.uri().path().trim_end_matches('/')) {
            (&Method::GET, "/certificates/usher-producer") => {
                let der = CertificateDer::from_pem_slice(CERTIFICATE.as_bytes()).unwrap();
                json_answer(
                    StatusCode::OK,
                    &json!({
                        "id": format!("{VAULT}/certificates/usher-producer/v7"),
                        "kid": format!("{VAULT}/keys/usher-producer/v7"),
                        "cer": BASE64_STANDARD.encode(der),
                    }),
                )
            }
            (&Method::POST, "/keys/usher-producer/v7/sign") => {
                self.signed.lock().unwrap().push(serde_json::from_slice(request.body()).unwrap());
                let signature = BASE64_URL_SAFE_NO_PAD.encode("signature");
                json_answer(
                    StatusCode::OK,
                    &json!({ "kid": format!("{VAULT}/keys/usher-producer/v7"), "value": signature }),
                )
            }
            other => panic!("{other:?}"),
        }
    }

    fn certificate(&self) -> VaultCertificate {
        let vault = self.clone();
        let http = HttpClient::new(tower::service_fn(move |request: Request| {
            let answer = vault.answer(&request);
            async move { answer }
        }));
        let url = format!("{VAULT}/certificates/usher-producer").parse().unwrap();
        VaultCertificate::asked_as(Arc::new(Identity), http, &url).unwrap()
    }
}

async fn prove(certificate: &VaultCertificate, now: OffsetDateTime) -> Result<String, CredentialError> {
    let app = App::new(&"https://login.microsoftonline.com".parse().unwrap(), TENANT, USER);
    match certificate.prove(&app, now).await? {
        Proof::Assertion(assertion) => Ok(assertion.expose_secret().to_owned()),
        Proof::Secret(_) => panic!("a secret"),
    }
}

#[tokio::test]
async fn the_vault_signs_a_digest_with_the_version_of_the_key_that_the_certificate_names() {
    let vault = Vault::default();
    let certificate = vault.certificate();
    let assertion = prove(&certificate, JUNE).await.unwrap();
    let (signed, signature) = assertion.rsplit_once('.').unwrap();
    assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap(), b"signature");
    let digest = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, signed.as_bytes()));
    assert_eq!(*vault.signed.lock().unwrap(), [json!({ "alg": "PS256", "value": digest })]);
    let (header, _) = signed.split_once('.').unwrap();
    let header: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(header, json!({ "typ": "JWT", "alg": "PS256", "x5t#S256": THUMBPRINT }));
    assert_eq!(certificate.expires_at(), Some(datetime!(2027-01-01 0:00 UTC)));
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_not_signed_with() {
    let vault = Vault::default();
    let certificate = vault.certificate();
    let late = datetime!(2027-03-01 0:00 UTC);
    let error = prove(&certificate, late).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the certificate that ENTRA_KEYVAULT_CERTIFICATE names expired on 2027-01-01"
    );
    assert!(vault.signed.lock().unwrap().is_empty());
    assert!(certificate.expires_at().is_some(), "it can be measured all the same");
}

#[tokio::test]
async fn a_vault_that_refuses_us_is_a_setting_to_mend_and_one_that_is_down_is_none() {
    let refusing = Vault { refuses: Some(StatusCode::FORBIDDEN), ..Vault::default() };
    let error = prove(&refusing.certificate(), JUNE).await.unwrap_err();
    assert_eq!(error.setting(), Some("ENTRA_KEYVAULT_CERTIFICATE"));
    assert!(error.to_string().contains("the vault answers 403"), "{error}");
    assert!(!error.to_string().contains("ada@example.com"), "{error}");
    let busy = Vault { refuses: Some(StatusCode::SERVICE_UNAVAILABLE), ..Vault::default() };
    assert!(matches!(prove(&busy.certificate(), JUNE).await, Err(CredentialError::Transient(_))));
    let down = Vault { is_down: true, ..Vault::default() };
    let error = prove(&down.certificate(), JUNE).await.unwrap_err();
    assert_eq!(error, CredentialError::Transport(TransportError::Connect));
}
