//! A tenant and an account in process, and a client that speaks to them as Usher does.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use serde_json::Value;
use time::{OffsetDateTime, macros::datetime};
use url::form_urlencoded;
use usher_clock::Clock;
use usher_http::{HttpClient, TransportError};
use usher_sandbox::{
    AuditLatency, CLIENT_ID, CLIENT_SECRET, GRAPH_URL, LOGIN_URL, STRIPE_KEY, STRIPE_URL, Sandbox,
    SandboxSettings, TENANT_ID,
};

pub const START: OffsetDateTime = datetime!(2026-03-01 09:00 UTC);

/// Nothing is late and nothing takes time, unless a test says so.
pub fn prompt() -> SandboxSettings {
    let mut settings = SandboxSettings::default();
    settings.audit.latency = AuditLatency::NONE;
    settings.replication_lag = Duration::ZERO..=Duration::ZERO;
    settings.answer_time = Duration::ZERO..=Duration::ZERO;
    settings
}

pub fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn error(&self) -> &Value {
        &self.body["error"]
    }
}

pub struct Edge {
    pub sandbox: Sandbox,
    client: HttpClient,
}

impl Edge {
    pub fn new(settings: SandboxSettings) -> Self {
        let sandbox = Sandbox::new(settings, Clock::starting_at(START));
        let client = HttpClient::new(sandbox.service());
        Self { sandbox, client }
    }

    pub async fn send(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> Result<Reply, TransportError> {
        let response = self.client.send(request.body(body.into()).unwrap()).await?;
        let (parts, body) = response.into_parts();
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    pub async fn token_form(&self, tenant: &str, fields: &[(&str, &str)]) -> Reply {
        let request = Request::post(format!("{LOGIN_URL}/{tenant}/oauth2/v2.0/token"))
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request, form(fields)).await.unwrap()
    }

    pub async fn token(&self) -> String {
        let id = CLIENT_ID.to_string();
        let reply = self.token_form(&TENANT_ID.to_string(), &good_token_form(&id)).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn try_graph(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply, TransportError> {
        let url =
            if path.starts_with("https:") { path.to_owned() } else { format!("{GRAPH_URL}/v1.0{path}") };
        let token = self.token().await;
        let request =
            Request::builder().method(method).uri(url).header("authorization", format!("Bearer {token}"));
        match body {
            Some(body) => {
                self.send(request.header("content-type", "application/json"), body.to_string()).await
            }
            None => self.send(request, "").await,
        }
    }

    pub async fn graph(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.try_graph(method, path, body).await.unwrap()
    }

    /// Audit entries by filter, with spaces and quotes as a client encodes them.
    pub async fn audits(&self, options: &[(&str, &str)]) -> Reply {
        self.graph(Method::GET, &format!("/auditLogs/directoryAudits?{}", form(options)), None).await
    }

    pub async fn try_stripe_post(
        &self,
        path: &str,
        key: Option<&str>,
        params: &[(&str, &str)],
    ) -> Result<Reply, TransportError> {
        let mut request = Request::post(format!("{STRIPE_URL}{path}"))
            .header("authorization", format!("Bearer {STRIPE_KEY}"))
            .header("content-type", "application/x-www-form-urlencoded");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.send(request, form(params)).await
    }

    pub async fn create_customer(&self, key: Option<&str>, params: &[(&str, &str)]) -> Reply {
        self.try_stripe_post("/v1/customers", key, params).await.unwrap()
    }

    pub async fn stripe_get(&self, path: &str, params: &[(&str, &str)]) -> Reply {
        let request = Request::get(format!("{STRIPE_URL}{path}?{}", form(params)))
            .header("authorization", format!("Bearer {STRIPE_KEY}"));
        self.send(request, "").await.unwrap()
    }
}

pub fn good_token_form(client_id: &str) -> [(&str, &str); 4] {
    [
        ("client_id", client_id),
        ("client_secret", CLIENT_SECRET),
        ("grant_type", "client_credentials"),
        ("scope", "https://graph.microsoft.com/.default"),
    ]
}

pub fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
