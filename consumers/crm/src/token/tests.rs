use std::sync::atomic::{AtomicUsize, Ordering};

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde_json::Value;
use usher_http::{FailureClass, TransportError};

use super::*;
use crate::testing::{NOON, client, error, response, settings};

fn tokens(http: HttpClient) -> Tokens {
    Tokens::new(&settings(), http, Clock::starting_at(NOON))
}

/// Tokens whose requests are answered as told, and how many there were.
fn answered(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> (Tokens, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let http = HttpClient::new(tower::service_fn(move |_: Request| {
        count.fetch_add(1, Ordering::SeqCst);
        let answer = answer();
        async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, TransportError>(answer)
        }
    }));
    (tokens(http), asked)
}

fn decoded(part: &str) -> Value {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn field(request: &Request, name: &str) -> String {
    let mut fields = form_urlencoded::parse(request.body());
    fields.find(|(key, _)| key == name).unwrap().1.into_owned()
}

#[tokio::test(start_paused = true)]
async fn the_claim_says_who_we_are_and_is_signed_by_the_key() {
    let (http, asked) = client(|_, _| error(500, "UNKNOWN_EXCEPTION"));
    let session = tokens(http).get().await.map_err(|failed| failed.failure).unwrap();
    assert_eq!(session.token.expose_secret(), "token-1");
    assert_eq!(session.instance.to_string(), "https://seats.my.salesforce.com");
    assert_eq!(asked.lines(), ["POST /services/oauth2/token"]);

    let request = &asked.all()[0];
    assert_eq!(field(request, "grant_type"), GRANT);
    let assertion = field(request, "assertion");
    let parts: Vec<_> = assertion.split('.').collect();
    assert_eq!(decoded(parts[0]), json!({ "alg": "RS256" }));
    let expected = json!({
        "iss": usher_sandbox::SALESFORCE_CLIENT_ID,
        "sub": usher_sandbox::SALESFORCE_USERNAME,
        "aud": "https://login.salesforce.com",
        "exp": NOON.unix_timestamp() + 120,
    });
    assert_eq!(decoded(parts[1]), expected);
    let key = settings().salesforce_private_key_file;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public());
    let signature = BASE64_URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
    let (signed, _) = assertion.rsplit_once('.').unwrap();
    assert!(public.verify(signed.as_bytes(), &signature).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_token_is_kept_until_it_is_old_or_discarded() {
    let (http, asked) = client(|_, _| error(500, "UNKNOWN_EXCEPTION"));
    let tokens = tokens(http);
    let get = async || tokens.get().await.map_err(|failed| failed.failure).unwrap();
    let first = get().await;
    assert!(Arc::ptr_eq(&first, &get().await));
    tokens.discard(&first).await;
    let second = get().await;
    assert_eq!(second.token.expose_secret(), "token-2");
    tokens.discard(&first).await;
    assert!(Arc::ptr_eq(&second, &get().await), "another's token is not discarded");
    tokio::time::sleep(OLD).await;
    assert_eq!(get().await.token.expose_secret(), "token-3");
    assert_eq!(asked.logins(), 3);
}

#[tokio::test(start_paused = true)]
async fn those_who_ask_at_once_share_one_request_and_its_failure() {
    let good = || response(200, &json!({ "access_token": "t", "instance_url": "https://a.example" }));
    let bad = || response(400, &json!({ "error": "invalid_grant", "error_description": "inactive user" }));
    let (tokens, asked) = answered(good);
    let (one, other) = tokio::join!(tokens.get(), tokens.get());
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(asked.load(Ordering::SeqCst), 1);

    let (tokens, asked) = answered(bad);
    let (one, other) = tokio::join!(tokens.get(), tokens.get());
    assert_eq!(one.err(), other.err());
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert!(tokens.get().await.is_err());
    assert_eq!(asked.load(Ordering::SeqCst), 2, "whoever asks later asks anew");
}

#[tokio::test(start_paused = true)]
async fn each_refusal_names_the_setting_to_mend() {
    let rows = [
        (400, "invalid_client_id", "client identifier invalid", "SALESFORCE_CLIENT_ID"),
        (401, "invalid_client", "invalid client credentials", "SALESFORCE_CLIENT_ID"),
        (400, "invalid_app_access", "user is not admin approved to access this app", "SALESFORCE_CLIENT_ID"),
        (400, "invalid_grant", "audience is invalid", "SALESFORCE_LOGIN_URL"),
        (400, "invalid_grant", "invalid assertion", "SALESFORCE_PRIVATE_KEY_FILE"),
        (400, "invalid_grant", "user hasn't approved this consumer", "SALESFORCE_USERNAME"),
        (400, "inactive_user", "user is inactive", "SALESFORCE_USERNAME"),
    ];
    for (status, code, description, setting) in rows {
        let body = json!({ "error": code, "error_description": description });
        let (tokens, _) = answered(move || response(status, &body));
        let failed = tokens.get().await.err().unwrap();
        assert_eq!(failed.fault, Fault::Credentials(setting), "{code} {description}");
        assert_eq!(failed.failure.class, FailureClass::Unauthorized);
        assert_eq!(failed.failure.code.as_deref(), Some(code));
    }
    for (status, page) in [(404, "<html>"), (200, "<html>"), (302, "")] {
        let (tokens, _) = answered(move || {
            http::Response::builder().status(status).body(Bytes::from_static(page.as_bytes())).unwrap()
        });
        let fault = tokens.get().await.err().unwrap().fault;
        let expected = if status == 200 { Fault::Moment } else { Fault::Credentials("SALESFORCE_LOGIN_URL") };
        assert_eq!(fault, expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_passes_is_the_moments_fault() {
    for (status, code, description) in [
        (400, "unknown_error", "retry your request"),
        (400, "invalid_grant", "login rate exceeded"),
        (429, "invalid_grant", "login rate exceeded"),
        (500, "server_error", ""),
        (503, "", ""),
    ] {
        let body = json!({ "error": code, "error_description": description });
        let (tokens, _) = answered(move || response(status, &body));
        assert_eq!(tokens.get().await.err().unwrap().fault, Fault::Moment, "{status} {code}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_token_goes_only_where_the_claim_could_have_gone() {
    let get = async |login: &str, instance: &str| {
        let body = json!({ "access_token": "t", "instance_url": instance });
        let http = HttpClient::new(tower::service_fn(move |_: Request| {
            let answer = response(200, &body);
            async move { Ok::<_, TransportError>(answer) }
        }));
        let settings = CrmSettings { salesforce_login_url: login.parse().unwrap(), ..settings() };
        let tokens = Tokens::new(&settings, http, Clock::starting_at(NOON));
        tokens.get().await.map(|session| session.instance.to_string()).map_err(|failed| failed.fault)
    };
    let (https, loopback) = ("https://login.salesforce.com", "http://127.0.0.1:9");
    let untrusted = Err(Fault::Credentials("SALESFORCE_LOGIN_URL"));
    let safe = "https://seats.my.salesforce.com";
    assert_eq!(get(https, safe).await, Ok(safe.to_owned()));
    assert_eq!(get(loopback, loopback).await, Ok(loopback.to_owned()));
    for wrong in [loopback, "http://seats.my.salesforce.com", "https://user:hush@seats.example", "seats", ""]
    {
        assert_eq!(get(https, wrong).await, untrusted, "{wrong}");
    }
    assert_eq!(get(loopback, "http://seats.my.salesforce.com").await, untrusted);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_no_header_value_is_refused() {
    for wrong in ["", "two words", "line\r\nX-Evil: 1"] {
        let body = json!({ "access_token": wrong, "instance_url": "https://a.example" });
        let (tokens, _) = answered(move || response(200, &body));
        assert_eq!(tokens.get().await.err().unwrap().fault, Fault::Moment, "{wrong:?}");
    }
}
