//! The stand-in for a key vault, called by hand over https: who may, what it tells, and that what it signs is worth
//! something.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use usher_http::Response;
use usher_sandbox::{
    IDENTITY_CLIENT_ID, IDENTITY_CLIENT_SECRET, IDENTITY_HEADER, PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET,
    VAULT_CERTIFICATE,
};
use uuid::Uuid;

use crate::{
    judge::Judge,
    proof::{Said, thumbprint_of},
};

const VERSION: &str = "?api-version=2025-07-01";
const VAULT: &str = "https://vault.azure.net";

impl Judge {
    async fn call(&self, method: &str, url: &str, token: Option<&str>, body: &Value) -> Response {
        let mut request = http::Request::builder().method(method).uri(url);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.http.send(request.body(Bytes::from(body.to_string())).unwrap()).await.unwrap()
    }

    async fn certificate(&self, token: Option<&str>) -> Response {
        let vault = self.world.sandbox.announced("vault");
        let url = format!("{vault}/certificates/{VAULT_CERTIFICATE}/{VERSION}");
        self.call("GET", &url, token, &Value::Null).await
    }

    /// Has the vault sign what the key at this address can sign.
    async fn sign(&self, kid: &str, token: Option<&str>, algorithm: &str, hash: &[u8]) -> Response {
        let body = json!({ "alg": algorithm, "value": BASE64_URL_SAFE_NO_PAD.encode(hash) });
        self.call("POST", &format!("{kid}/sign{VERSION}"), token, &body).await
    }

    /// A token for something, by a secret.
    async fn token_for(&self, scope: &str, app: Uuid, secret: &str) -> String {
        let (app, scope) = (app.to_string(), format!("{scope}/.default"));
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &app),
            ("client_secret", secret),
            ("scope", &scope),
        ];
        let (status, answer) = self.token(&form).await;
        assert_eq!(status, 200, "{answer}");
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// The platform's own, which alone may call the vault.
    async fn vault_token(&self) -> String {
        self.token_for(VAULT, IDENTITY_CLIENT_ID, IDENTITY_CLIENT_SECRET).await
    }

    /// What the platform answers to a container that asks for a token.
    async fn managed(&self, resource: &str, more: &str, header: &str) -> (u16, Value) {
        let endpoint = self.world.sandbox.announced("identity");
        let url = format!("{endpoint}?api-version=2019-08-01&resource={resource}{more}");
        let request = http::Request::get(url).header("x-identity-header", header).body(Bytes::new());
        let answer = self.http.send(request.unwrap()).await.unwrap();
        (answer.status().as_u16(), json(&answer))
    }
}

fn json(answer: &Response) -> Value {
    serde_json::from_slice(answer.body()).unwrap()
}

