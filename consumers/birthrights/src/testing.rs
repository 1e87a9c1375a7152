//! An Entra in process: a tenant of one user, some groups and an application, and what it was asked.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::datetime};
use usher_clock::Clock;
use usher_entra::{CredentialSettings, EntraSettings, Graph, User};
use usher_event::{Audit, Event, UserSignedUp};
use usher_http::{HttpClient, Request, Response, TransportError};
use usher_subscriber::{Consumer, Ports};
use uuid::{Uuid, uuid};

use crate::{Birthrights, BirthrightsSettings, Rules};

pub(crate) const TENANT: Uuid = uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d");
pub(crate) const USER: Uuid = uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");
pub(crate) const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

pub(crate) const MEMBERS: Uuid = uuid!("11111111-0000-4000-8000-000000000001");
pub(crate) const BUSINESS: Uuid = uuid!("11111111-0000-4000-8000-000000000002");
pub(crate) const RESOURCE: Uuid = uuid!("22222222-0000-4000-8000-000000000001");
pub(crate) const ROLE: Uuid = uuid!("22222222-0000-4000-8000-000000000002");
pub(crate) const APP: Uuid = uuid!("33333333-0000-4000-8000-000000000001");
pub(crate) const COMPANY_TYPE: &str = "extension_0123456789abcdef0123456789abcdef_CompanyType";

/// Everybody is a member, businesses are in a group of their own, who came by the app has the role.
pub(crate) const RULES: &str = r#"
[[rule]]
name = "members"
groups = ["11111111-0000-4000-8000-000000000001"]

[[rule]]
name = "business customers"
groups = ["11111111-0000-4000-8000-000000000002"]
self_asserted = true
when = { attribute = "extension_0123456789abcdef0123456789abcdef_CompanyType", equals = "business" }

[[rule]]
name = "portal"
app_roles = [{ resource = "22222222-0000-4000-8000-000000000001", role = "22222222-0000-4000-8000-000000000002" }]
when = { app_id = "33333333-0000-4000-8000-000000000001" }
"#;

/// The tenant, as a test wants it.
#[derive(Clone)]
pub(crate) struct Entra(Arc<Mutex<Tenant>>);

pub(crate) struct Tenant {
    /// The user's properties; `None`: not there.
    pub(crate) user: Option<Value>,
    pub(crate) groups: BTreeMap<Uuid, Value>,
    pub(crate) roles: Value,
    /// What a path is answered in place of what would be: inside a batch or by itself.
    pub(crate) instead: BTreeMap<String, (u16, Value)>,
    /// `Retry-After`, in seconds, of the answer to a path inside a batch.
    pub(crate) retry_after: BTreeMap<String, u32>,
    /// Nobody answers.
    pub(crate) unreachable: bool,
    /// Method and path of each call but those for tokens, and `POST` and path of each step of a batch.
    pub(crate) asked: Vec<String>,
}

impl Entra {
    /// A tenant in which all is well and the user is a business that signs in by e-mail.
    pub(crate) fn new() -> Self {
        let group = |id: Uuid| (id, json!({ "id": id, "displayName": "A group", "groupTypes": [] }));
        Self(Arc::new(Mutex::new(Tenant {
            user: Some(
                json!({ "id": USER, COMPANY_TYPE: "business", "identities": local("ada@contoso.com") }),
            ),
            groups: BTreeMap::from([group(MEMBERS), group(BUSINESS)]),
            roles: json!([{ "id": ROLE, "isEnabled": true, "allowedMemberTypes": ["User"] }]),
            instead: BTreeMap::new(),
            retry_after: BTreeMap::new(),
            unreachable: false,
            asked: Vec::new(),
        })))
    }

    pub(crate) fn tenant(&self) -> MutexGuard<'_, Tenant> {
        self.0.lock().unwrap()
    }

    /// Answers this path so from now on.
    pub(crate) fn answer(&self, path: impl Into<String>, status: u16, code: &str, message: &str) {
        let body = json!({ "error": { "code": code, "message": message } });
        self.tenant().instead.insert(path.into(), (status, body));
    }

    /// Forgets what it was asked.
    pub(crate) fn forget(&self) {
        self.tenant().asked.clear();
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.tenant().asked.clone()
    }

    /// How often something was asked that begins so.
    pub(crate) fn count(&self, beginning: &str) -> usize {
        self.tenant().asked.iter().filter(|asked| asked.starts_with(beginning)).count()
    }

    pub(crate) fn birthrights(&self) -> Birthrights {
        let settings = BirthrightsSettings { entra: settings(), birthrights_rules: RULES.parse().unwrap() };
        let ports = Ports { http: self.http(), clock: Clock::starting_at(NOON) };
        Birthrights::new(settings, ports).unwrap()
    }

    pub(crate) fn graph(&self) -> Graph {
        settings().graph(self.http(), Clock::starting_at(NOON)).unwrap()
    }

    fn http(&self) -> HttpClient {
        let tenant = self.0.clone();
        HttpClient::new(tower::service_fn(move |request: Request| {
            let answer = tenant.lock().unwrap().answer(&request);
            // Yields, as a network does: what is asked meanwhile comes between.
            async move {
                tokio::task::yield_now().await;
                answer
            }
        }))
    }
}

