//! A tenant in process: users, names that are one user's alone, and answers to order.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use clap::Parser;
use http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime, macros::datetime};
use usher_clock::Clock;
use usher_entra::Graph;
use usher_event::{Audit, Event, UserSignedUp};
use usher_http::{HttpClient, Request, Response, TransportError};
use usher_subscriber::{Consumer, Ports};
use uuid::{Uuid, uuid};

use crate::{Upn, UpnSettings, naming::Naming};

pub(crate) const TENANT: Uuid = uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d");
pub(crate) const ADA: Uuid = uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");
pub(crate) const EVE: Uuid = uuid!("e5e5c3d4-e5f6-4a7b-8c9d-ffff2a3b9999");
pub(crate) const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
/// Users on one page.
const PAGE: usize = 2;

#[derive(Debug, Parser)]
struct Cli {
    #[command(flatten)]
    own: UpnSettings,
}

/// This consumer's settings from flags, or what is wrong with them.
pub(crate) fn settings(more: &[&str]) -> Result<UpnSettings, String> {
    let tenant = TENANT.to_string();
    let entra =
        ["", "--entra-tenant-id", &tenant, "--entra-client-id", &tenant, "--entra-client-secret", "hush"];
    let cli = Cli::try_parse_from(entra.iter().chain(more));
    cli.map(|cli| cli.own).map_err(|error| error.to_string())
}

pub(crate) type Answer = Result<Response, TransportError>;

/// The tenant. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Tenant(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    users: BTreeMap<Uuid, Value>,
    /// What the next calls to Graph are answered, in place of what is true.
    ordered: VecDeque<(Method, Answer)>,
    patches: Vec<Value>,
}

impl Tenant {
    /// With somebody who has just signed up.
    pub(crate) fn with(self, id: Uuid, given: &str, surname: &str, display: &str) -> Self {
        let names = json!({ "givenName": given, "surname": surname, "displayName": display });
        self.with_user(id, &format!("{id}@contoso.onmicrosoft.com"), &names)
    }

    /// With a user of this UPN.
    pub(crate) fn with_user(self, id: Uuid, upn: &str, properties: &Value) -> Self {
        let mut user = properties.clone();
        user["id"] = id.to_string().into();
        user["userPrincipalName"] = upn.into();
        self.lock().users.insert(id, user);
        self
    }

    /// The next call of this method is answered so.
    pub(crate) fn answers(self, method: Method, answer: Answer) -> Self {
        self.lock().ordered.push_back((method, answer));
        self
    }

    pub(crate) fn upn(&self, id: Uuid) -> String {
        self.lock().users[&id]["userPrincipalName"].as_str().unwrap().to_owned()
    }

    pub(crate) fn display_name(&self, id: Uuid) -> String {
        self.lock().users[&id]["displayName"].as_str().unwrap().to_owned()
    }

    /// What was to be written, whatever came of it.
    pub(crate) fn patches(&self) -> Vec<Value> {
        self.lock().patches.clone()
    }

    /// The consumer, on this tenant.
    pub(crate) fn consumer(&self, more: &[&str]) -> Upn {
        let settings = settings(&[&["--upn-domain", "contoso.com"], more].concat()).unwrap();
        Upn::new(settings, Ports { http: self.http(), clock: Clock::starting_at(NOON) }).unwrap()
    }

    pub(crate) fn graph_and_naming(&self, more: &[&str]) -> (Graph, Naming) {
        let Upn { graph, naming, .. } = self.consumer(more);
        (graph, naming)
    }

    fn http(&self) -> HttpClient {
        let tenant = self.clone();
        HttpClient::new(tower::service_fn(move |request: Request| {
            let tenant = tenant.clone();
            // Yields, so that callers who run at once come in turns, as over a network.
            async move {
                tokio::task::yield_now().await;
                tenant.answer(&request)
            }
        }))
    }

