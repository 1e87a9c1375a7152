//! The Salesforce org.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

mod support;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{Method, Request};
use ring::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
use serde_json::{Value, json};
use support::{Edge, Reply, START, form, pass, prompt, seconds, target};
use usher_http::TransportError;
use usher_sandbox::{
    CrmExpected, FaultKind, NewSignUp, SALESFORCE_CLIENT_ID, SALESFORCE_EXTERNAL_ID, SALESFORCE_PRIVATE_KEY,
    SALESFORCE_URL, SALESFORCE_USERNAME, SalesforcePast, SandboxSettings, Vendor, Verdict,
};
use uuid::Uuid;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

fn claim() -> Value {
    json!({
        "iss": SALESFORCE_CLIENT_ID,
        "sub": SALESFORCE_USERNAME,
        "aud": SALESFORCE_URL,
        "exp": START.unix_timestamp() + 120,
    })
}

fn signed(head: &Value, claim: &Value) -> String {
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let text = format!("{}.{}", encode(head.to_string().as_bytes()), encode(claim.to_string().as_bytes()));
    let pem = PrivatePkcs8KeyDer::from_pem_slice(SALESFORCE_PRIVATE_KEY.as_bytes()).unwrap();
    let key = RsaKeyPair::from_pkcs8(pem.secret_pkcs8_der()).unwrap();
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).unwrap();
    format!("{text}.{}", encode(&signature))
}

async fn ask_for_token(edge: &Edge, fields: &[(&str, &str)]) -> Reply {
    let request = Request::post(format!("{SALESFORCE_URL}/services/oauth2/token"))
        .header("content-type", "application/x-www-form-urlencoded");
    edge.send(request, form(fields)).await.unwrap()
}

async fn token_for(edge: &Edge, claim: &Value) -> Reply {
    let assertion = signed(&json!({"alg": "RS256"}), claim);
    ask_for_token(edge, &[("grant_type", GRANT), ("assertion", &assertion)]).await
}

/// A token for calls that come within three minutes of the start.
async fn token(edge: &Edge) -> String {
    let reply = token_for(edge, &claim()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.body["access_token"].as_str().unwrap().to_owned()
}

async fn call(
    edge: &Edge,
    token: &str,
    method: Method,
    path: &str,
    body: &str,
) -> Result<Reply, TransportError> {
    let request = Request::builder()
        .method(method)
        .uri(format!("{SALESFORCE_URL}/services/data/v64.0{path}"))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    edge.send(request, body.to_owned()).await
}

fn place(user: Uuid) -> String {
    format!("/sobjects/Contact/{SALESFORCE_EXTERNAL_ID}/{user}")
}

async fn upsert(edge: &Edge, user: Uuid, body: Value) -> Reply {
    let token = token(edge).await;
    call(edge, &token, Method::PATCH, &place(user), &body.to_string()).await.unwrap()
}

async fn query(edge: &Edge, soql: &str) -> Reply {
    let token = token(edge).await;
    let path = format!("/query?{}", form(&[("q", soql)]));
    call(edge, &token, Method::GET, &path, "").await.unwrap()
}

fn code(reply: &Reply) -> (u16, &str) {
    (reply.status, reply.body[0]["errorCode"].as_str().unwrap_or_default())
}

fn ada(edge: &Edge) -> Uuid {
    edge.sandbox.sign_up(NewSignUp { email: Some("ada@example.com".into()), ..NewSignUp::default() })
}

fn body() -> Value {
    json!({"FirstName": "Ada", "LastName": "Lovelace", "Email": "ada@example.com"})
}

#[tokio::test(start_paused = true)]
async fn a_signed_claim_gets_a_token_and_where_to_use_it() {
    let edge = Edge::new(prompt());
    let reply = token_for(&edge, &claim()).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.body["instance_url"], SALESFORCE_URL);
    assert_eq!(reply.body["token_type"], "Bearer");
    assert_eq!(reply.body.get("expires_in"), None, "Salesforce does not say");
}

