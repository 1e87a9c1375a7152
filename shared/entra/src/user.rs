//! A user, as far as was asked for.

use std::{fmt, time::Duration};

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::GraphError;

/// How long a user may take to become readable after the sign-up. Not found later than that: deleted again.
pub const READABLE_WITHIN: Duration = Duration::from_secs(15 * 60);

/// The sign-in type of the name that a user has in the tenant.
const USER_PRINCIPAL_NAME: &str = "userPrincipalName";

/// A user's selected properties, by Graph's own names. `Debug` shows only the id.
#[derive(Clone, PartialEq)]
pub struct User {
    /// The object id.
    pub id: Uuid,
    properties: Map<String, Value>,
}

/// One way in which a user signs in. `Debug` leaves the identifier out.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// `emailAddress`, `federated`, `userPrincipalName`, ...
    pub sign_in_type: String,
    /// Who vouches: the tenant's own domain, `google.com`, ...
    #[serde(default)]
    pub issuer: Option<String>,
    /// The identifier at that issuer: an address, or a number that only the issuer understands.
    #[serde(default)]
    pub issuer_assigned_id: Option<String>,
}

impl User {
    /// The user that was asked for, from Graph's answer; an answer about somebody else is unreadable.
    pub(crate) fn new(id: Uuid, properties: Map<String, Value>) -> Result<Self, GraphError> {
        let told = properties.get("id").and_then(Value::as_str).and_then(|told| told.parse().ok());
        if told == Some(id) {
            Ok(Self { id, properties })
        } else {
            Err(GraphError::Unreadable { at: "id".to_owned() })
        }
    }

    /// A user on a page of them.
    pub(crate) fn listed(properties: Map<String, Value>) -> Result<Self, GraphError> {
        let id = properties.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok());
        let id = id.ok_or_else(|| GraphError::Unreadable { at: "value.id".to_owned() })?;
        Ok(Self { id, properties })
    }

    /// A property; `None` if it is missing or null.
    pub fn get(&self, property: &str) -> Option<&Value> {
        self.properties.get(property).filter(|value| !value.is_null())
    }

    /// A property that is text; `None` if it is missing, null, empty or something else.
    pub fn text(&self, property: &str) -> Option<&str> {
        self.get(property).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The user's address: `mail`, or else the one that the user signs in with, whoever vouches for it; a local
    /// account often has no `mail`. Needs `mail` and `identities` to be selected.
    pub fn email(&self) -> Option<String> {
        let sign_in = || {
            self.identities().into_iter().filter(Identity::is_address).find_map(|it| it.issuer_assigned_id)
        };
        self.text("mail").map(str::to_owned).or_else(sign_in)
    }

    /// Every address of the user's that stands in `mail` or in an identity, whoever vouches for it. The name that the
    /// user has in the tenant looks like one and is none. Needs `mail` and `identities` to be selected.
    pub fn addresses(&self) -> Vec<String> {
        let identities = self.identities().into_iter().filter(|it| it.sign_in_type != USER_PRINCIPAL_NAME);
        let known = identities.filter_map(|it| it.issuer_assigned_id);
        let mail = self.text("mail").map(str::to_owned);
        mail.into_iter().chain(known).filter(|text| text.contains('@')).collect()
    }

    /// The addresses of which the tenant itself has seen that the user reads mail there: it sends a code before it
    /// issues such an identity. What a social provider or a form says of an address proves nothing. Needs
    /// `identities` to be selected.
    pub fn verified_addresses(&self) -> Vec<String> {
        let identities = self.identities();
        // Every user has a name in the tenant, and who vouches for that is the tenant.
        let tenant = identities.iter().filter(|it| it.sign_in_type == USER_PRINCIPAL_NAME);
        let own: Vec<_> = tenant.filter_map(|it| it.issuer.clone()).collect();
        let is_own = |it: &Identity| it.issuer.as_ref().is_some_and(|issuer| own.contains(issuer));
        let verified = identities.into_iter().filter(|it| it.is_address() && is_own(it));
        verified.filter_map(|it| it.issuer_assigned_id).collect()
    }

    /// Who vouches for the user when they sign in: `google.com`, or the tenant's own domain for a local account.
    /// The name in the tenant that every user has besides is no such way. Needs `identities` to be selected.
    pub fn identity_providers(&self) -> Vec<String> {
        let identities = self.identities().into_iter();
        identities.filter(|it| it.sign_in_type != USER_PRINCIPAL_NAME).filter_map(|it| it.issuer).collect()
    }

    /// How the user signs in; needs `identities` to be selected. What is not of the documented shape is left out.
    pub fn identities(&self) -> Vec<Identity> {
        let listed = self.get("identities").and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(|identity| Identity::deserialize(identity).ok()).collect()
    }
}

impl Identity {
    /// Whether the identifier is an e-mail address.
    pub fn is_address(&self) -> bool {
        self.sign_in_type == "emailAddress"
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).finish_non_exhaustive()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sign_in_type, issuer, .. } = self;
        f.debug_struct("Identity")
            .field("sign_in_type", sign_in_type)
            .field("issuer", issuer)
            .finish_non_exhaustive()
    }
}

pub(crate) fn path(id: Uuid) -> String {
    format!("/users/{id}")
}

/// The value of `$select`; the id is always among it, since we check it.
pub(crate) fn select(properties: &[&str]) -> String {
    let others = properties.iter().copied().filter(|property| *property != "id");
    std::iter::once("id").chain(others).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(kind: &str, issuer: Option<&str>) -> User {
        let identities = json!([
            { "signInType": kind, "issuer": issuer, "issuerAssignedId": "Ada@example.com" },
            { "signInType": "userPrincipalName", "issuer": "contoso.onmicrosoft.com", "issuerAssignedId": "x@contoso" },
        ]);
        let id = Uuid::nil();
        User::listed(Map::from_iter([("id".into(), json!(id)), ("identities".into(), identities)])).unwrap()
    }

    #[test]
    fn only_the_tenants_own_word_verifies_an_address() {
        let own = Some("contoso.onmicrosoft.com");
        assert_eq!(user("emailAddress", own).verified_addresses(), ["Ada@example.com"]);
        for unproven in [
            user("emailAddress", Some("fabrikam.onmicrosoft.com")),
            user("emailAddress", None),
            user("federated", own),
            user("federated", Some("google.com")),
        ] {
            assert!(unproven.verified_addresses().is_empty(), "{:?}", unproven.identities());
        }
    }

    #[test]
    fn an_address_is_known_wherever_it_stands_and_the_name_in_the_tenant_is_none() {
        for kind in ["emailAddress", "federated"] {
            assert_eq!(user(kind, Some("fabrikam.com")).addresses(), ["Ada@example.com"], "{kind}");
        }
        let properties = json!({ "id": Uuid::nil(), "mail": "ada@contoso.com" });
        let Value::Object(properties) = properties else { unreachable!("it is an object") };
        assert_eq!(User::listed(properties).unwrap().addresses(), ["ada@contoso.com"]);
    }

    #[test]
    fn the_name_that_every_user_has_in_the_tenant_is_no_identity_provider() {
        assert_eq!(user("federated", Some("google.com")).identity_providers(), ["google.com"]);
    }
}
