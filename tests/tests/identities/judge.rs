//! The stand-in's token endpoint, called by hand over https: it takes a good assertion, and whatever is wrong with one
//! it says by Entra's number.

use bytes::Bytes;
use serde_json::{Value, json};
use time::OffsetDateTime;
use usher_http::{HttpClient, HttpSettings};
use usher_sandbox::{
    BILLING_CLIENT_ID, PRODUCER_CLIENT_ID, SALESFORCE_PRIVATE_KEY, TENANT_ID, VAULT_CERTIFICATE,
};
use usher_tests::processes::{Options, World};
use uuid::Uuid;

use crate::proof::{Said, key, read, thumbprint};

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const GRAPH: &str = "https://graph.microsoft.com/.default";

/// The token endpoint of a world, and a certificate that its app registrations have.
pub(crate) struct Judge {
    pub(crate) world: World,
    pub(crate) http: HttpClient,
    pub(crate) endpoint: String,
    pem: String,
}

impl Judge {
    pub(crate) async fn start() -> Self {
        let world = World::start(Options { identities: true, ..Options::default() }).await;
        let ca_file = world.sandbox.announced("ca_file").into();
        let http = HttpSettings { extra_ca_file: Some(ca_file) }.client().unwrap();
        let endpoint = format!("{}/{TENANT_ID}/oauth2/v2.0/token", world.sandbox.announced("login"));
        let pem = read(&world.identity("producer.pem"));
        Self { world, http, endpoint, pem }
    }

    /// What a good assertion of the producer's says.
    fn good(&self) -> Said {
        Said::by(PRODUCER_CLIENT_ID, &thumbprint(&self.pem), &self.endpoint)
    }

    /// What becomes of this, signed with the certificate's key: the status, and Entra's number if it is refused.
    async fn shown(&self, said: &Said) -> (u16, Option<u64>) {
        self.asserted(PRODUCER_CLIENT_ID, &said.signed(&key(&self.pem))).await
    }

    pub(crate) async fn asserted(&self, app: Uuid, assertion: &str) -> (u16, Option<u64>) {
        let app = app.to_string();
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &app),
            ("client_assertion_type", ASSERTION),
            ("client_assertion", assertion),
            ("scope", GRAPH),
        ];
        let (status, answer) = self.token(&form).await;
        assert_eq!(status == 200, answer["access_token"].is_string(), "{answer}");
        (status, answer["error_codes"][0].as_u64())
    }

    /// The token endpoint's answer.
    pub(crate) async fn token(&self, form: &[(&str, &str)]) -> (u16, Value) {
        let url = usher_http::Url::parse_with_params("https://form/", form).unwrap();
        let request = http::Request::post(&self.endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Bytes::from(url.query().unwrap().to_owned()));
        let answer = self.http.send(request.unwrap()).await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap())
    }
}

#[tokio::test]
async fn a_good_assertion_is_taken_once() {
    let judge = Judge::start().await;
    let assertion = judge.good().signed(&key(&judge.pem));
    assert_eq!(judge.asserted(PRODUCER_CLIENT_ID, &assertion).await, (200, None));
    assert_eq!(judge.asserted(PRODUCER_CLIENT_ID, &assertion).await, (401, Some(50_027)));
    assert_eq!(judge.shown(&judge.good()).await, (200, None), "another one is another one");
}

#[tokio::test]
async fn a_signature_by_another_key_and_one_over_something_else_are_refused() {
    let judge = Judge::start().await;
    let by_another = judge.good().signed(&key(SALESFORCE_PRIVATE_KEY));
    assert_eq!(judge.asserted(PRODUCER_CLIENT_ID, &by_another).await, (401, Some(700_027)));

    let (one, other) = (judge.good().signed(&key(&judge.pem)), judge.good());
    let (_, signature) = one.rsplit_once('.').unwrap();
    let moved = format!("{}.{signature}", other.message());
    assert_eq!(judge.asserted(PRODUCER_CLIENT_ID, &moved).await, (401, Some(700_027)));
}