    fn answer(&self, request: &Request) -> Answer {
        let path = request.uri().path();
        if path.ends_with("/token") {
            return token();
        }
        let state = &mut *self.lock();
        if request.method() == Method::PATCH {
            state.patches.push(serde_json::from_slice(request.body()).unwrap());
        }
        if let Some((_, answer)) = state.ordered.pop_front_if(|(method, _)| *method == *request.method()) {
            return answer;
        }
        match path.strip_prefix("/v1.0/users/") {
            Some(id) => state.one(id.parse().unwrap(), request),
            None => state.page(request.uri().query().unwrap_or_default()),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl State {
    fn one(&mut self, id: Uuid, request: &Request) -> Answer {
        if !self.users.contains_key(&id) {
            return problem(404, "Request_ResourceNotFound");
        }
        if request.method() == Method::GET {
            return json_answer(200, &selected(&self.users[&id], request.uri().query().unwrap_or_default()));
        }
        let changes = serde_json::from_slice(request.body()).unwrap();
        if self.is_taken(id, &changes) {
            return taken();
        }
        self.users.get_mut(&id).unwrap().as_object_mut().unwrap().extend(changes);
        json_answer(204, &Value::Null)
    }

    fn is_taken(&self, id: Uuid, changes: &Map<String, Value>) -> bool {
        let wanted = changes["userPrincipalName"].as_str().unwrap();
        let has = |user: &Value| user["userPrincipalName"].as_str().unwrap().eq_ignore_ascii_case(wanted);
        self.users.iter().any(|(other, user)| *other != id && has(user))
    }

    fn page(&self, query: &str) -> Answer {
        let from = query.split_once("skip=").map_or(0, |(_, skip)| skip.parse().unwrap());
        let users: Vec<_> = self.users.values().skip(from).take(PAGE).collect();
        let mut page = json!({ "value": users });
        if from + PAGE < self.users.len() {
            page["@odata.nextLink"] =
                format!("https://graph.microsoft.com/v1.0/users?skip={}", from + PAGE).into();
        }
        json_answer(200, &page)
    }
}

/// Only what was asked for: a property that nobody selects must not be relied upon.
fn selected(user: &Value, query: &str) -> Value {
    let user = user.as_object().unwrap();
    Value::Object(user.iter().filter(|(name, _)| query.contains(name.as_str())).map(own).collect())
}

fn own((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

fn token() -> Answer {
    json_answer(200, &json!({ "token_type": "Bearer", "expires_in": 3599, "access_token": "token" }))
}

pub(crate) fn json_answer(status: u16, body: &Value) -> Answer {
    let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
    Ok(http::Response::builder().status(StatusCode::from_u16(status).unwrap()).body(body).unwrap())
}

/// An error as Graph answers it; the message quotes what was sent.
pub(crate) fn problem(status: u16, code: &str) -> Answer {
    json_answer(status, &json!({ "error": { "code": code, "message": "No: ada.king@contoso.com" } }))
}

/// The name is another user's.
pub(crate) fn taken() -> Answer {
    json_answer(
        400,
        &json!({ "error": {
            "code": "Request_BadRequest",
            "message": "Another object with the same value for property userPrincipalName already exists.",
            "details": [{ "code": "ObjectConflict", "target": "userPrincipalName", "message": "" }],
        } }),
    )
}

/// The sign-up of this user, so long ago.
pub(crate) fn signed_up(user_id: Uuid, ago: Duration) -> Event {
    Event::new(UserSignedUp {
        tenant_id: TENANT,
        user_id,
        display_name: None,
        given_name: None,
        surname: None,
        email: Some("ada@example.com".to_owned()),
        email_verified: true,
        identity_providers: Vec::new(),
        signed_up_at: NOON - ago,
        app_id: None,
        attributes: BTreeMap::new(),
        audit: Audit { id: "Directory_1".to_owned(), correlation_id: None },
    })
}