#[tokio::test]
async fn who_comes_without_a_token_is_told_for_what_to_get_one() {
    let judge = Judge::start().await;
    let answer = judge.certificate(None).await;
    assert_eq!(answer.status(), 401);
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    let authority = judge.endpoint.trim_end_matches("/oauth2/v2.0/token");
    assert_eq!(challenge, format!(r#"Bearer authorization="{authority}", resource="{VAULT}""#));
}

#[tokio::test]
async fn the_vault_answers_the_platforms_identity_alone_and_only_to_tokens_for_vaults() {
    let judge = Judge::start().await;
    let good = judge.vault_token().await;
    assert_eq!(judge.certificate(Some(&good)).await.status(), 200);
    let graph = "https://graph.microsoft.com";
    let for_graph = judge.token_for(graph, IDENTITY_CLIENT_ID, IDENTITY_CLIENT_SECRET).await;
    let of_another = judge.token_for(VAULT, PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET).await;
    for (token, status) in [("hush", 401), (&for_graph, 401), (&of_another, 403)] {
        assert_eq!(judge.certificate(Some(token)).await.status(), status);
    }
    // Nor does Graph take one that is for vaults.
    let url = format!("{}/v1.0/users", judge.world.sandbox.announced("graph"));
    assert_eq!(judge.call("GET", &url, Some(&of_another), &Value::Null).await.status(), 401);
}

#[tokio::test]
async fn what_the_vault_signs_proves_that_the_app_has_the_vaults_certificate() {
    let judge = Judge::start().await;
    let token = judge.vault_token().await;
    let bundle = json(&judge.certificate(Some(&token)).await);
    let certificate = BASE64_STANDARD.decode(bundle["cer"].as_str().unwrap()).unwrap();
    let said = Said::by(PRODUCER_CLIENT_ID, &thumbprint_of(&certificate), &judge.endpoint);
    let hash = digest(&SHA256, said.message().as_bytes());
    let kid = bundle["kid"].as_str().unwrap();

    let signed = json(&judge.sign(kid, Some(&token), "PS256", hash.as_ref()).await);
    assert_eq!(signed["kid"], kid);
    let assertion = format!("{}.{}", said.message(), signed["value"].as_str().unwrap());
    assert_eq!(judge.asserted(PRODUCER_CLIENT_ID, &assertion).await, (200, None));
}

#[tokio::test]
async fn the_vault_signs_with_the_version_that_is_named_and_in_no_other_way() {
    let judge = Judge::start().await;
    let token = judge.vault_token().await;
    let bundle = json(&judge.certificate(Some(&token)).await);
    let kid = bundle["kid"].as_str().unwrap();
    let (key, version) = kid.rsplit_once('/').unwrap();
    let (hash, other) = ([7; 32], format!("{key}/{}", "f".repeat(version.len())));
    for (what, kid, algorithm, hash, status) in [
        ("as it should be", kid, "PS256", &hash[..], 200),
        ("another version", &*other, "PS256", &hash, 404),
        ("the newest version, whichever", key, "PS256", &hash, 404),
        ("another algorithm", kid, "RS256", &hash, 400),
        ("a message in place of a digest", kid, "PS256", b"message", 400),
    ] {
        assert_eq!(judge.sign(kid, Some(&token), algorithm, hash).await.status(), status, "{what}");
    }
    assert_eq!(judge.sign(kid, None, "PS256", &hash).await.status(), 401);

    // After a rotation the newest certificate has another key, and the old key is still there for whoever names it.
    judge.world.control.rotate_identities().await;
    let newer = json(&judge.certificate(Some(&token)).await);
    assert_ne!((&newer["kid"], &newer["cer"]), (&bundle["kid"], &bundle["cer"]));
    assert_eq!(judge.sign(kid, Some(&token), "PS256", &hash).await.status(), 200);
}

#[tokio::test]
async fn the_vault_fails_when_it_is_told_to() {
    let judge = Judge::start().await;
    let token = judge.vault_token().await;
    judge.world.control.fail_next("login.vault_certificate", json!({ "status": 503 })).await;
    let failed = judge.certificate(Some(&token)).await;
    assert_eq!(
        (failed.status().as_u16(), &json(&failed)["error"]["code"]),
        (503, &json!("InternalServerError"))
    );
    assert_eq!(judge.certificate(Some(&token)).await.status(), 200);
}

#[tokio::test]
async fn the_platform_gives_a_container_tokens_for_what_it_may_call() {
    let judge = Judge::start().await;
    let own = format!("&client_id={IDENTITY_CLIENT_ID}");
    for resource in [VAULT, "https://servicebus.azure.net", "https://storage.azure.com"] {
        let (status, answer) = judge.managed(resource, &own, IDENTITY_HEADER).await;
        assert_eq!((status, &answer["resource"]), (200, &json!(resource)), "{answer}");
        assert!(answer["expires_on"].as_str().unwrap().parse::<i64>().is_ok(), "a number as a text");
    }
    let (_, answer) = judge.managed(VAULT, "", IDENTITY_HEADER).await;
    let token = answer["access_token"].as_str();
    assert_eq!(judge.certificate(token).await.status(), 200);

    let (_, answer) = judge.managed("api://AzureADTokenExchange", &own, IDENTITY_HEADER).await;
    let token = answer["access_token"].as_str().unwrap();
    assert_eq!(judge.asserted(PRODUCER_CLIENT_ID, token).await, (200, None));
}

#[tokio::test]
async fn the_platform_gives_nothing_to_strangers_for_strangers_or_for_nothing_that_it_knows() {
    let judge = Judge::start().await;
    let other = format!("&client_id={PRODUCER_CLIENT_ID}");
    for (resource, more, header, status) in [
        (VAULT, "", "hush", 401),
        (VAULT, &*other, IDENTITY_HEADER, 400),
        ("https://elsewhere.example", "", IDENTITY_HEADER, 400),
    ] {
        assert_eq!(judge.managed(resource, more, header).await.0, status, "{resource}{more}");
    }
}