#[tokio::test]
async fn whatever_else_is_wrong_with_an_assertion_has_a_number_of_its_own() {
    let judge = Judge::start().await;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let real = format!("https://login.microsoftonline.com/{TENANT_ID}/oauth2/v2.0/token");
    let of_the_authority = thumbprint(&read(&judge.world.home().join("ca.pem")));
    let good = || judge.good();
    for (what, said, expected) in [
        (
            "the thumbprint of another certificate",
            good().headed("x5t#S256", of_the_authority),
            (401, 700_027),
        ),
        ("Entra's own endpoint", good().claiming("aud", real), (401, 700_023)),
        ("a slash at its end", good().claiming("aud", format!("{}/", judge.endpoint)), (401, 700_023)),
        ("no audience", good().claiming("aud", Value::Null), (400, 50_027)),
        ("expired", good().claiming("exp", now - 1), (401, 700_024)),
        ("good for too long", good().claiming("exp", now + 1_200), (401, 700_024)),
        ("not good yet", good().claiming("nbf", now + 120), (401, 700_024)),
        ("issued in the future", good().claiming("iat", now + 120), (401, 700_024)),
        ("another issuer", good().claiming("iss", json!(BILLING_CLIENT_ID)), (401, 700_021)),
        ("another subject", good().claiming("sub", json!(BILLING_CLIENT_ID)), (401, 700_021)),
        ("no id", good().claiming("jti", Value::Null), (401, 50_027)),
        ("RS256", good().headed("alg", "RS256"), (400, 5_002_730)),
        ("unsigned", good().headed("alg", "none"), (400, 5_002_730)),
        ("a thumbprint by SHA-1", good().headed("x5t", "u6Tf"), (400, 50_027)),
        ("no thumbprint", good().headed("x5t#S256", Value::Null), (400, 5_002_730)),
    ] {
        let (status, code) = expected;
        assert_eq!(judge.shown(&said).await, (status, Some(code)), "{what}");
    }
    for malformed in ["hush", "a.b.c", "..", ""] {
        let (status, code) = judge.asserted(PRODUCER_CLIENT_ID, malformed).await;
        // Nothing at all is as if there were neither an assertion nor a secret.
        let expected = if malformed.is_empty() { (401, 7_000_218) } else { (400, 50_027) };
        assert_eq!((status, code.unwrap()), expected, "{malformed:?}");
    }
}

#[tokio::test]
async fn an_app_cant_show_another_apps_assertion() {
    let judge = Judge::start().await;
    let assertion = judge.good().signed(&key(&judge.pem));
    assert_eq!(judge.asserted(BILLING_CLIENT_ID, &assertion).await, (401, Some(700_021)));
    let own = Said::by(BILLING_CLIENT_ID, &thumbprint(&judge.pem), &judge.endpoint).signed(&key(&judge.pem));
    assert_eq!(judge.asserted(BILLING_CLIENT_ID, &own).await, (200, None));
}

#[tokio::test]
async fn a_certificate_that_has_expired_proves_nothing() {
    let judge = Judge::start().await;
    let pem = read(&judge.world.identity("expired.pem"));
    let said = Said::by(PRODUCER_CLIENT_ID, &thumbprint(&pem), &judge.endpoint);
    assert_eq!(judge.asserted(PRODUCER_CLIENT_ID, &said.signed(&key(&pem))).await, (401, Some(700_027)));
}

#[tokio::test]
async fn after_a_rotation_the_old_certificate_proves_nothing_and_after_a_revocation_none_does() {
    let judge = Judge::start().await;
    judge.world.control.rotate_identities().await;
    assert_eq!(judge.shown(&judge.good()).await, (401, Some(700_027)));
    let judge = Judge { pem: read(&judge.world.identity("producer.pem")), ..judge };
    assert_eq!(judge.shown(&judge.good()).await, (200, None));
    judge.world.control.revoke_identities().await;
    assert_eq!(judge.shown(&judge.good()).await, (401, Some(700_027)));
}

#[tokio::test]
async fn the_clusters_token_is_taken_again_and_again_unless_a_letter_of_it_is_changed() {
    let judge = Judge::start().await;
    let token = read(&judge.world.identity("workload-token"));
    for app in [PRODUCER_CLIENT_ID, BILLING_CLIENT_ID, PRODUCER_CLIENT_ID] {
        assert_eq!(judge.asserted(app, &token).await, (200, None));
    }
    let (message, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{message}.{first}{}", &signature[1..]);
    assert_eq!(judge.asserted(PRODUCER_CLIENT_ID, &forged).await, (401, Some(50_027)));
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_stand_ins_authority_shows_it_nothing() {
    let judge = Judge::start().await;
    let http = HttpSettings::default().client().unwrap();
    let request = http::Request::post(&judge.endpoint).body(Bytes::new()).unwrap();
    assert!(http.send(request).await.is_err());
    let vault = format!("{}/certificates/{VAULT_CERTIFICATE}", judge.world.sandbox.announced("vault"));
    let request = http::Request::get(vault).body(Bytes::new()).unwrap();
    assert!(http.send(request).await.is_err());
}
