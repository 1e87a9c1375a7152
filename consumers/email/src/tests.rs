//! The policy, against a Mailchimp of canned answers.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};
use time::macros::datetime;
use tokio::{task::JoinSet, time::sleep};
use usher_clock::Clock;
use usher_event::{Audit, UserSignedUp};
use usher_http::{HttpClient, Request, Response, TransportError};
use uuid::uuid;

use super::*;

const CONSENT: &str = "extension_0123456789abcdef0123456789abcdef_MarketingConsent";
const BY_POST: &str = "extension_0123456789abcdef0123456789abcdef_ByPost";
/// `md5("ada@example.com")`.
const ADA: &str = "3e3417d7ef77d5932a6734b916515ed5";

/// What was asked, in order.
#[derive(Clone, Default)]
struct Asked(Arc<Mutex<Vec<Request>>>);

impl Asked {
    fn lines(&self) -> Vec<String> {
        let line = |request: &Request| format!("{} {}", request.method(), request.uri());
        self.0.lock().unwrap().iter().map(line).collect()
    }

    fn methods(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|request| request.method().to_string()).collect()
    }

    fn bodies(&self, method: &Method) -> Vec<Value> {
        let asked = self.0.lock().unwrap();
        let of = asked.iter().filter(|request| request.method() == method);
        of.map(|request| serde_json::from_slice(request.body()).unwrap()).collect()
    }
}

fn settings() -> EmailSettings {
    EmailSettings {
        tenant_id: uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d"),
        mailchimp_api_key: "0123abcd-us1".into(),
        mailchimp_api_base: None,
        mailchimp_list_id: "57afe96172".to_owned(),
        mailchimp_consent_attribute: CONSENT.to_owned(),
        mailchimp_welcome_tag: "usher-welcome".to_owned(),
        mailchimp_status_if_new: StatusIfNew::Subscribed,
        mailchimp_unverified: Unverified::Pending,
        mailchimp_merge_fields: "FNAME=givenName,LNAME=surname".parse().unwrap(),
        mailchimp_marketing_permissions: format!("{BY_POST}=36aaf5a8d0").parse().unwrap(),
        mailchimp_connections: NonZeroUsize::new(10).unwrap(),
    }
}

