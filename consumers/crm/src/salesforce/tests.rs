//! The table of answers, row by row.

use FailureClass::{Refused, Transient, Unauthorized};
use serde_json::json;
use usher_http::{FailureClass, TransportError};
use usher_subscriber::Outcome;

use super::*;
use crate::testing::{client, error, response, settings};

fn salesforce() -> Salesforce {
    let (http, _) = client(|_, _| response(200, &json!({})));
    Salesforce::new(&settings(), &Mapping::default(), Ports { http, clock: Clock::system() })
}

fn failed(response: &Response) -> Failed {
    salesforce().check(response).unwrap_err()
}

fn page(status: u16) -> Failed {
    let body = Bytes::from_static(b"<html>ada@example.com</html>");
    failed(&http::Response::builder().status(status).body(body).unwrap())
}

#[tokio::test]
async fn each_answer_has_its_fault_and_its_code() {
    let rows = [
        (400, "UNABLE_TO_LOCK_ROW", Fault::Moment, Transient),
        (400, "DUPLICATE_VALUE", Fault::Moment, Transient),
        (409, "ENTITY_CONFLICT", Fault::Moment, Transient),
        (429, "TOO_MANY_REQUESTS", Fault::Moment, Transient),
        (500, "UNKNOWN_EXCEPTION", Fault::Moment, Transient),
        (500, "UNABLE_TO_LOCK_ROW", Fault::Moment, Transient),
        (503, "SERVER_UNAVAILABLE", Fault::Moment, Transient),
        (403, "REQUEST_LIMIT_EXCEEDED", Fault::Allowance, Transient),
        (503, "REQUEST_LIMIT_EXCEEDED", Fault::Allowance, Transient),
        (401, "INVALID_SESSION_ID", Fault::Credentials("SALESFORCE_USERNAME"), Unauthorized),
        (401, "INVALID_AUTH_HEADER", Fault::Credentials("SALESFORCE_USERNAME"), Unauthorized),
        (403, "INSUFFICIENT_ACCESS_OR_READONLY", Fault::Rights, Unauthorized),
        (400, "INSUFFICIENT_ACCESS_OR_READONLY", Fault::Rights, Unauthorized),
        (403, "API_DISABLED_FOR_ORG", Fault::Rights, Unauthorized),
        (404, "NOT_FOUND", Fault::Mapping, Refused),
        (400, "INVALID_FIELD", Fault::Mapping, Refused),
        (400, "INVALID_FIELD_FOR_INSERT_UPDATE", Fault::Mapping, Refused),
        (400, "INVALID_TYPE", Fault::Mapping, Refused),
        (400, "REQUIRED_FIELD_MISSING", Fault::Record, Refused),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", Fault::Record, Refused),
        (400, "DUPLICATES_DETECTED", Fault::Record, Refused),
        (400, "INVALID_EMAIL_ADDRESS", Fault::Record, Refused),
        (400, "STRING_TOO_LONG", Fault::Record, Refused),
        (400, "JSON_PARSER_ERROR", Fault::Record, Refused),
        (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", Fault::Record, Refused),
        (405, "METHOD_NOT_ALLOWED", Fault::Record, Refused),
    ];
    for (status, code, fault, class) in rows {
        let Failed { fault: found, failure } = failed(&error(status, code));
        assert_eq!(found, fault, "{status} {code}");
        let told = (failure.class, failure.status, failure.code.as_deref());
        assert_eq!(told, (class, Some(status), Some(code)), "{status} {code}");
    }
}

#[tokio::test]
async fn an_answer_that_is_none_of_salesforces_goes_by_its_status() {
    for (status, fault) in [
        (302, Fault::Credentials("SALESFORCE_USERNAME")),
        (400, Fault::Record),
        (401, Fault::Credentials("SALESFORCE_USERNAME")),
        (403, Fault::Rights),
        (404, Fault::Mapping),
        (414, Fault::Record),
        (429, Fault::Moment),
        (502, Fault::Moment),
    ] {
        let found = page(status);
        assert_eq!((found.fault, found.failure.code), (fault, None), "{status}");
    }
}

#[tokio::test]
async fn several_records_with_one_external_id_are_for_somebody_to_merge() {
    let places =
        json!(["/services/data/v64.0/sobjects/Contact/0031", "/services/data/v64.0/sobjects/Contact/0032"]);
    let failed = failed(&response(300, &places));
    assert_eq!((failed.fault, failed.failure.code.as_deref()), (Fault::Record, Some("several-records")));
}

fn rejected(failed: Failed) -> String {
    match failed.outcome() {
        Outcome::Reject(rejection) => format!("{} {}", rejection.reason, rejection.detail),
        outcome => panic!("{outcome:?}"),
    }
}

#[tokio::test]
async fn each_fault_calls_for_its_outcome() {
    let unavailable = |failed: Failed| match failed.outcome() {
        Outcome::Unavailable { vendor: "Salesforce", failure } => failure.class,
        outcome => panic!("{outcome:?}"),
    };
    let refused = rejected(failed(&error(400, "DUPLICATES_DETECTED")));
    assert_eq!(refused, "SalesforceRejected status=400 code=DUPLICATES_DETECTED");
    assert!(matches!(failed(&error(400, "UNABLE_TO_LOCK_ROW")).outcome(), Outcome::Retry(_)));
    // No record's fault: should the probe pass, the record is tried again.
    for nobodys in [error(401, "INVALID_SESSION_ID"), error(403, "REQUEST_LIMIT_EXCEEDED")] {
        assert_eq!(unavailable(failed(&nobodys)), Transient);
    }
    // Perhaps all records' fault: should the probe pass, it was this one.
    assert_eq!(unavailable(failed(&error(400, "INVALID_FIELD"))), Refused);
    assert_eq!(unavailable(failed(&error(403, "INSUFFICIENT_ACCESS"))), Unauthorized);
    assert!(matches!(Failed::from(TransportError::Connect).outcome(), Outcome::Unavailable { .. }));
    assert!(matches!(Failed::from(TransportError::Timeout).outcome(), Outcome::Retry(_)));
}

#[tokio::test]
async fn each_fault_of_a_probe_names_the_setting_to_mend() {
    for (status, code, setting) in [
        (401, "INVALID_SESSION_ID", "SALESFORCE_USERNAME"),
        (403, "API_DISABLED_FOR_ORG", "SALESFORCE_USERNAME"),
        (404, "NOT_FOUND", "SALESFORCE_MAPPING, SALESFORCE_API_VERSION"),
        (400, "INVALID_TYPE", "SALESFORCE_MAPPING"),
    ] {
        let down = failed(&error(status, code)).down();
        assert_eq!((down.vendor, down.setting), ("Salesforce", setting), "{code}");
    }
}

#[tokio::test]
async fn a_time_to_wait_is_kept_and_a_used_up_allowance_has_one() {
    let mut response = error(503, "SERVER_UNAVAILABLE");
    response.headers_mut().insert(header::RETRY_AFTER, 7.into());
    assert_eq!(failed(&response).failure.retry_after, Some(Duration::from_secs(7)));
    let refused = failed(&error(403, "REQUEST_LIMIT_EXCEEDED"));
    assert_eq!(refused.failure.retry_after, Some(REFUSED_FOR_NUMBER));
    assert_eq!(failed(&error(400, "UNABLE_TO_LOCK_ROW")).failure.retry_after, None);
}

#[tokio::test]
async fn nothing_that_quotes_the_record_is_in_a_failure() {
    for failed in [failed(&error(400, "STRING_TOO_LONG")), failed(&error(400, "ada@example.com")), page(400)]
    {
        let shown = format!("{failed:?} {} {:?}", failed.failure, failed.clone().outcome());
        assert!(!shown.contains("ada") && !shown.contains("Lovelace"), "{shown}");
    }
}

#[tokio::test]
async fn a_lead_is_not_handed_on_by_the_orgs_rules() {
    assert_eq!(headers("lead"), [("sforce-auto-assign", "FALSE")]);
    assert!(headers("Contact").is_empty());
}