#[tokio::test(start_paused = true)]
async fn each_mistake_in_a_claim_gets_its_own_error() {
    let edge = Edge::new(prompt());
    let now = START.unix_timestamp();
    for (name, value, error, description) in [
        ("iss", json!("3MVG9-another"), "invalid_client_id", "client identifier invalid"),
        ("sub", json!("eve@seats.example"), "invalid_grant", "user hasn't approved this consumer"),
        ("aud", json!("https://test.salesforce.com"), "invalid_grant", "audience is invalid"),
        ("exp", json!(now - 1), "invalid_grant", "expired authorization code"),
        ("exp", json!(now + 181), "invalid_grant", "expired authorization code"),
        ("exp", json!("soon"), "invalid_grant", "invalid assertion"),
        ("scope", json!("full"), "invalid_grant", "invalid assertion"),
    ] {
        let mut claim = claim();
        claim[name] = value;
        let reply = token_for(&edge, &claim).await;
        let told = (reply.body["error"].as_str().unwrap(), reply.body["error_description"].as_str().unwrap());
        assert_eq!((reply.status, told), (400, (error, description)), "{claim}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_not_signed_by_the_key_is_refused() {
    let edge = Edge::new(prompt());
    let good = signed(&json!({"alg": "RS256"}), &claim());
    let (text, signature) = good.rsplit_once('.').unwrap();
    let mut other = claim();
    other["exp"] = json!(START.unix_timestamp() + 60);
    let others = signed(&json!({"alg": "RS256"}), &other);
    let borrowed = format!("{}.{signature}", others.rsplit_once('.').unwrap().0);
    for forged in
        [text.to_owned(), format!("{text}."), borrowed, signed(&json!({"alg": "none"}), &claim()), "x".into()]
    {
        let reply = ask_for_token(&edge, &[("grant_type", GRANT), ("assertion", &forged)]).await;
        assert_eq!((reply.status, reply.body["error"].as_str()), (400, Some("invalid_grant")), "{forged}");
    }
    for (fields, error) in [
        (vec![("grant_type", "password"), ("assertion", good.as_str())], "unsupported_grant_type"),
        (vec![("grant_type", GRANT)], "invalid_request"),
        (vec![("grant_type", GRANT), ("assertion", good.as_str()), ("scope", "full")], "invalid_request"),
    ] {
        assert_eq!(ask_for_token(&edge, &fields).await.body["error"], error);
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_good_until_it_expires_or_is_taken_away() {
    let mut settings = prompt();
    settings.salesforce.session = seconds(60);
    let edge = Edge::new(settings);
    let get =
        async |token: &str| call(&edge, token, Method::GET, "/sobjects/Contact/describe", "").await.unwrap();
    let first = token(&edge).await;
    assert_eq!(get(&first).await.status, 200);
    for wrong in ["", "opaque"] {
        assert_eq!(code(&get(wrong).await), (401, "INVALID_SESSION_ID"));
    }
    edge.sandbox.end_salesforce_sessions();
    assert_eq!(get(&first).await.status, 401);
    let second = token(&edge).await;
    assert_eq!(get(&second).await.status, 200);
    pass(seconds(60)).await;
    assert_eq!(get(&second).await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn an_upsert_makes_a_record_and_then_changes_it() {
    let edge = Edge::new(prompt());
    let user = ada(&edge);
    let made = upsert(&edge, user, body()).await;
    assert_eq!((made.status, &made.body["created"]), (201, &json!(true)));
    let changed = upsert(&edge, user, json!({"LastName": "King"})).await;
    assert_eq!((changed.status, &changed.body["created"]), (200, &json!(false)));
    assert_eq!(changed.body["id"], made.body["id"]);
    let record = edge.sandbox.salesforce_record(user).unwrap();
    let field = |name: &str| record[name].as_str().unwrap().to_owned();
    assert_eq!([field("FirstName"), field("LastName")], ["Ada", "King"], "what is not sent stays");
    assert_eq!(field(SALESFORCE_EXTERNAL_ID), user.to_string());
    let effect = edge.effect(user).crm;
    assert_eq!((effect.expected, effect.records, effect.verdict), (CrmExpected::One, 1, Verdict::Exact));
}

#[tokio::test(start_paused = true)]
async fn what_the_object_does_not_take_is_refused_each_in_its_own_words() {
    let edge = Edge::new(prompt());
    let user = ada(&edge);
    let with = |name: &str, value: Value| {
        let mut body = body();
        body[name] = value;
        body
    };
    let long = "ż".repeat(81);
    for (body, expected) in [
        (json!({"FirstName": "Ada"}), "REQUIRED_FIELD_MISSING"),
        (with("LastName", json!("")), "REQUIRED_FIELD_MISSING"),
        (with("LastName", Value::Null), "REQUIRED_FIELD_MISSING"),
        (with("LastName", json!(long)), "STRING_TOO_LONG"),
        (with("LastName", json!(7)), "JSON_PARSER_ERROR"),
        (with("ShoeSize__c", json!("42")), "INVALID_FIELD"),
        (with(SALESFORCE_EXTERNAL_ID, json!(user)), "INVALID_FIELD"),
        (with("Id", json!("0035e0000000001AAA")), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (with("Email", json!("ada@localhost")), "INVALID_EMAIL_ADDRESS"),
        (with("SignedUp__c", json!("yesterday")), "JSON_PARSER_ERROR"),
        (with("EmailVerified__c", json!("true")), "JSON_PARSER_ERROR"),
        (json!([]), "JSON_PARSER_ERROR"),
    ] {
        let reply = upsert(&edge, user, body.clone()).await;
        assert_eq!(code(&reply), (400, expected), "{body}");
    }
    assert_eq!(edge.sandbox.salesforce_record(user), None);
    let all = json!({"EmailVerified__c": true, "SignedUp__c": "2026-03-01T09:30:00.000Z", "lastname": "x"});
    assert_eq!(upsert(&edge, user, all).await.status, 201, "capitals make no difference");
}

#[tokio::test(start_paused = true)]
async fn a_lead_needs_a_company() {
    let edge = Edge::new(prompt());
    let (user, token) = (ada(&edge), token(&edge).await);
    let path = place(user).replace("Contact", "Lead");
    let put = async |body: Value| call(&edge, &token, Method::PATCH, &path, &body.to_string()).await.unwrap();
    assert_eq!(code(&put(body()).await), (400, "REQUIRED_FIELD_MISSING"));
    let mut complete = body();
    complete["Company"] = json!("Analytical Engines");
    assert_eq!(put(complete).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_found() {
    let edge = Edge::new(prompt());
    let (user, token) = (ada(&edge), token(&edge).await);
    for (method, path, status) in [
        (Method::PATCH, format!("/sobjects/Spaceship/{SALESFORCE_EXTERNAL_ID}/{user}"), 404),
        (Method::PATCH, format!("/sobjects/Contact/Email/{user}"), 404),
        (Method::GET, "/sobjects/Spaceship/describe".to_owned(), 404),
        (Method::GET, "/limits".to_owned(), 404),
        (Method::PUT, place(user), 405),
    ] {
        let reply = call(&edge, &token, method, &path, &body().to_string()).await.unwrap();
        assert_eq!(reply.status, status, "{path}");
    }
    let request = Request::get(format!("{SALESFORCE_URL}/services/data/v99.0/sobjects/Contact/describe"))
        .header("authorization", format!("Bearer {token}"));
    assert_eq!(code(&edge.send(request, "").await.unwrap()), (404, "NOT_FOUND"));
}

#[tokio::test(start_paused = true)]
async fn the_description_says_what_can_be_written() {
    let edge = Edge::new(prompt());
    let token = token(&edge).await;
    let reply = call(&edge, &token, Method::GET, "/sobjects/contact/describe", "").await.unwrap();
    assert_eq!((reply.status, &reply.body["name"]), (200, &json!("Contact")));
    let fields = reply.body["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    let external = field(SALESFORCE_EXTERNAL_ID);
    assert_eq!((&external["externalId"], &external["unique"]), (&json!(true), &json!(true)));
    assert_eq!((&field("LastName")["nillable"], &field("LastName")["length"]), (&json!(false), &json!(80)));
    assert_eq!(field("Id")["createable"], false);
}

fn with_past(edge: &Edge, past: SalesforcePast) -> Uuid {
    edge.sandbox.sign_up(NewSignUp {
        email: Some("ada@example.com".into()),
        salesforce: past,
        ..NewSignUp::default()
    })
}

#[tokio::test(start_paused = true)]
async fn whoever_has_two_records_has_neither_changed() {
    let edge = Edge::new(prompt());
    let user = with_past(&edge, SalesforcePast::Ambiguous);
    let reply = upsert(&edge, user, body()).await;
    assert_eq!((reply.status, reply.body.as_array().map(Vec::len)), (300, Some(2)));
    assert!(reply.body[0].as_str().unwrap().starts_with("/services/data/v64.0/sobjects/Contact/003"));
    let effect = edge.effect(user).crm;
    assert_eq!((effect.expected, effect.verdict), (CrmExpected::Ambiguous, Verdict::Exact));
}

#[tokio::test(start_paused = true)]
async fn whoever_a_rule_refuses_has_no_record() {
    let edge = Edge::new(prompt());
    let user = with_past(&edge, SalesforcePast::Refused);
    assert_eq!(code(&upsert(&edge, user, body()).await), (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION"));
    let effect = edge.effect(user).crm;
    assert_eq!((effect.expected, effect.records), (CrmExpected::Refused, 0));
    assert_eq!(effect.verdict, Verdict::Exact);
}

#[tokio::test(start_paused = true)]
async fn each_answer_tells_of_the_days_calls_until_there_are_none_left() {
    let mut settings = prompt();
    settings.salesforce.daily_calls = 3;
    settings.salesforce.used_by_others = 1;
    settings.salesforce.session = seconds(48 * 3600);
    let edge = Edge::new(settings);
    let (user, token) = (ada(&edge), token(&edge).await);
    let put = async || call(&edge, &token, Method::PATCH, &place(user), &body().to_string()).await.unwrap();
    for (status, told) in [(201, "2/3"), (200, "3/3"), (403, "3/3"), (403, "3/3")] {
        let reply = put().await;
        let header = format!("api-usage={told}");
        assert_eq!((reply.status, reply.header("sforce-limit-info")), (status, Some(header.as_str())));
    }
    assert_eq!(code(&put().await), (403, "REQUEST_LIMIT_EXCEEDED"));
    pass(seconds(24 * 3600)).await;
    assert_eq!(put().await.status, 200, "a day later there are some again");
}

fn external_ids(reply: &Reply) -> Vec<String> {
    let records = reply.body["records"].as_array().unwrap();
    records.iter().map(|record| record[SALESFORCE_EXTERNAL_ID].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_query_says_which_external_ids_exist() {
    let edge = Edge::new(prompt());
    let (there, missing) = (ada(&edge), ada(&edge));
    let doubled = with_past(&edge, SalesforcePast::Ambiguous);
    upsert(&edge, there, body()).await;
    let soql = format!(
        "SELECT {SALESFORCE_EXTERNAL_ID} FROM Contact WHERE {SALESFORCE_EXTERNAL_ID} IN ('{there}', '{missing}','{doubled}')"
    );
    let reply = query(&edge, &soql).await;
    assert_eq!((reply.status, &reply.body["done"]), (200, &json!(true)));
    let ids = [there, doubled, doubled].map(|id| id.to_string());
    assert_eq!(external_ids(&reply), ids);
    assert_eq!(reply.body["records"][0]["attributes"]["type"], "Contact");
    for (wrong, expected) in [
        ("SELECT Id FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Shoes__c FROM Contact WHERE UsherUserId__c != null", "INVALID_FIELD"),
        ("SELECT Id FROM Spaceship WHERE UsherUserId__c != null", "INVALID_TYPE"),
        ("SELECT Id FROM Contact WHERE UsherUserId__c IN (a)", "MALFORMED_QUERY"),
    ] {
        assert_eq!(code(&query(&edge, wrong).await), (400, expected), "{wrong}");
    }
    let long = format!("SELECT Id FROM Contact WHERE UsherUserId__c IN ('{}')", "x".repeat(17_000));
    assert_eq!(query(&edge, &long).await.status, 414);
}

#[tokio::test(start_paused = true)]
async fn a_query_with_more_than_a_page_says_where_it_goes_on() {
    let mut settings = prompt();
    settings.salesforce.query_page = 2;
    let edge = Edge::new(settings);
    let mut users = Vec::new();
    for _ in 0..5 {
        let user = ada(&edge);
        upsert(&edge, user, body()).await;
        users.push(user.to_string());
    }
    users.sort();
    let soql = "SELECT Id, UsherUserId__c FROM Contact WHERE UsherUserId__c != null";
    let mut reply = query(&edge, soql).await;
    let mut found = external_ids(&reply);
    let token = token(&edge).await;
    while let Some(next) = reply.body["nextRecordsUrl"].as_str() {
        assert_eq!((&reply.body["done"], &reply.body["totalSize"]), (&json!(false), &json!(5)));
        let path = next.strip_prefix("/services/data/v64.0").unwrap().to_owned();
        reply = call(&edge, &token, Method::GET, &path, "").await.unwrap();
        found.extend(external_ids(&reply));
    }
    assert_eq!(found, users);
    let gone = call(&edge, &token, Method::GET, "/query/01g0-2", "").await.unwrap();
    assert_eq!(code(&gone), (400, "INVALID_QUERY_LOCATOR"));
}

#[tokio::test(start_paused = true)]
async fn faults_and_outages_are_as_elsewhere() {
    let edge = Edge::new(prompt());
    let (user, token) = (ada(&edge), token(&edge).await);
    let faults = edge.sandbox.faults();
    let put = async || call(&edge, &token, Method::PATCH, &place(user), &body().to_string()).await;
    let records = || edge.effect(user).crm.records;
    faults.next(target("salesforce.upsert"), 1, FaultKind::Before);
    assert_eq!(put().await.unwrap_err(), TransportError::Broken);
    assert_eq!(records(), 0);
    faults.next(target("salesforce"), 1, FaultKind::After);
    assert_eq!(put().await.unwrap_err(), TransportError::Broken);
    assert_eq!(records(), 1);
    for (fault, expected) in [
        (FaultKind::Status(400), (400, "UNABLE_TO_LOCK_ROW")),
        (FaultKind::Status(401), (401, "INVALID_SESSION_ID")),
        (FaultKind::Status(503), (503, "SERVER_UNAVAILABLE")),
        (FaultKind::Throttled, (403, "REQUEST_LIMIT_EXCEEDED")),
    ] {
        faults.next(target("salesforce.upsert"), 1, fault);
        assert_eq!(code(&put().await.unwrap()), expected);
    }
    faults.next(target("salesforce.token"), 1, FaultKind::Throttled);
    assert_eq!(token_for(&edge, &claim()).await.body["error_description"], "login rate exceeded");

    edge.sandbox.outage(Vendor::Salesforce, true);
    assert_eq!(put().await.unwrap_err(), TransportError::Connect);
    edge.sandbox.outage(Vendor::Salesforce, false);
    assert_eq!(put().await.unwrap().status, 200);
    assert_eq!(edge.sandbox.effects().totals.calls["salesforce.upsert"], 7);
}

#[tokio::test(start_paused = true)]
async fn a_record_of_nobody_who_signed_up_or_with_anothers_address_is_wrong() {
    let edge = Edge::new(SandboxSettings { seed: 3, ..prompt() });
    let bystander =
        edge.sandbox.sign_up(NewSignUp { kind: usher_sandbox::Kind::AdminMade, ..NewSignUp::default() });
    let effect = edge.effect(bystander).crm;
    assert_eq!((effect.expected, effect.verdict), (CrmExpected::None, Verdict::Exact));
    let soql = "SELECT Id FROM Contact WHERE UsherUserId__c != null";
    assert_eq!(query(&edge, soql).await.body["totalSize"], 0);
    upsert(&edge, bystander, body()).await;
    assert_eq!(edge.effect(bystander).crm.verdict, Verdict::Unwanted);
    let user = edge.sandbox.sign_up(NewSignUp::default());
    assert_eq!(edge.effect(user).crm.verdict, Verdict::Pending);
    upsert(&edge, user, json!({"LastName": "x", "Email": "somebody.else@example.com"})).await;
    assert_eq!(edge.effect(user).crm.verdict, Verdict::Mismatched);
}
