//! A tenant and two accounts in process, and a client that speaks to them as Usher does.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use serde_json::Value;
use time::{OffsetDateTime, macros::datetime};
use url::form_urlencoded;
use usher_clock::Clock;
use usher_http::{HttpClient, TransportError};
use usher_sandbox::{
    AuditLatency, CLIENT_ID, CLIENT_SECRET, Effect, GRAPH_URL, LOGIN_URL, MAILCHIMP_KEY, MAILCHIMP_LIST_ID,
    MAILCHIMP_URL, STRIPE_KEY, STRIPE_URL, Sandbox, SandboxSettings, TENANT_ID, Target,
};
use uuid::Uuid;

pub const START: OffsetDateTime = datetime!(2026-03-01 09:00 UTC);

/// Nothing is late and nothing takes time, unless a test says so.
pub fn prompt() -> SandboxSettings {
    let mut settings = SandboxSettings::default();
    settings.audit.latency = AuditLatency::NONE;
    settings.replication_lag = Duration::ZERO..=Duration::ZERO;
    settings.read_lag = Duration::ZERO..=Duration::ZERO;
    settings.write_moment = Duration::ZERO;
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
        let text = || Value::String(String::from_utf8(body.to_vec()).unwrap());
        let body = match body.is_empty() {
            true => Value::Null,
            false => serde_json::from_slice(&body).unwrap_or_else(|_| text()),
        };
        Ok(Reply { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    pub async fn token_form(&self, tenant: &str, fields: &[(&str, &str)]) -> Reply {
        let request = Request::post(format!("{LOGIN_URL}/{tenant}/oauth2/v2.0/token"))
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request, form(fields)).await.unwrap()
    }

    pub async fn token(&self) -> String {
        self.token_of(CLIENT_ID, CLIENT_SECRET).await
    }

    pub async fn token_of(&self, app: Uuid, secret: &str) -> String {
        let id = app.to_string();
        let mut form = good_token_form(&id);
        form[1].1 = secret;
        let reply = self.token_form(&TENANT_ID.to_string(), &form).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.body["access_token"].as_str().unwrap().to_owned()
    }

    pub async fn try_graph(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply, TransportError> {
        let token = self.token().await;
        self.try_graph_as(&token, method, path, body).await
    }

    /// As the app whose token it is.
    pub async fn try_graph_as(
        &self,
        token: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply, TransportError> {
        let url =
            if path.starts_with("https:") { path.to_owned() } else { format!("{GRAPH_URL}/v1.0{path}") };
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

impl Edge {
    /// A call to the list, such as `PUT /members/{hash}`.
    pub async fn try_mailchimp(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Reply, TransportError> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{MAILCHIMP_URL}/3.0/lists/{MAILCHIMP_LIST_ID}{path}"))
            .header("authorization", basic(MAILCHIMP_KEY))
            .header("content-type", "application/json");
        self.send(request, body.map(|body| body.to_string()).unwrap_or_default()).await
    }

    pub async fn mailchimp(&self, method: Method, path: &str, body: Option<Value>) -> Reply {
        self.try_mailchimp(method, path, body).await.unwrap()
    }

    /// What came of one user.
    pub fn effect(&self, user: Uuid) -> Effect {
        self.sandbox.effects().of(user).unwrap().clone()
    }
}

pub fn basic(key: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("anything:{key}")))
}

pub fn target(name: &str) -> Target {
    Target::try_from(name.to_owned()).unwrap()
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
