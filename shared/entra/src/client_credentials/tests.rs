use std::{
    collections::HashMap,
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;
use time::macros::datetime;

use super::*;
use crate::testing::{TENANT, USER, answer};

const CERTIFICATE: &str = include_str!("../../../identity/testdata/certificate.pem");
const RENEWED: &str = include_str!("../../../identity/testdata/renewed.pem");
const THUMBPRINT: &str = "HetKAbRRNZDsweLU7_ZdPMC1n8uQcGW3nDowWHm-Bu0";
const RENEWED_THUMBPRINT: &str = "jYWtt3s9x9T7qnhvljtJHkwUXHcOK7mHwLU0cCui-rY";
const ENDPOINT: &str =
    "https://login.microsoftonline.com/0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d/oauth2/v2.0/token";
/// Both certificates hold.
const DECEMBER: OffsetDateTime = datetime!(2026-12-15 12:00 UTC);
const HOUR: Duration = Duration::from_secs(3600);

/// A token endpoint that gives the same answer to everybody, and the forms that it was sent.
#[derive(Clone)]
struct Entra {
    status: u16,
    answer: Value,
    forms: Arc<Mutex<Vec<HashMap<String, String>>>>,
}

impl Entra {
    fn generous() -> Self {
        Self::answering(200, json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "a-token" }))
    }

    fn refusing(aadsts: u32) -> Self {
        Self::answering(401, json!({ "error": "invalid_client", "error_codes": [aadsts] }))
    }

    fn answering(status: u16, answer: Value) -> Self {
        Self { status, answer, forms: Arc::default() }
    }

    fn app(&self, prover: impl Prover + 'static, now: OffsetDateTime) -> ClientCredentials {
        let entra = self.clone();
        let http = HttpClient::new(tower::service_fn(move |request: Request| {
            assert_eq!(request.uri().to_string(), ENDPOINT);
            let form = form_urlencoded::parse(request.body()).into_owned().collect();
            entra.forms.lock().unwrap().push(form);
            let answer = answer(entra.status, &entra.answer);
            async move { Ok(answer) }
        }));
        let app = App::new(&"https://login.microsoftonline.com".parse().unwrap(), TENANT, USER);
        ClientCredentials::new(http, app, Box::new(prover), Clock::starting_at(now))
    }

    /// A field of the last form; none if there was no form, or no such field.
    fn field(&self, name: &str) -> Option<String> {
        self.forms.lock().unwrap().last()?.get(name).cloned()
    }

    /// A part of the last assertion: its header or its claims.
    fn assertion(&self, part: usize) -> Value {
        let assertion = self.field("client_assertion").unwrap();
        let part = assertion.split('.').nth(part).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    fn asked(&self) -> usize {
        self.forms.lock().unwrap().len()
    }
}

fn file(content: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, content).unwrap();
    (folder, file)
}