/// Ada, who agreed.
fn ada() -> UserSignedUp {
    UserSignedUp {
        tenant_id: settings().tenant_id,
        user_id: uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d"),
        display_name: Some("Ada L.".to_owned()),
        given_name: Some("Ada".to_owned()),
        surname: Some("Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        email_verified: true,
        identity_providers: vec![],
        signed_up_at: datetime!(2026-03-01 09:30 UTC),
        app_id: None,
        attributes: BTreeMap::from([(CONSENT.to_owned(), json!(true))]),
        audit: Audit { id: "Directory_8f_XQ2ZT_81234".to_owned(), correlation_id: None },
    }
}

fn consent(answer: Value) -> Event {
    Event::new(UserSignedUp { attributes: BTreeMap::from([(CONSENT.to_owned(), answer)]), ..ada() })
}

fn email_over(settings: EmailSettings, http: HttpClient) -> Email {
    Email::new(settings, Ports { http, clock: Clock::system() }).unwrap()
}

/// A handler whose Mailchimp answers as told.
fn email(
    settings: EmailSettings,
    answer: impl Fn(&Request) -> Response + Clone + Send + Sync + 'static,
) -> (Email, Asked) {
    let asked = Asked::default();
    let noted = asked.clone();
    let http = HttpClient::new(tower::service_fn(move |request: Request| {
        let response = answer(&request);
        noted.0.lock().unwrap().push(request);
        async move { Ok(response) }
    }));
    (email_over(settings, http), asked)
}

fn response(status: u16, body: &Value) -> Response {
    http::Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
}

/// All is well.
fn fine(request: &Request) -> Response {
    if request.method() == Method::POST {
        response(204, &json!(""))
    } else {
        response(200, &json!({ "id": ADA }))
    }
}

/// Calls with this method get this error, and all is well otherwise.
fn failing(method: Method, status: u16, title: &'static str) -> impl Fn(&Request) -> Response + Clone {
    move |request| {
        if *request.method() == method {
            response(status, &json!({ "title": title, "status": status, "detail": "ada@example.com: no" }))
        } else {
            fine(request)
        }
    }
}

#[tokio::test]
async fn whoever_agreed_is_put_on_the_list_and_tagged() {
    let (email, asked) = email(settings(), fine);
    assert_eq!(email.handle(&Event::new(ada())).await, Outcome::Done);
    let list = "https://us1.api.mailchimp.com/3.0/lists/57afe96172";
    let expected = [format!("PUT {list}/members/{ADA}"), format!("POST {list}/members/{ADA}/tags")];
    assert_eq!(asked.lines(), expected);
    let put = json!({
        "email_address": "ada@example.com",
        "status_if_new": "subscribed",
        "merge_fields": { "FNAME": "Ada", "LNAME": "Lovelace" },
    });
    assert_eq!(asked.bodies(&Method::PUT), [put]);
    let tag = json!({ "tags": [{ "name": "usher-welcome", "status": "active" }] });
    assert_eq!(asked.bodies(&Method::POST), [tag]);
    let requests = asked.0.lock().unwrap();
    // base64 of usher:0123abcd-us1
    assert!(requests.iter().all(|it| it.headers()["authorization"] == "Basic dXNoZXI6MDEyM2FiY2QtdXMx"));
}

#[tokio::test]
async fn without_a_clear_yes_nothing_is_asked() {
    let (email, asked) = email(settings(), fine);
    for answer in [json!(false), json!(null), json!("true"), json!(1), json!([true])] {
        let outcome = email.handle(&consent(answer.clone())).await;
        assert_eq!(outcome, Outcome::Skipped("no-consent"), "{answer}");
    }
    let unasked = Event::new(UserSignedUp { attributes: BTreeMap::new(), ..ada() });
    assert_eq!(email.handle(&unasked).await, Outcome::Skipped("no-consent"));
    assert!(asked.lines().is_empty());
}

#[tokio::test]
async fn without_an_address_nothing_is_asked() {
    let (email, asked) = email(settings(), fine);
    for address in [None, Some(""), Some("  ")] {
        let event = Event::new(UserSignedUp { email: address.map(str::to_owned), ..ada() });
        assert_eq!(email.handle(&event).await, Outcome::Skipped("no-email"));
    }
    assert!(asked.lines().is_empty());
}

#[test]
fn whoever_becomes_no_member_is_passed_over_unasked() {
    let (email, _) = email(settings(), fine);
    let nowhere = Event::new(UserSignedUp { email: None, ..ada() });
    assert_eq!(email.passes_over(&consent(json!(false))), Some("no-consent"));
    assert_eq!(email.passes_over(&nowhere), Some("no-email"));
    assert_eq!(email.passes_over(&Event::new(ada())), None);
}

#[tokio::test]
async fn an_address_keeps_its_case_and_is_the_same_member_in_any() {
    let (email, asked) = email(settings(), fine);
    let event = Event::new(UserSignedUp { email: Some("Ada@Example.COM".to_owned()), ..ada() });
    assert_eq!(email.handle(&event).await, Outcome::Done);
    assert!(
        asked.lines().iter().all(|line| line.contains(&format!("/members/{ADA}"))),
        "{:?}",
        asked.lines()
    );
    assert_eq!(asked.bodies(&Method::PUT)[0]["email_address"], "Ada@Example.COM");
}

#[tokio::test]
async fn a_member_is_never_given_a_status_only_somebody_new_is() {
    for (status_if_new, told) in [(StatusIfNew::Subscribed, "subscribed"), (StatusIfNew::Pending, "pending")]
    {
        let (email, asked) =
            email(EmailSettings { mailchimp_status_if_new: status_if_new, ..settings() }, fine);
        assert_eq!(email.handle(&Event::new(ada())).await, Outcome::Done);
        let body = &asked.bodies(&Method::PUT)[0];
        assert_eq!(body["status_if_new"], told);
        assert!(!body.as_object().unwrap().contains_key("status"), "{body}");
    }
}

/// Ada's address, passed on by an identity provider, and all that she could agree to.
fn unverified() -> Event {
    let mut data = UserSignedUp { email_verified: false, ..ada() };
    data.attributes.insert(BY_POST.to_owned(), json!(true));
    Event::new(data)
}

#[tokio::test]
async fn an_address_that_nobody_verified_is_asked_first_and_nothing_is_written_to_its_member() {
    for status_if_new in [StatusIfNew::Subscribed, StatusIfNew::Pending] {
        let (email, asked) =
            email(EmailSettings { mailchimp_status_if_new: status_if_new, ..settings() }, fine);
        assert_eq!(email.handle(&unverified()).await, Outcome::Done);
        let put = json!({ "email_address": "ada@example.com", "status_if_new": "pending" });
        assert_eq!(asked.bodies(&Method::PUT), [put]);
        assert!(asked.lines()[0].ends_with("?skip_merge_validation=true"), "a list may want names");
        assert_eq!(asked.methods(), ["PUT", "POST"]);
    }
}

#[tokio::test]
async fn an_address_that_nobody_verified_is_as_good_as_any_where_the_settings_say_so() {
    let trusting = EmailSettings { mailchimp_unverified: Unverified::Trusted, ..settings() };
    let (email, asked) = email(trusting, fine);
    let mut verified = unverified();
    verified.data.email_verified = true;
    for event in [unverified(), verified] {
        assert_eq!(email.handle(&event).await, Outcome::Done);
    }
    let bodies = asked.bodies(&Method::PUT);
    assert_eq!(bodies[0]["status_if_new"], "subscribed");
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(asked.lines()[0], asked.lines()[2]);
}

#[tokio::test]
async fn a_merge_field_holds_a_clean_text_or_is_left_out() {
    let (email, asked) = email(settings(), fine);
    let given_name = Some(format!("\u{202e}Ada\r\nSubject: x{}", "a".repeat(10_000)));
    let event = Event::new(UserSignedUp { given_name, surname: Some("\t".to_owned()), ..ada() });
    assert_eq!(email.handle(&event).await, Outcome::Done);
    let body = &asked.bodies(&Method::PUT)[0];
    let first = body["merge_fields"]["FNAME"].as_str().unwrap();
    assert!(first.starts_with("Ada Subject: xaaa") && first.len() == 255, "{first}");
    assert_eq!(body["merge_fields"].get("LNAME"), None, "what is there must not be overwritten with nothing");
}

#[tokio::test]
async fn a_permission_is_given_by_a_yes_and_never_taken() {
    let (email, asked) = email(settings(), fine);
    for answer in [json!(true), json!(false), json!("true")] {
        let mut data = ada();
        data.attributes.insert(BY_POST.to_owned(), answer);
        assert_eq!(email.handle(&Event::new(data)).await, Outcome::Done);
    }
    let bodies = asked.bodies(&Method::PUT);
    let given = json!([{ "marketing_permission_id": "36aaf5a8d0", "enabled": true }]);
    assert_eq!(bodies[0]["marketing_permissions"], given);
    assert!(bodies[1..].iter().all(|body| body.get("marketing_permissions").is_none()), "{bodies:?}");
}

#[tokio::test]
async fn the_tag_is_added_after_every_put() {
    let (email, asked) = email(settings(), fine);
    for _ in 0..3 {
        assert_eq!(email.handle(&Event::new(ada())).await, Outcome::Done);
    }
    assert_eq!(asked.methods(), ["PUT", "POST"].repeat(3));
}

#[tokio::test]
async fn the_tag_is_not_added_after_a_put_that_failed() {
    for (status, title) in [
        (400, "Member In Compliance State"),
        (400, "Forgotten Email Not Subscribed"),
        (401, "API Key Invalid"),
        (404, "Resource Not Found"),
        (429, "Too Many Requests"),
        (500, "Internal Server Error"),
    ] {
        let (email, asked) = email(settings(), failing(Method::PUT, status, title));
        assert_ne!(email.handle(&Event::new(ada())).await, Outcome::Done, "{title}");
        assert_eq!(asked.methods(), ["PUT"], "{title}");
    }
}

#[tokio::test]
async fn a_tag_that_failed_is_tried_again_with_its_put() {
    let (email, asked) = email(settings(), failing(Method::POST, 429, "Too Many Requests"));
    for _ in 0..2 {
        assert!(matches!(email.handle(&Event::new(ada())).await, Outcome::Retry(_)));
    }
    assert_eq!(asked.methods(), ["PUT", "POST"].repeat(2));
}

#[tokio::test]
async fn a_refused_member_is_rejected_with_a_code_and_without_the_address() {
    let (email, _) = email(settings(), failing(Method::PUT, 400, "Member In Compliance State"));
    let Outcome::Reject(rejection) = email.handle(&Event::new(ada())).await else { panic!("not rejected") };
    assert_eq!(rejection.reason, "MailchimpRejected");
    assert_eq!(rejection.detail, "status=400 code=compliance-state");
}

#[tokio::test]
async fn a_list_that_is_not_there_is_no_messages_fault() {
    let (email, _) = email(settings(), failing(Method::PUT, 404, "Resource Not Found"));
    let outcome = email.handle(&Event::new(ada())).await;
    assert!(matches!(outcome, Outcome::Unavailable { vendor: "Mailchimp", .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_member_who_is_gone_before_the_tag_is_put_again() {
    let (email, asked) = email(settings(), failing(Method::POST, 404, "Resource Not Found"));
    for _ in 0..2 {
        let outcome = email.handle(&Event::new(ada())).await;
        assert!(matches!(outcome, Outcome::Retry(_)), "{outcome:?}");
    }
    assert_eq!(asked.methods(), ["PUT", "POST"].repeat(2));
}

#[tokio::test]
async fn the_probe_asks_for_the_list_and_names_the_setting_to_mend() {
    let (email, asked) = email(settings(), fine);
    assert_eq!(email.probe().await, Ok(()));
    assert_eq!(asked.lines(), ["GET https://us1.api.mailchimp.com/3.0/lists/57afe96172?fields=id"]);
    for (status, title, setting) in [
        (401, "API Key Invalid", "MAILCHIMP_API_KEY"),
        (403, "Wrong Datacenter", "MAILCHIMP_API_KEY"),
        (404, "Resource Not Found", "MAILCHIMP_LIST_ID"),
        (405, "Method Not Allowed", "MAILCHIMP_API_BASE"),
    ] {
        let (email, _) = self::email(settings(), failing(Method::GET, status, title));
        assert_eq!(email.probe().await.unwrap_err().setting, setting, "{title}");
    }
}

/// A handler with so many connections and 20 sign-ups in work, each call of which takes a minute; the most calls that
/// have run at once.
fn busy(connections: usize) -> (Arc<Email>, JoinSet<Outcome>, Arc<AtomicUsize>) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let seen = most.clone();
    let http = HttpClient::new(tower::service_fn(move |request: Request| {
        let (running, most) = (running.clone(), most.clone());
        async move {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_secs(if request.method() == Method::GET { 1 } else { 60 })).await;
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(fine(&request))
        }
    }));
    let connections = NonZeroUsize::new(connections).unwrap();
    let email =
        Arc::new(email_over(EmailSettings { mailchimp_connections: connections, ..settings() }, http));
    let sign_ups = (0..20).map(|_| {
        let email = email.clone();
        async move { email.handle(&Event::new(ada())).await }
    });
    (email.clone(), sign_ups.collect(), seen)
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_run_at_once_than_there_are_connections() {
    for connections in [1, 2, 3] {
        let (email, mut sign_ups, most) = busy(connections);
        sleep(Duration::from_secs(1)).await;
        assert_eq!(email.probe().await, Ok(()));
        while let Some(outcome) = sign_ups.join_next().await {
            assert_eq!(outcome.unwrap(), Outcome::Done);
        }
        assert_eq!(most.load(Ordering::SeqCst), connections);
    }
}

#[tokio::test(start_paused = true)]
async fn a_probe_waits_for_no_call_that_hangs() {
    let (email, _sign_ups, _) = busy(2);
    sleep(Duration::from_secs(1)).await;
    let probed = tokio::time::timeout(Duration::from_secs(2), email.probe()).await;
    assert_eq!(probed, Ok(Ok(())));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_waited_for_as_long_as_mailchimp_works_on_it() {
    let slow = |seconds| {
        let http = HttpClient::new(tower::service_fn(move |request: Request| async move {
            sleep(Duration::from_secs(seconds)).await;
            Ok::<_, TransportError>(fine(&request))
        }));
        email_over(settings(), http)
    };
    assert_eq!(slow(119).handle(&Event::new(ada())).await, Outcome::Done);
    assert!(matches!(slow(121).handle(&Event::new(ada())).await, Outcome::Retry(_)));
}

/// What a check finds, of a member whom Mailchimp shows like this.
async fn found(status: u16, member: Value) -> Presence {
    let (email, asked) = email(settings(), move |_| response(status, &member));
    let presence = email.presence(&Event::new(ada())).await.unwrap();
    let member = format!("https://us1.api.mailchimp.com/3.0/lists/57afe96172/members/{ADA}");
    assert_eq!(asked.lines(), [format!("GET {member}?fields=id%2Cstatus%2Ctags")], "only looks");
    presence
}

#[tokio::test]
async fn a_check_tells_who_is_on_the_list_and_welcomed() {
    let member = |status: &str, tag: &str| json!({ "id": ADA, "status": status, "tags": [{ "name": tag }] });
    assert_eq!(found(200, member("subscribed", "usher-welcome")).await, Presence::Present);
    assert_eq!(found(200, member("unsubscribed", "usher-welcome")).await, Presence::Present);
    assert_eq!(found(200, member("subscribed", "vip")).await, Presence::Missing("no-welcome-tag"));
    assert_eq!(found(200, member("archived", "vip")).await, Presence::NotExpected("archived"));
    let nobody = json!({ "title": "Resource Not Found", "status": 404 });
    assert_eq!(found(404, nobody).await, Presence::Missing("not-on-the-list"));
}

#[tokio::test]
async fn a_check_asks_about_nobody_who_did_not_agree() {
    let (email, asked) = email(settings(), fine);
    assert_eq!(email.presence(&consent(json!(false))).await, Ok(Presence::NotExpected("no-consent")));
    assert!(asked.lines().is_empty());
}
