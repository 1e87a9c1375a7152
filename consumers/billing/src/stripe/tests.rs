use std::{num::NonZeroU32, time::Duration};

use FailureClass::{Refused, Transient, Unauthorized};
use serde_json::json;
use tokio::time::Instant;
use tower::Service;
use usher_event::{Audit, Event, UserSignedUp};
use usher_http::FailureClass;
use usher_subscriber::Outcome;
use uuid::Uuid;

use super::*;

fn stripe_that<S>(answers: S) -> Stripe
where
    S: Service<Request, Response = Response, Error = TransportError> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    stripe_of("sk_test_x", answers)
}

fn stripe_of<S>(key: &str, answers: S) -> Stripe
where
    S: Service<Request, Response = Response, Error = TransportError> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
{
    let (base, key) = ("https://api.stripe.example".parse().unwrap(), key.parse().unwrap());
    let pace = Pace::per_second(NonZeroU32::new(20).unwrap());
    Stripe::new(HttpClient::new(answers), base, key, pace, Clock::system())
}

fn stripe() -> Stripe {
    stripe_that(tower::service_fn(|_: Request| async { Err::<Response, _>(TransportError::Connect) }))
}

fn answer(status: u16, kind: &str, code: &str, headers: &[(&'static str, &'static str)]) -> StripeError {
    let code = Some(code).filter(|code| !code.is_empty());
    let body =
        json!({ "error": { "type": kind, "code": code, "message": "No: ada@example.com" } }).to_string();
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    stripe().read::<Customer>(&response.body(Bytes::from(body)).unwrap()).unwrap_err()
}

/// Status, type and code of an answer, its headers, and the class that it has.
type Row<'a> = (u16, &'a str, &'a str, &'a [(&'static str, &'static str)], FailureClass);

#[test]
fn each_answer_has_its_class() {
    const RETRY: (&str, &str) = ("stripe-should-retry", "true");
    const DONT: (&str, &str) = ("stripe-should-retry", "false");
    let invalid = "invalid_request_error";
    let rows: [Row<'_>; 20] = [
        (400, invalid, "email_invalid", &[], Refused),
        (400, invalid, "parameter_unknown", &[], Refused),
        (400, "idempotency_error", "", &[], Refused),
        (401, invalid, "", &[], Unauthorized),
        (401, invalid, "", &[DONT], Unauthorized),
        (402, "card_error", "card_declined", &[], Refused),
        (403, invalid, "", &[], Unauthorized),
        (404, invalid, "resource_missing", &[], Refused),
        (409, "idempotency_error", "idempotency_key_in_use", &[], Transient),
        (409, invalid, "lock_timeout", &[RETRY], Transient),
        (409, invalid, "lock_timeout", &[DONT], Transient),
        (424, "api_error", "", &[], Refused),
        (429, invalid, "rate_limit", &[], Transient),
        (429, invalid, "rate_limit", &[RETRY], Transient),
        (400, invalid, "", &[RETRY], Transient),
        (500, "api_error", "", &[], Transient),
        (500, "api_error", "", &[DONT], Transient),
        (502, "api_error", "", &[], Transient),
        (503, "api_error", "", &[RETRY], Transient),
        (504, "api_error", "", &[], Transient),
    ];
    for (status, kind, code, headers, class) in rows {
        let failure = answer(status, kind, code, headers).failure();
        assert_eq!(
            (failure.class, failure.status),
            (class, Some(status)),
            "{status} {kind} {code} {headers:?}"
        );
        let told = if code.is_empty() { kind } else { code };
        assert_eq!(failure.code.as_deref(), Some(told));
    }
}

#[test]
fn each_class_calls_for_its_outcome() {
    let outcome = |status| Outcome::failed("Stripe", answer(status, "t", "c", &[]).failure());
    assert!(matches!(outcome(400), Outcome::Reject(rejection) if rejection.reason == "StripeRejected"));
    assert!(matches!(outcome(401), Outcome::Unavailable { vendor: "Stripe", .. }));
    assert!(matches!(outcome(429), Outcome::Retry(_)));
    let unreachable = StripeError::from(TransportError::Connect).failure();
    assert!(matches!(Outcome::failed("Stripe", unreachable), Outcome::Unavailable { .. }));
    for passing in [TransportError::Timeout, TransportError::Broken] {
        let failure = StripeError::from(passing).failure();
        assert!(matches!(Outcome::failed("Stripe", failure), Outcome::Retry(_)), "{passing}");
    }
}

#[test]
fn a_key_is_spent_by_a_stored_failure_or_by_other_parameters() {
    const REPLAYED: (&str, &str) = ("idempotent-replayed", "true");
    assert!(answer(500, "api_error", "", &[REPLAYED]).is_stored_failure());
    assert!(!answer(500, "api_error", "", &[]).is_stored_failure());
    assert!(answer(400, "idempotency_error", "", &[]).is_of_other_parameters());
    assert!(!answer(409, "idempotency_error", "idempotency_key_in_use", &[]).is_of_other_parameters());
    assert!(answer(500, "api_error", "", &[REPLAYED]).key_is_spent());
    assert!(answer(400, "idempotency_error", "", &[]).key_is_spent());
    assert!(!answer(500, "api_error", "", &[]).key_is_spent(), "the first time it may be tried again");
    assert!(!answer(400, "invalid_request_error", "email_invalid", &[REPLAYED]).key_is_spent());
    assert!(!answer(409, "idempotency_error", "idempotency_key_in_use", &[]).key_is_spent(), "still running");
}

