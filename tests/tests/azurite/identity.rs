//! The blob reached as an identity, over TLS: Azurite looks at issuer, audience and dates of the bearer token.

use std::{
    fs,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::{Query, State},
    http::HeaderMap,
    routing::get,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;
use usher_tests::{
    Azurite, azurite, judge,
    processes::{Options, Program, World, eventually},
};

use crate::{CONTAINER, Stage};

const HEADER: &str = "the platform's own";

/// The endpoint by which App Service, Functions and Container Apps give out tokens.
struct Platform {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: AbortOnDropHandle<()>,
}

#[derive(Clone)]
struct Tokens {
    /// For whom they are, whatever is asked for; `None`: as is asked for.
    audience: Option<&'static str>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[derive(Deserialize)]
struct Asked {
    resource: String,
}

impl Platform {
    async fn start(audience: Option<&'static str>) -> Self {
        let asked = Arc::default();
        let tokens = Tokens { audience, asked: Arc::clone(&asked) };
        let router = Router::new().route("/msi/token", get(token)).with_state(tokens);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/msi/token", listener.local_addr().unwrap());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, asked, _serving: AbortOnDropHandle::new(serving) }
    }

    fn identify(&self, program: Program) -> Program {
        program.with("IDENTITY_ENDPOINT", &*self.url).with("IDENTITY_HEADER", HEADER)
    }
}

async fn token(State(tokens): State<Tokens>, Query(asked): Query<Asked>, headers: HeaderMap) -> Json<Value> {
    assert_eq!(headers["x-identity-header"], HEADER);
    let audience = tokens.audience.unwrap_or(&asked.resource).to_owned();
    tokens.asked.lock().unwrap().push(asked.resource.clone());
    let now = OffsetDateTime::now_utc().unix_timestamp();
    let claims = json!({
        "iss": "https://sts.windows.net/0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d/", "aud": audience,
        "iat": now, "nbf": now - 60, "exp": now + 3600,
    });
    Json(json!({
        "access_token": jwt(&claims), "expires_on": (now + 3600).to_string(), "token_type": "Bearer",
        "resource": asked.resource,
    }))
}

/// Azurite does not look at the signature.
fn jwt(claims: &Value) -> String {
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.c2lnbmF0dXJl", part(&json!({ "alg": "RS256", "typ": "JWT" })), part(claims))
}

/// A certificate for this machine and its key, and a file with it and the authority of the stand-ins.
fn certificate(world: &World) -> [PathBuf; 3] {
    let [certificate, key, all] =
        ["azurite.pem", "azurite-key.pem", "all.pem"].map(|name| world.home().join(name));
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let stand_ins = fs::read_to_string(world.sandbox.announced("ca_file")).unwrap();
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    fs::write(&all, format!("{stand_ins}\n{}", made.cert.pem())).unwrap();
    [certificate, key, all]
}

#[tokio::test]
async fn an_identity_of_the_platform_reaches_the_blob_and_one_for_somebody_else_does_not() {
    let Some(program) = judge("Azurite", azurite) else { return };
    let world = World::start(Options::default()).await;
    let [certificate, key, authorities] = certificate(&world);
    let azurite = Azurite::start_with_tls(&program, world.home(), &certificate, &key).await;
    azurite.create_container(CONTAINER).await;
    let stage = Stage { world, azurite };
    let producer = stage.producer().without("CHECKPOINT_SAS");
    let producer = producer.with("USHER_EXTRA_CA_FILE", authorities.display().to_string());

    let stranger = Platform::start(Some("https://graph.microsoft.com")).await;
    let refused = stranger.identify(producer.clone()).run().await;
    assert_eq!(refused.code, Some(64), "{refused:?}");
    for said in ["CHECKPOINT: ", "403", "Storage Blob Data Contributor"] {
        assert!(refused.stderr.contains(said), "{said}: {refused:?}");
    }

    let platform = Platform::start(None).await;
    let process = platform.identify(producer).start().await;
    stage.works(&process).await;
    let user = stage.world.control.sign_up().await;
    eventually("it is on record", async || {
        stage.checkpoint().await.is_some_and(|text| text.contains(&user.to_string())).then_some(())
    })
    .await;
    let asked = platform.asked.lock().unwrap().clone();
    assert_eq!(asked, ["https://storage.azure.com"], "one token, kept");
}
