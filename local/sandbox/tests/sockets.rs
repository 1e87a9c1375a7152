//! Over sockets: a broken connection is broken, a hang hangs, an outage refuses, https is https.
#![allow(clippy::unwrap_used)] // a test that can't go on says where

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use reqwest::{Certificate, Client};
use serde_json::{Value, json};
use usher_sandbox::{CLIENT_ID, CLIENT_SECRET, MAILCHIMP_KEY, MAILCHIMP_LIST_ID, STRIPE_KEY, TENANT_ID};

/// No call here takes longer unless it hangs.
const PATIENCE: Duration = Duration::from_secs(20);

struct Running {
    child: Child,
    at: Value,
    http: Client,
    _dir: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    fn start(flags: &[&str]) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let dir = tempfile::tempdir().unwrap();
        let ca_file = dir.path().join("ca.pem");
        let mut child = Command::new(env!("CARGO_BIN_EXE_usher-sandbox"))
            .args(["--ca-file", ca_file.to_str().unwrap()])
            .args(flags)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let at = serde_json::from_str(&line).unwrap();
        Self { child, at, http: client(&ca_file), _dir: dir }
    }

    fn url(&self, of: &str, path: &str) -> String {
        format!("{}{path}", self.at[of].as_str().unwrap())
    }

    async fn control(&self, order: Value) {
        let answer =
            self.http.post(self.url("control", "/_control")).body(order.to_string()).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }

    async fn effects(&self) -> Value {
        let answer = self.http.get(self.url("control", "/_effects")).send().await.unwrap();
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    async fn create_customer(&self) -> reqwest::Result<u16> {
        let request = self.http.post(self.url("stripe", "/v1/customers")).bearer_auth(STRIPE_KEY);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body("name=Ada");
        request.send().await.map(|answer| answer.status().as_u16())
    }

    async fn list(&self) -> reqwest::Result<u16> {
        let request = self.http.get(self.url("mailchimp", &format!("/3.0/lists/{MAILCHIMP_LIST_ID}")));
        request.basic_auth("any", Some(MAILCHIMP_KEY)).send().await.map(|answer| answer.status().as_u16())
    }

    async fn token(&self) -> String {
        let form = format!(
            "client_id={CLIENT_ID}&client_secret={CLIENT_SECRET}&grant_type=client_credentials\
             &scope=https%3A%2F%2Fgraph.microsoft.com%2F.default"
        );
        let request = self.http.post(self.url("login", &format!("/{TENANT_ID}/oauth2/v2.0/token")));
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(form);
        let answer: Value =
            serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }
}

fn client(ca_file: &Path) -> Client {
    let ca = Certificate::from_pem(&std::fs::read(ca_file).unwrap()).unwrap();
    Client::builder().tls_certs_merge([ca]).no_proxy().timeout(PATIENCE).build().unwrap()
}

#[tokio::test]
async fn a_token_comes_over_https_and_pages_of_the_log_over_http() {
    let sandbox = Running::start(&["--signups", "9", "--audit-latency", "0s", "--audit-page-size", "5"]);
    assert!(sandbox.at["login"].as_str().unwrap().starts_with("https://localhost:"));
    let token = sandbox.token().await;

    let mut next = Some(
        sandbox.url("graph", "/v1.0/auditLogs/directoryAudits?$filter=activityDisplayName eq 'Add user'"),
    );
    let mut seen = 0;
    while let Some(url) = next {
        let answer = sandbox.http.get(url).bearer_auth(&token).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let page: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        seen += page["value"].as_array().unwrap().len();
        next = page["@odata.nextLink"].as_str().map(str::to_owned);
    }
    assert!(seen >= 5, "{seen}");
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_authority_gets_no_token() {
    let sandbox = Running::start(&[]);
    let stranger = Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let refused = stranger.post(sandbox.url("login", "/any/oauth2/v2.0/token")).send().await.unwrap_err();
    assert!(refused.is_connect(), "{refused:?}");
}

#[tokio::test]
async fn an_ordered_fault_breaks_the_connection_after_its_effect() {
    let sandbox = Running::start(&[]);
    sandbox.control(json!({"fault": {"to": "stripe", "calls": 1, "kind": "after"}})).await;
    let broken = sandbox.create_customer().await.unwrap_err();
    assert!(broken.is_request() && !broken.is_connect() && !broken.is_timeout(), "{broken:?}");
    assert_eq!(sandbox.effects().await["totals"]["customers"], 1);
    assert_eq!(sandbox.create_customer().await.unwrap(), 200);
}

#[tokio::test]
async fn an_ordered_hang_never_answers() {
    let sandbox = Running::start(&[]);
    sandbox.control(json!({"fault": {"to": "stripe", "calls": 1, "kind": "hang"}})).await;
    // Long enough to be sure that an answer would have come: others take milliseconds.
    let hanging = tokio::time::timeout(Duration::from_secs(1), sandbox.create_customer());
    assert!(hanging.await.is_err());
    assert_eq!(sandbox.create_customer().await.unwrap(), 200, "others are answered meanwhile");
}

#[tokio::test]
async fn in_an_outage_connections_are_refused_and_afterwards_taken_at_the_same_port() {
    let sandbox = Running::start(&[]);
    assert_eq!(sandbox.create_customer().await.unwrap(), 200);
    for _ in 0..3 {
        sandbox.control(json!({"outage": {"vendor": "stripe", "on": true}})).await;
        let refused =
            until(async || sandbox.create_customer().await.err().filter(reqwest::Error::is_connect)).await;
        assert!(!refused.is_timeout());
        sandbox.control(json!({"outage": {"vendor": "stripe", "on": false}})).await;
        until(async || sandbox.create_customer().await.ok().filter(|status| *status == 200)).await;
    }
}

#[tokio::test]
async fn mailchimp_answers_at_a_port_of_its_own_and_a_caller_who_hangs_up_gives_the_connection_back() {
    let sandbox = Running::start(&["--mailchimp-connections", "1"]);
    assert_eq!(sandbox.list().await.unwrap(), 200);
    sandbox.control(json!({"fault": {"to": "mailchimp", "calls": 1, "kind": "hang"}})).await;
    // Long enough for the call to be under way: others take milliseconds.
    assert!(tokio::time::timeout(Duration::from_secs(1), sandbox.list()).await.is_err());
    until(async || sandbox.list().await.ok().filter(|status| *status == 200)).await;
}

#[tokio::test]
async fn the_ledger_judges_the_consumers_that_were_named() {
    for (consumers, verdict) in [("billing", "pending"), ("email", "exact"), ("email,upn", "pending")] {
        let sandbox = Running::start(&["--consumers", consumers]);
        sandbox.control(json!({"sign_up": {"marketing_consent": false}})).await;
        assert_eq!(sandbox.effects().await["sign_ups"][0]["verdict"], verdict, "{consumers}");
    }
}

#[tokio::test]
async fn a_wrong_flag_is_one_line_and_exit_code_64() {
    let output = Command::new(env!("CARGO_BIN_EXE_usher-sandbox"))
        .args(["--ca-file", "/nonexistent/ca.pem"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    assert!(output.stdout.is_empty());
}

/// Polls until there is something, for a few seconds at most.
async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "it never came");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
