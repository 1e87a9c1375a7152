//! What a rule can ask of a user, and how that is decided.

use std::{fmt, slice};

use serde_json::Value;
use usher_entra::User;
use usher_event::UserSignedUp;
use uuid::Uuid;

/// What a rule asks of a user: all of it must hold, and nothing at all is for everybody.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conditions(pub(crate) Vec<Condition>);

/// One condition of a rule.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A property has one of these values. Self-asserted: the user typed it.
    Attribute {
        /// The property's name.
        name: String,
        /// The values.
        one_of: Vec<Value>,
    },
    /// The user reads mail at one of these domains, by an identity that the tenant verified.
    EmailDomain(Vec<String>),
    /// One of these vouches for the user.
    IdentityProvider(Vec<String>),
    /// The user signed up through one of these apps.
    AppId(Vec<Uuid>),
}

/// What is known of a user.
pub struct Facts<'a> {
    user: &'a User,
    app: SignUpApp,
}

/// The app through which a user signed up. The user does not say; the event does, if the audit log did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignUpApp {
    /// This one.
    Id(Uuid),
    /// The audit log did not say.
    NotInTheLog,
    /// There is no event to look at.
    Unknown,
}

/// How a condition stands with a user, and why, without the user's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// `None`: not known.
    pub holds: Option<bool>,
    /// Why.
    pub because: &'static str,
}

impl<'a> Facts<'a> {
    /// What the user says, read with `identities` and what [`Conditions::attributes`] name.
    pub fn new(user: &'a User, app: SignUpApp) -> Self {
        Self { user, app }
    }

    /// What the user and the sign-up's event say.
    pub fn of_sign_up(user: &'a User, sign_up: &UserSignedUp) -> Self {
        let app = sign_up.app_id.as_deref().and_then(|id| id.parse().ok());
        Self::new(user, app.map_or(SignUpApp::NotInTheLog, SignUpApp::Id))
    }
}

impl Conditions {
    /// Whether they hold for this user; `None` if that depends on what is not known of them.
    pub fn hold(&self, facts: &Facts<'_>) -> Option<bool> {
        let each = || self.iter().map(|condition| condition.finding(facts).holds);
        if each().any(|holds| holds == Some(false)) {
            return Some(false);
        }
        each().all(|holds| holds == Some(true)).then_some(true)
    }

    /// Each of them.
    pub fn iter(&self) -> slice::Iter<'_, Condition> {
        self.0.iter()
    }

    /// Whether there is none: it is for everybody.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The properties of a user that must be read to decide, beside the identities.
    pub fn attributes(&self) -> impl Iterator<Item = &str> {
        self.iter().filter_map(Condition::attribute)
    }
}

impl Condition {
    /// The property that it looks at, beside the identities.
    pub fn attribute(&self) -> Option<&str> {
        match self {
            Self::Attribute { name, .. } => Some(name),
            Self::EmailDomain(_) | Self::IdentityProvider(_) | Self::AppId(_) => None,
        }
    }

    /// How it stands with a user.
    pub fn finding(&self, facts: &Facts<'_>) -> Finding {
        match self {
            Self::Attribute { name, one_of } => match facts.user.get(name) {
                None => no("is not set"),
                Some(value) if one_of.contains(value) => yes("equals"),
                Some(_) => no("differs"),
            },
            Self::EmailDomain(domains) => {
                let verified = facts.user.verified_addresses();
                let there =
                    verified.iter().any(|address| domains.iter().any(|domain| is_at(address, domain)));
                if there {
                    yes("verified by the tenant")
                } else {
                    no("no address there that the tenant verified")
                }
            }
            Self::IdentityProvider(issuers) => {
                let of_user = facts.user.identity_providers();
                let is_theirs = |issuer: &String| of_user.iter().any(|own| own.eq_ignore_ascii_case(issuer));
                if issuers.iter().any(is_theirs) {
                    yes("signs in through it")
                } else {
                    no("does not sign in through it")
                }
            }
            Self::AppId(apps) => match facts.app {
                SignUpApp::Id(app) if apps.contains(&app) => yes("signed up through it"),
                SignUpApp::Id(_) => no("signed up through another"),
                SignUpApp::NotInTheLog => no("the audit log does not say"),
                SignUpApp::Unknown => {
                    Finding { holds: None, because: "only the sign-up's event says; tell it by --app-id" }
                }
            },
        }
    }
}

fn yes(because: &'static str) -> Finding {
    Finding { holds: Some(true), because }
}

fn no(because: &'static str) -> Finding {
    Finding { holds: Some(false), because }
}

/// Whether an address is at just this domain: who owns a domain need not own those below it.
fn is_at(address: &str, domain: &str) -> bool {
    address.rsplit_once('@').is_some_and(|(_, of_address)| of_address.eq_ignore_ascii_case(domain))
}

/// As in the file: the key, and what identifies the condition.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attribute { name, .. } => write!(f, "attribute {name}"),
            Self::EmailDomain(domains) => write!(f, "email_domain {}", domains.join(" or ")),
            Self::IdentityProvider(issuers) => write!(f, "identity_provider {}", issuers.join(" or ")),
            Self::AppId(apps) => {
                let apps: Vec<String> = apps.iter().map(Uuid::to_string).collect();
                write!(f, "app_id {}", apps.join(" or "))
            }
        }
    }
}

#[cfg(test)]
mod tests;
