//! The policy, against an endpoint of canned answers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::Method;
use time::macros::datetime;
use usher_clock::Clock;
use usher_event::{Audit, UserSignedUp};
use usher_http::{FailureClass, HttpClient, Request, Response, TransportError};
use usher_subscriber::Rejection;
use uuid::uuid;

use super::*;

type Asked = Arc<Mutex<Vec<Request>>>;

fn settings() -> WebhookSettings {
    WebhookSettings {
        tenant_id: uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d"),
        webhook_url: "https://hooks.example/in?key=1".parse().unwrap(),
        webhook_secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap(),
        webhook_allow_private: usher_http::Guard::default(),
        webhook_probe: Probe::Signed,
        webhook_calls_per_second: 50.try_into().unwrap(),
    }
}

fn event() -> Event {
    Event::new(UserSignedUp {
        tenant_id: settings().tenant_id,
        user_id: uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"),
        display_name: Some("Ada\r\nX-Evil: 1".to_owned()),
        given_name: Some("x".repeat(10_000)),
        surname: Some("\u{202e}Lovelace'); DROP TABLE".to_owned()),
        email: Some("ada@example.com".to_owned()),
        email_verified: true,
        identity_providers: vec![],
        signed_up_at: datetime!(2026-03-01 09:30 UTC),
        app_id: None,
        attributes: BTreeMap::new(),
        audit: Audit { id: "Directory_8f_XQ2ZT_81234".to_owned(), correlation_id: None },
    })
}

/// A handler whose endpoint answers as told.
fn webhook(
    settings: WebhookSettings,
    answer: impl Fn() -> Result<Response, TransportError> + Clone + Send + Sync + 'static,
) -> (Webhook, Asked) {
    let asked = Asked::default();
    let noted = asked.clone();
    let http = HttpClient::new(tower::service_fn(move |request: Request| {
        noted.lock().unwrap().push(request);
        let answer = answer();
        async move { answer }
    }));
    (Webhook::new(settings, Ports { http, clock: Clock::system() }).unwrap(), asked)
}

fn answering(status: u16) -> (Webhook, Asked) {
    webhook(settings(), move || Ok(response(status)))
}

fn response(status: u16) -> Response {
    http::Response::builder().status(status).body(Bytes::from_static(b"ada@example.com")).unwrap()
}

fn header(request: &Request, name: &str) -> String {
    request.headers()[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_sign_up_is_posted_as_it_is_on_the_bus_under_its_own_id_with_a_good_signature() {
    let (webhook, asked) = answering(204);
    assert_eq!(webhook.handle(&event()).await, Outcome::Done);
    let asked = asked.lock().unwrap();
    let [request] = asked.as_slice() else { panic!("{}", asked.len()) };
    assert_eq!(
        (request.method(), request.uri().to_string()),
        (&Method::POST, "https://hooks.example/in?key=1".into())
    );
    assert_eq!(request.body(), &event().to_json());
    assert_eq!(header(request, "webhook-id"), event().id.to_string());
    let timestamp: i64 = header(request, "webhook-timestamp").parse().unwrap();
    let signature = settings().webhook_secret.sign(&event().id.to_string(), timestamp, request.body());
    assert_eq!(header(request, "webhook-signature"), signature);
}

#[tokio::test]
async fn a_repeat_has_the_same_id() {
    let (webhook, asked) = answering(200);
    webhook.handle(&event()).await;
    webhook.handle(&event()).await;
    let asked = asked.lock().unwrap();
    let ids: Vec<_> = asked.iter().map(|request| header(request, "webhook-id")).collect();
    assert_eq!(ids, [event().id.to_string(), event().id.to_string()]);
}

#[tokio::test]
async fn whoever_wants_no_more_gets_no_more_of_this_one_and_says_nothing_that_we_repeat() {
    let (webhook, _) = answering(410);
    let outcome = webhook.handle(&event()).await;
    assert_eq!(outcome, Outcome::Reject(Rejection::new("WebhookRejected", "status=410 code=gone")));
}

#[tokio::test]
async fn whoever_asks_for_time_gets_it() {
    let busy = || {
        let mut response = response(503);
        response.headers_mut().insert("retry-after", http::HeaderValue::from_static("120"));
        Ok(response)
    };
    let (webhook, _) = webhook(settings(), busy);
    match webhook.handle(&event()).await {
        Outcome::Retry(failure) => assert_eq!(failure.retry_after, Some(Duration::from_secs(120))),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_redirect_a_refused_signature_and_a_forbidden_address_are_settings_to_mend() {
    for (answer, setting) in [
        (Ok(307), "WEBHOOK_URL"),
        (Ok(401), "WEBHOOK_SECRET"),
        (Ok(403), "WEBHOOK_SECRET"),
        (Err(TransportError::Forbidden), "WEBHOOK_URL"),
    ] {
        let (webhook, _) = webhook(settings(), move || answer.map(response));
        let outcome = webhook.handle(&event()).await;
        assert!(matches!(outcome, Outcome::Unavailable { .. }), "{answer:?}: {outcome:?}");
        let down = webhook.probe().await.unwrap_err();
        assert_eq!((down.setting, down.failure.class), (setting, FailureClass::Unauthorized), "{answer:?}");
    }
}

#[tokio::test]
async fn the_probe_is_about_nobody_and_any_answer_that_lets_us_in_will_do() {
    for status in [200, 204, 400, 404, 405, 410] {
        let (webhook, asked) = answering(status);
        assert!(webhook.probe().await.is_ok(), "{status}");
        let asked = asked.lock().unwrap();
        assert_eq!((asked[0].method(), asked[0].body().len()), (&Method::OPTIONS, 0));
        assert!(!header(&asked[0], "webhook-signature").is_empty());
    }
    for status in [429, 500, 503] {
        assert!(answering(status).0.probe().await.is_err(), "{status}");
    }
}

#[tokio::test]
async fn where_nothing_but_post_is_let_through_any_answer_shows_that_somebody_is_there() {
    let any = WebhookSettings { webhook_probe: Probe::Any, ..settings() };
    let (behind_something, _) = webhook(any.clone(), || Ok(response(403)));
    assert!(behind_something.probe().await.is_ok());
    let (moved, _) = webhook(any, || Ok(response(302)));
    assert!(moved.probe().await.is_err(), "a redirect is nobody's answer");
}

#[tokio::test]
async fn a_name_that_leads_astray_for_once_is_no_messages_fault() {
    let (webhook, _) = webhook(settings(), || Err(TransportError::Forbidden));
    let outcome = webhook.handle(&event()).await;
    let Outcome::Unavailable { failure, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        failure.class,
        FailureClass::Unreachable,
        "refused would be a dead letter once the probe passes"
    );
}
