//! A user of the tenant, and how it looks from replicas that are behind.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, macros::format_description};
use uuid::Uuid;

use super::{principal_name, schema};
use crate::{
    Identity, Kind, Person, SandboxSettings, TENANT_DOMAIN, company_type_attribute,
    marketing_consent_attribute,
};

/// A user of the tenant.
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) readable_at: OffsetDateTime,
    pub(crate) deleted_at: Option<OffsetDateTime>,
    pub(crate) properties: Map<String, Value>,
    /// Open extensions, by name.
    pub(crate) open_extensions: BTreeMap<String, Map<String, Value>>,
    /// How often a write gave the Stripe attribute another value.
    pub(crate) stripe_id_changes: u32,
    /// How often a write gave the user principal name another value.
    pub(crate) upn_changes: u32,
    /// As it was, and until when some replica shows it so.
    earlier: Vec<(OffsetDateTime, Map<String, Value>)>,
    /// The request that wrote last, and until when it keeps others from writing.
    pub(super) writer: Option<(u64, OffsetDateTime)>,
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
        if kind == Kind::Customer {
            properties.extend(answers(person));
        }
        properties.retain(|name, _| schema::is_known(settings, name));
        Self {
            id,
            readable_at: at,
            deleted_at: None,
            properties,
            open_extensions: BTreeMap::new(),
            stripe_id_changes: 0,
            upn_changes: 0,
            earlier: Vec::new(),
            writer: None,
        }
    }

    /// As [`User::properties`], from one of the replicas: some may be behind.
    pub(super) fn shown(&self, chance: &mut fastrand::Rng, now: OffsetDateTime) -> &Map<String, Value> {
        let behind: Vec<_> = self.earlier.iter().filter(|(until, _)| *until > now).collect();
        if behind.is_empty() {
            return &self.properties;
        }
        let replica = chance.usize(0..=behind.len());
        behind.get(replica).map_or(&self.properties, |(_, properties)| properties)
    }

    /// Keeps how it is for the replicas that will be behind until then.
    pub(super) fn remember(&mut self, until: OffsetDateTime, now: OffsetDateTime) {
        self.earlier.retain(|(until, _)| *until > now);
        if until > now {
            self.earlier.push((until, self.properties.clone()));
        }
    }

    pub(crate) fn text(&self, property: &str) -> Option<&str> {
        self.properties.get(property).and_then(Value::as_str)
    }

    /// The user's own correction, which all replicas show: whoever orders it wants to go on from it.
    pub(crate) fn set_email(&mut self, email: &str) {
        self.earlier.clear();
        if let Some(mail) = self.properties.get_mut("mail").filter(|mail| !mail.is_null()) {
            *mail = email.into();
        }
        self.set_identifier("emailAddress", email);
    }

    /// One of the ways to sign in is by the user principal name: it follows.
    pub(super) fn set_principal_name(&mut self, name: &str) {
        self.upn_changes += 1;
        self.properties.insert("userPrincipalName".to_owned(), name.into());
        self.set_identifier("userPrincipalName", name);
    }

    fn set_identifier(&mut self, sign_in_type: &str, identifier: &str) {
        let identities = self.properties.get_mut("identities").and_then(Value::as_array_mut);
        for identity in identities.into_iter().flatten() {
            if identity["signInType"] == sign_in_type {
                identity["issuerAssignedId"] = identifier.into();
            }
        }
    }

    pub(crate) fn is_deleted(&self, now: OffsetDateTime) -> bool {
        self.deleted_at.is_some_and(|at| at <= now)
    }
}

/// What the sign-up form asked for.
fn answers(person: &Person) -> Map<String, Value> {
    let consent =
        person.marketing_consent.map(|consent| (marketing_consent_attribute(), Value::from(consent)));
    let company =
        person.company_type.as_deref().map(|company| (company_type_attribute(), Value::from(company)));
    consent.into_iter().chain(company).collect()
}

fn common_properties(kind: Kind, id: Uuid, person: &Person, at: OffsetDateTime) -> Map<String, Value> {
    let upn = match (&person.principal_name, kind) {
        (Some(chosen), _) => chosen.clone(),
        (None, Kind::AdminMade) => format!("staff-{}@{TENANT_DOMAIN}", id.simple()),
        (None, _) => principal_name::generated(id),
    };
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    let json = json!({
        "id": id,
        "accountEnabled": true,
        "businessPhones": [],
        "createdDateTime": at.format(format).unwrap_or_default(),
        "creationType": (person.identity == Identity::EmailAddress).then_some("LocalAccount"),
        "displayName": Some(&person.display_name).filter(|name| !name.is_empty()),
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
