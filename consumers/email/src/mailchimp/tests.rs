//! The table of answers, row by row.

use FailureClass::{Refused, Transient, Unauthorized};
use usher_http::TransportError;
use usher_subscriber::Outcome;

use super::*;
use crate::failed;

fn mailchimp() -> Mailchimp {
    let nobody = tower::service_fn(|_: Request| async { Err::<Response, _>(TransportError::Connect) });
    let http = HttpClient::new(nobody);
    Mailchimp {
        probing: http.clone(),
        http,
        base: "https://us1.api.mailchimp.example".parse().unwrap(),
        key: "0123abcd-us1".into(),
        list_id: "57afe96172".to_owned(),
        clock: Clock::system(),
    }
}

fn response(status: u16, body: impl Into<Bytes>) -> Response {
    http::Response::builder().status(status).body(body.into()).unwrap()
}

/// An error as Mailchimp words it: the detail quotes the address.
fn problem(status: u16, title: &str) -> Failure {
    let detail = "ada@example.com is in a compliance state";
    let body = json!({ "type": "https://mailchimp.example", "title": title, "status": status, "detail": detail,
        "errors": [{ "field": "email_address", "message": "ada@example.com looks fake" }] });
    mailchimp().check(&response(status, body.to_string())).unwrap_err()
}

fn page(status: u16) -> Failure {
    mailchimp().check(&response(status, "<html>Access Denied</html>")).unwrap_err()
}

#[test]
fn each_answer_has_its_class_and_its_code() {
    let rows: [(u16, &str, FailureClass, &str); 17] = [
        (400, "Bad Request", Refused, "Bad Request"),
        (400, "Forgotten Email Not Subscribed", Refused, "forgotten-email"),
        (400, "Invalid Resource", Refused, "invalid-resource"),
        (400, "JSON Parse Error", Refused, "JSON Parse Error"),
        (400, "Member In Compliance State", Refused, "compliance-state"),
        (401, "API Key Invalid", Unauthorized, "API Key Invalid"),
        (401, "API Key Missing", Unauthorized, "API Key Missing"),
        (403, "Forbidden", Unauthorized, "Forbidden"),
        (403, "User Disabled", Unauthorized, "User Disabled"),
        (403, "Wrong Datacenter", Unauthorized, "Wrong Datacenter"),
        (404, "Resource Not Found", Refused, "not-found"),
        (405, "Method Not Allowed", Refused, "Method Not Allowed"),
        (422, "Requested Fields Invalid", Refused, "Requested Fields Invalid"),
        (429, "Too Many Requests", Transient, "throttled"),
        (500, "Internal Server Error", Transient, "Internal Server Error"),
        (503, "Compliance Related", Transient, "Compliance Related"),
        (504, "Gateway Timeout", Transient, "Gateway Timeout"),
    ];
    for (status, title, class, code) in rows {
        let failure = problem(status, title);
        let told = (failure.class, failure.status, failure.code.as_deref());
        assert_eq!(told, (class, Some(status), Some(code)), "{status} {title}");
    }
}

#[test]
fn an_answer_that_is_no_json_goes_by_its_status() {
    let rows: [(u16, FailureClass, Option<&str>); 9] = [
        (301, Refused, None),
        (400, Refused, None),
        (401, Unauthorized, None),
        (403, Transient, Some("throttled")),
        (404, Refused, Some("not-found")),
        (414, Refused, None),
        (429, Transient, Some("throttled")),
        (502, Transient, None),
        (503, Transient, None),
    ];
    for (status, class, code) in rows {
        let failure = page(status);
        assert_eq!((failure.class, failure.code.as_deref()), (class, code), "{status}");
    }
}

#[test]
fn each_failure_calls_for_its_outcome() {
    let rejected = |failure| match failed(failure) {
        Outcome::Reject(rejection) => format!("{} {}", rejection.reason, rejection.detail),
        outcome => panic!("{outcome:?}"),
    };
    for (title, code) in [
        ("Member In Compliance State", "compliance-state"),
        ("Forgotten Email Not Subscribed", "forgotten-email"),
        ("Invalid Resource", "invalid-resource"),
    ] {
        assert_eq!(rejected(problem(400, title)), format!("MailchimpRejected status=400 code={code}"));
    }
    for ours in [problem(401, "API Key Invalid"), problem(403, "Forbidden"), problem(404, "Not Found")] {
        assert!(matches!(failed(ours), Outcome::Unavailable { vendor: "Mailchimp", .. }));
    }
    for passing in [problem(429, "Too Many Requests"), page(403), page(503)] {
        assert!(matches!(failed(passing), Outcome::Retry(_)));
    }
    assert!(matches!(failed(TransportError::Connect.into()), Outcome::Unavailable { .. }));
    assert!(matches!(failed(TransportError::Timeout.into()), Outcome::Retry(_)));
}

#[test]
fn a_success_that_shows_no_id_is_not_mailchimps() {
    assert_eq!(mailchimp().resource(&response(200, r#"{"id":"57afe96172"}"#)), Ok(()));
    for wrong in ["", "<html>Sign in to the network</html>", "{}", r#"{"id":"57af"#] {
        let failure = mailchimp().resource(&response(200, wrong)).unwrap_err();
        assert_eq!(failure.class, Transient, "{wrong}");
    }
    assert_eq!(mailchimp().check(&response(204, "")), Ok(()), "a tag's answer is empty");
}

#[test]
fn a_time_to_wait_is_kept_if_somebody_names_one() {
    let mut response = response(503, "");
    response.headers_mut().insert(header::RETRY_AFTER, 7.into());
    let failure = mailchimp().check(&response).unwrap_err();
    assert_eq!(failure.retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn nothing_that_quotes_the_address_is_in_a_failure() {
    for failure in [problem(400, "Invalid Resource"), problem(400, "ada@example.com"), page(400)] {
        let shown = format!("{failure} {failure:?} {:?}", failed(failure.clone()));
        assert!(!shown.contains("ada"), "{shown}");
    }
}
