//! Users: not there yet for a moment, then readable and writable, then perhaps gone.

use std::collections::BTreeMap;

use axum::{
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
};
use serde_json::{Map, Value, json};
use time::{OffsetDateTime, macros::format_description};
use uuid::Uuid;

use super::{
    graph::{Caller, Refused, query_options, settle},
    patch::patch_user,
    schema,
};
use crate::{
    Answer, Identity, Kind, Person, Sandbox, SandboxSettings, TENANT_DOMAIN, marketing_consent_attribute,
    world::World,
};

/// A user of the tenant.
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) readable_at: OffsetDateTime,
    pub(crate) deleted_at: Option<OffsetDateTime>,
    pub(crate) properties: Map<String, Value>,
    /// How often a write gave the Stripe attribute another value.
    pub(crate) stripe_id_changes: u32,
}

impl User {
    pub(crate) fn new(
        settings: &SandboxSettings,
        kind: Kind,
        id: Uuid,
        person: &Person,
        at: OffsetDateTime,
    ) -> Self {
        let mut properties = common_properties(kind, id, person, at);
        for name in schema::DEFAULT {
            properties.entry(name).or_insert(Value::Null);
        }
        if let Some(consent) = person.marketing_consent.filter(|_| kind == Kind::Customer) {
            properties.insert(marketing_consent_attribute(), consent.into());
        }
        properties.retain(|name, _| schema::is_known(settings, name));
        Self { id, readable_at: at, deleted_at: None, properties, stripe_id_changes: 0 }
    }

    pub(crate) fn set_email(&mut self, email: &str) {
        if let Some(mail) = self.properties.get_mut("mail").filter(|mail| !mail.is_null()) {
            *mail = email.into();
        }
        let identities = self.properties.get_mut("identities").and_then(Value::as_array_mut);
        for identity in identities.into_iter().flatten() {
            if identity["signInType"] == "emailAddress" {
                identity["issuerAssignedId"] = email.into();
            }
        }
    }

    pub(crate) fn is_deleted(&self, now: OffsetDateTime) -> bool {
        self.deleted_at.is_some_and(|at| at <= now)
    }
}

fn common_properties(kind: Kind, id: Uuid, person: &Person, at: OffsetDateTime) -> Map<String, Value> {
    let upn = match kind {
        Kind::AdminMade => format!("staff-{}@{TENANT_DOMAIN}", id.simple()),
        _ => format!("{id}@{TENANT_DOMAIN}"),
    };
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let json = json!({
        "id": id,
        "accountEnabled": true,
        "businessPhones": [],
        "createdDateTime": at.format(format).unwrap_or_default(),
        "creationType": (person.identity == Identity::EmailAddress).then_some("LocalAccount"),
        "displayName": person.display_name,
        "givenName": person.given_name,
        "surname": person.surname,
        "mail": has_mail(id, person).then_some(&person.email),
        "mailNickname": id,
        "otherMails": [],
        "identities": identities(id, &upn, person),
        "userPrincipalName": upn,
        "userType": "Member",
    });
    match json {
        Value::Object(properties) => properties,
        _ => Map::new(),
    }
}

/// A local account's address stands in `mail` most of the time, but in its identity always.
fn has_mail(id: Uuid, person: &Person) -> bool {
    person.identity != Identity::EmailAddress || !id.as_u128().is_multiple_of(5)
}

fn identities(id: Uuid, upn: &str, person: &Person) -> Value {
    let own = match &person.identity {
        Identity::EmailAddress => json!({
            "signInType": "emailAddress", "issuer": TENANT_DOMAIN, "issuerAssignedId": person.email,
        }),
        Identity::Federated { issuer } => json!({
            "signInType": "federated", "issuer": issuer, "issuerAssignedId": id.as_u128().to_string()[..21],
        }),
    };
    json!([own, {"signInType": "userPrincipalName", "issuer": TENANT_DOMAIN, "issuerAssignedId": upn}])
}

/// All users, those not yet replicated and those deleted included.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) users: BTreeMap<Uuid, User>,
}

impl Directory {
    pub(crate) fn add(&mut self, user: User) {
        self.users.insert(user.id, user);
    }

    pub(crate) fn delete(&mut self, id: Uuid, now: OffsetDateTime) -> bool {
        let Some(user) = self.users.get_mut(&id) else { return false };
        user.deleted_at = Some(user.deleted_at.map_or(now, |at| at.min(now)));
        true
    }

    /// The user as Graph sees it at this moment.
    pub(super) fn find(&mut self, id: &str, now: OffsetDateTime) -> Result<&mut User, Refused> {
        let user = id.parse().ok().and_then(|id: Uuid| self.users.get_mut(&id));
        let user = user.filter(|user| user.readable_at <= now && !user.is_deleted(now));
        user.ok_or_else(|| not_found(id))
    }
}

fn not_found(id: &str) -> Refused {
    let message = format!(
        "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
    );
    Refused::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
}

pub(super) async fn get(
    State(sandbox): State<Sandbox>,
    _: Caller,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    sandbox.with(|world, now| {
        let user = read(world, &id, &query.unwrap_or_default(), now);
        settle(world, now, user)
    })
}

pub(super) async fn patch(
    State(sandbox): State<Sandbox>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    sandbox.with(|world, now| {
        let patched = json_body(&headers, &body).and_then(|body| patch_user(world, caller, &id, &body, now));
        settle(world, now, patched)
    })
}

pub(super) fn json_body(headers: &HeaderMap, body: &[u8]) -> Result<Value, Refused> {
    let content_type = headers.get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/json") {
        return Err(Refused::bad_request(
            "A missing or unsupported content type header was found when trying to read a message.",
        ));
    }
    serde_json::from_slice(body).map_err(|_| Refused::bad_request("Unable to read JSON request payload."))
}

pub(super) fn read(world: &mut World, id: &str, query: &str, now: OffsetDateTime) -> Result<Answer, Refused> {
    let options = query_options(query, &["$select"])?;
    let selected: Vec<&str> = match options.get("$select") {
        Some(select) => select.split(',').map(str::trim).collect(),
        None => schema::DEFAULT.to_vec(),
    };
    if let Some(unknown) = selected.iter().find(|name| !schema::is_known(&world.settings, name)) {
        let message = format!(
            "Parsing OData Select and Expand failed: Could not find a property named '{unknown}' on type 'microsoft.graph.user'."
        );
        return Err(Refused::bad_request(message));
    }
    let user = world.tenant.directory.find(id, now)?;
    Ok(Answer::ok(shown(user, &selected)))
}

/// The selected properties. Custom attributes without a value are left out, all others are null.
fn shown(user: &User, selected: &[&str]) -> Value {
    let context = format!("https://graph.microsoft.com/v1.0/$metadata#users({})/$entity", selected.join(","));
    let mut body = Map::from_iter([("@odata.context".to_owned(), context.into())]);
    for &name in selected {
        match user.properties.get(name) {
            Some(value) => _ = body.insert(name.to_owned(), value.clone()),
            None if schema::is_extension(name) => {}
            None => _ = body.insert(name.to_owned(), Value::Null),
        }
    }
    Value::Object(body)
}