fn settings() -> EntraSettings {
    EntraSettings {
        tenant_id: TENANT,
        client_id: APP,
        credential: CredentialSettings::client_secret("hush"),
        authority_host: "https://login.microsoftonline.com".parse().unwrap(),
        graph_endpoint: "https://graph.microsoft.com".parse().unwrap(),
        graph_writes_per_second: 18.try_into().unwrap(),
    }
}

impl Tenant {
    fn answer(&mut self, request: &Request) -> Result<Response, TransportError> {
        if self.unreachable {
            return Err(TransportError::Connect);
        }
        let path = request.uri().path();
        if path.ends_with("/token") {
            let token = json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "a-token" });
            return Ok(response(200, &token));
        }
        let path = path.trim_start_matches("/v1.0");
        self.asked.push(format!("{} {path}", request.method()));
        let (status, body) = match (self.instead.get(path), path) {
            (Some(instead), _) => instead.clone(),
            (None, "/$batch") => (200, self.batch(request.body())),
            (None, _) => self.read(path),
        };
        Ok(response(status, &body))
    }

    fn read(&self, path: &str) -> (u16, Value) {
        let (kind, id) = path.trim_start_matches('/').split_once('/').unwrap();
        let id: Uuid = id.parse().unwrap();
        let found = match kind {
            "users" => self.user.clone().filter(|_| id == USER),
            "groups" => self.groups.get(&id).cloned(),
            "servicePrincipals" if id == RESOURCE => Some(json!({ "id": id, "appRoles": self.roles })),
            _ => None,
        };
        found.map_or_else(|| (404, missing(id)), |found| (200, found))
    }

    fn batch(&mut self, body: &[u8]) -> Value {
        let batch: Value = serde_json::from_slice(body).unwrap();
        let steps = batch["requests"].as_array().unwrap().iter().map(|step| self.step(step));
        json!({ "responses": steps.collect::<Vec<_>>() })
    }

    fn step(&mut self, step: &Value) -> Value {
        let path = step["url"].as_str().unwrap();
        self.asked.push(format!("POST {path}"));
        let is_nobody = step.to_string().contains(&Uuid::nil().to_string());
        let (status, body) = match self.instead.get(path) {
            Some(instead) => instead.clone(),
            None if is_nobody => (404, missing(Uuid::nil())),
            None => (204, Value::Null),
        };
        let retry_after = self.retry_after.get(path).map(u32::to_string);
        let headers = retry_after.map(|seconds| json!({ "Retry-After": seconds })).unwrap_or(json!({}));
        json!({ "id": step["id"], "status": status, "headers": headers, "body": body })
    }
}

fn missing(id: Uuid) -> Value {
    json!({ "error": { "code": "Request_ResourceNotFound", "message": gone(id) } })
}

/// What Graph says of an object that is not there.
pub(crate) fn gone(id: Uuid) -> String {
    format!(
        "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
    )
}

fn response(status: u16, body: &Value) -> Response {
    http::Response::builder().status(status).body(Bytes::from(body.to_string())).unwrap()
}

/// The identities of somebody who signs in with an address that the tenant verified.
pub(crate) fn local(address: &str) -> Value {
    json!([
        { "signInType": "emailAddress", "issuer": "seats.onmicrosoft.com", "issuerAssignedId": address },
        { "signInType": "userPrincipalName", "issuer": "seats.onmicrosoft.com", "issuerAssignedId": "x@seats" },
    ])
}

/// A user with these properties.
pub(crate) async fn user(mut properties: Value) -> User {
    properties["id"] = json!(USER);
    let entra = Entra::new();
    entra.tenant().user = Some(properties);
    entra.graph().user(USER, &["identities"]).await.unwrap()
}

/// The user's sign-up at noon, by the app.
pub(crate) fn sign_up() -> UserSignedUp {
    UserSignedUp {
        tenant_id: TENANT,
        user_id: USER,
        display_name: None,
        given_name: None,
        surname: None,
        email: Some("ada@contoso.com".to_owned()),
        email_verified: true,
        identity_providers: Vec::new(),
        signed_up_at: NOON,
        app_id: Some(APP.to_string()),
        attributes: BTreeMap::new(),
        audit: Audit { id: "Directory_1".to_owned(), correlation_id: None },
    }
}

pub(crate) fn event() -> Event {
    Event::new(sign_up())
}

/// The rules of one rule on this `when`.
pub(crate) fn rules_when(when: &str) -> Rules {
    let self_asserted = if when.contains("attribute") { "self_asserted = true" } else { "" };
    format!("[[rule]]\nname = \"r\"\ngroups = [\"{MEMBERS}\"]\n{self_asserted}\nwhen = {when}\n")
        .parse()
        .unwrap()
}