async fn ask(app: &ClientCredentials) -> Result<(), CredentialError> {
    app.token("https://graph.microsoft.com/.default").await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_shown_as_a_secret() {
    let entra = Entra::generous();
    ask(&entra.app(Secret("hush".into()), DECEMBER)).await.unwrap();
    assert_eq!(entra.field("client_secret").as_deref(), Some("hush"));
    assert_eq!(entra.field("grant_type").as_deref(), Some("client_credentials"));
    assert_eq!(entra.field("client_id"), Some(USER.to_string()));
    assert_eq!(entra.field("scope").as_deref(), Some("https://graph.microsoft.com/.default"));
    assert_eq!(entra.field("client_assertion"), None);
}

#[tokio::test(start_paused = true)]
async fn a_secret_in_a_file_is_replaced_without_a_restart() {
    let (_folder, file) = file("hush\n");
    let entra = Entra::generous();
    let app = entra.app(SecretFile::new(file.clone()).unwrap(), DECEMBER);
    ask(&app).await.unwrap();
    assert_eq!(entra.field("client_secret").as_deref(), Some("hush"));
    fs::write(&file, "louder").unwrap();
    ask(&app).await.unwrap();
    assert_eq!(entra.field("client_secret").as_deref(), Some("louder"));
    fs::remove_file(&file).unwrap();
    let error = ask(&app).await.unwrap_err();
    assert_eq!(error.setting(), Some("ENTRA_CLIENT_SECRET_FILE"));
    assert_eq!(entra.asked(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_signs_for_the_endpoint_that_is_asked() {
    let (_folder, file) = file(CERTIFICATE);
    let entra = Entra::generous();
    let app = entra.app(CertificateFile::new(file, None, DECEMBER).unwrap(), DECEMBER);
    ask(&app).await.unwrap();
    assert_eq!(entra.field("client_assertion_type").as_deref(), Some(ASSERTION_TYPE));
    assert_eq!(entra.field("client_secret"), None);
    assert_eq!(entra.assertion(0)["x5t#S256"], THUMBPRINT);
    let claims = entra.assertion(1);
    assert_eq!(claims["aud"], ENDPOINT);
    assert_eq!(claims["iss"], USER.to_string());
    assert_eq!(claims["nbf"], DECEMBER.unix_timestamp());
    let expiry = Expiry { kind: CredentialKind::CertificateFile, at: datetime!(2027-01-01 0:00 UTC) };
    assert_eq!(app.expiry(), Some(expiry));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_replaced_without_a_restart() {
    let (_folder, file) = file(CERTIFICATE);
    let entra = Entra::generous();
    let app = entra.app(CertificateFile::new(file.clone(), None, DECEMBER).unwrap(), DECEMBER);
    ask(&app).await.unwrap();
    fs::write(&file, RENEWED).unwrap();
    ask(&app).await.unwrap();
    assert_eq!(entra.assertion(0)["x5t#S256"], RENEWED_THUMBPRINT);
    assert_eq!(app.expiry().map(|expiry| expiry.at), Some(datetime!(2027-12-01 0:00 UTC)));
}

#[tokio::test(start_paused = true)]
async fn one_that_expires_while_we_run_is_not_shown_and_its_successor_mends_it() {
    let (_folder, file) = file(CERTIFICATE);
    let entra = Entra::generous();
    let new_year = datetime!(2027-01-01 0:00 UTC);
    let eve = new_year - HOUR;
    let app = entra.app(CertificateFile::new(file.clone(), None, eve).unwrap(), eve);
    ask(&app).await.unwrap();
    tokio::time::advance(HOUR).await;
    let expired = CredentialError::Expired { kind: CredentialKind::CertificateFile, at: new_year };
    assert_eq!(ask(&app).await, Err(expired));
    assert_eq!(entra.asked(), 1, "Entra is not asked with it");
    fs::write(&file, "half a fi").unwrap();
    assert!(matches!(ask(&app).await, Err(CredentialError::Unusable { .. })));
    fs::write(&file, RENEWED).unwrap();
    assert_eq!(ask(&app).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn one_that_was_revoked_says_until_when_it_would_have_held() {
    let (_folder, file) = file(CERTIFICATE);
    let app = Entra::refusing(700_027).app(CertificateFile::new(file, None, DECEMBER).unwrap(), DECEMBER);
    let error = ask(&app).await.unwrap_err();
    let said = format!("{error}: {}", error.remedy());
    assert!(said.contains("AADSTS700027 (the certificate is valid until 2027-01-01)"), "{said}");
    assert!(said.contains("none of the app registration's (any more)"), "{said}");
    assert_eq!(error.setting(), Some("ENTRA_CLIENT_CERTIFICATE_PATH"));
}

#[tokio::test(start_paused = true)]
async fn the_platforms_token_is_the_assertion() {
    let (_folder, file) = file("a.platforms.token\n");
    let entra = Entra::generous();
    let app = entra.app(WorkloadIdentity::new(file.clone()).unwrap(), DECEMBER);
    ask(&app).await.unwrap();
    assert_eq!(entra.field("client_assertion").as_deref(), Some("a.platforms.token"));
    fs::write(&file, "another.platforms.token").unwrap();
    ask(&app).await.unwrap();
    assert_eq!(entra.field("client_assertion").as_deref(), Some("another.platforms.token"));
    let refused = Entra::refusing(700_213).app(WorkloadIdentity::new(file).unwrap(), DECEMBER);
    let error = ask(&refused).await.unwrap_err();
    assert!(error.remedy().contains("add a federated credential"), "{}", error.remedy());
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_for_later_is_the_moments_fault_whatever_the_proof() {
    let (_folder, file) = file(CERTIFICATE);
    let busy = Entra::answering(503, json!({ "error": "temporarily_unavailable" }));
    let app = busy.app(CertificateFile::new(file, None, DECEMBER).unwrap(), DECEMBER);
    let error = ask(&app).await.unwrap_err();
    assert!(matches!(error, CredentialError::Transient(_)), "{error}");
    assert_eq!(error.setting(), None);
}