#[test]
fn the_time_that_stripe_asks_for_is_kept() {
    let failure = answer(429, "t", "rate_limit", &[("retry-after", "7")]).failure();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn an_error_that_is_not_stripes_goes_by_its_status() {
    let response = http::Response::builder().status(502).body(Bytes::from_static(b"<html>")).unwrap();
    let failure = stripe().read::<Customer>(&response).unwrap_err().failure();
    assert_eq!((failure.class, failure.code), (Transient, None));
}

#[test]
fn nothing_of_a_message_or_of_what_we_sent_is_in_an_error() {
    let error = answer(400, "invalid_request_error", "email_invalid", &[]);
    for shown in [error.to_string(), format!("{error:?}"), error.failure().to_string()] {
        assert!(!shown.contains("ada"), "{shown}");
    }
}

#[test]
fn a_refused_key_and_an_address_that_is_not_stripes_are_different_settings_to_mend() {
    let setting = |status, kind| answer(status, kind, "", &[]).setting("STRIPE_ACCOUNTS");
    assert_eq!(setting(401, "invalid_request_error"), "STRIPE_ACCOUNTS");
    assert_eq!(setting(403, "invalid_request_error"), "STRIPE_ACCOUNTS");
    assert_eq!(setting(404, ""), "STRIPE_API_BASE");
    assert_eq!(StripeError::OtherMode.setting("STRIPE_SECRET_KEY"), "STRIPE_SECRET_KEY");
}

/// What billing makes of a sign-up that said nothing.
fn new_customer() -> NewCustomer {
    let event = Event::new(UserSignedUp {
        tenant_id: Uuid::nil(),
        user_id: Uuid::nil(),
        display_name: None,
        given_name: None,
        surname: None,
        email: None,
        email_verified: false,
        identity_providers: vec![],
        signed_up_at: Clock::system().now(),
        app_id: None,
        attributes: [].into(),
        audit: Audit { id: "Directory_1".into(), correlation_id: None },
    });
    NewCustomer::of(&event, None, None)
}

#[tokio::test(start_paused = true)]
async fn every_call_waits_for_its_turn() {
    let refuses = tower::service_fn(|_: Request| async {
        Ok::<_, TransportError>(http::Response::builder().status(400).body(Bytes::new()).unwrap())
    });
    let (stripe, new, start) = (stripe_that(refuses), new_customer(), Instant::now());
    for _ in 0..20 {
        assert!(stripe.create(&new, "key").await.is_err());
        assert!(stripe.customer("cus_1").await.is_err());
        assert!(stripe.search("query").await.is_err());
        assert!(stripe.list_by_email("ada@example.com").await.is_err());
        assert!(stripe.update("cus_1", &new.claim(), "key").await.is_err());
        assert!(stripe.probe().await.is_err());
    }
    assert_eq!(start.elapsed().as_millis(), 5_900, "120 calls at 20 a second, two of them at once");
}

#[tokio::test]
async fn what_can_be_no_id_is_not_asked_for() {
    for text in ["../charges", "..", "", "cus_1?expand[]=sources", "cus 1"] {
        // Nobody answers here: a request would be an error.
        assert_eq!(stripe().customer(text).await.unwrap(), None, "{text}");
    }
    assert!(stripe().customer("cus_1").await.is_err());
    let unreadable = stripe().update("../charges", &[], "key").await.unwrap_err();
    assert!(matches!(unreadable, StripeError::Unreadable));
}

/// Stripe, asked with this key, whose every customer says so of itself.
fn stripe_whose_customers_say(key: &str, livemode: Option<bool>) -> Stripe {
    let customer = json!({ "id": "cus_1", "livemode": livemode });
    stripe_of(
        key,
        tower::service_fn(move |request: Request| {
            let is_list = request.method() == Method::GET && !request.uri().path().ends_with("/cus_1");
            let body = if is_list { json!({ "data": [customer] }) } else { customer.clone() };
            async move { Ok::<_, TransportError>(http::Response::new(Bytes::from(body.to_string()))) }
        }),
    )
}

#[tokio::test(start_paused = true)]
async fn a_customer_of_the_other_mode_is_not_ours() {
    let new = new_customer();
    for (key, livemode) in [("sk_test_x", Some(true)), ("rk_live_x", Some(false))] {
        let stripe = stripe_whose_customers_say(key, livemode);
        assert_eq!(stripe.customer("cus_1").await.unwrap(), None, "{key}");
        assert!(stripe.search("query").await.unwrap().is_empty(), "{key}");
        assert!(stripe.list_by_email("ada@example.com").await.unwrap().is_empty(), "{key}");
        assert!(matches!(stripe.create(&new, "key").await, Err(StripeError::OtherMode)), "{key}");
        let updated = stripe.update("cus_1", &new.claim(), "key").await;
        assert!(matches!(updated, Err(StripeError::OtherMode)), "{key}");
        let refused = stripe.probe().await.unwrap_err().failure();
        assert_eq!(refused.class, Unauthorized, "{key}");
        assert_eq!(refused.to_string(), "livemode is not what the key says");
    }
}

#[tokio::test(start_paused = true)]
async fn a_customer_of_our_mode_is_ours() {
    for (key, livemode) in
        [("sk_test_x", Some(false)), ("rk_test_x", None), ("sk_live_x", Some(true)), ("rk_live_x", None)]
    {
        let stripe = stripe_whose_customers_say(key, livemode);
        stripe.probe().await.unwrap();
        assert_eq!(stripe.customer("cus_1").await.unwrap().unwrap().id, "cus_1", "{key}");
        assert_eq!(stripe.list_by_email("ada@example.com").await.unwrap().len(), 1, "{key}");
    }
}
