//! What a rule can ask of a user, and how that is decided.

use std::fmt;

use serde_json::Value;
use usher_entra::User;
use usher_event::UserSignedUp;
use uuid::Uuid;

/// One condition of a rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Condition {
    /// A property has one of these values. Self-asserted: the user typed it.
    Attribute { name: String, one_of: Vec<Value> },
    /// The user reads mail at one of these domains, by an identity that the tenant verified.
    EmailDomain(Vec<String>),
    /// One of these vouches for the user.
    IdentityProvider(Vec<String>),
    /// The user signed up through one of these apps.
    AppId(Vec<Uuid>),
}

/// What is known of a user.
pub(crate) struct Facts<'a> {
    user: &'a User,
    app: SignUpApp,
}

/// The app through which a user signed up. The user does not say; the event does, if the audit log did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SignUpApp {
    Id(Uuid),
    NotInTheLog,
    /// There is no event to look at.
    Unknown,
}

/// How a condition stands with a user, and why, without the user's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// `None`: not known.
    pub(crate) holds: Option<bool>,
    pub(crate) because: &'static str,
}

impl<'a> Facts<'a> {
    pub(crate) fn new(user: &'a User, app: SignUpApp) -> Self {
        Self { user, app }
    }

    pub(crate) fn of_sign_up(user: &'a User, sign_up: &UserSignedUp) -> Self {
        let app = sign_up.app_id.as_deref().and_then(|id| id.parse().ok());
        Self::new(user, app.map_or(SignUpApp::NotInTheLog, SignUpApp::Id))
    }
}

impl Condition {
    /// The property that it looks at, beside the identities.
    pub(crate) fn attribute(&self) -> Option<&str> {
        match self {
            Self::Attribute { name, .. } => Some(name),
            Self::EmailDomain(_) | Self::IdentityProvider(_) | Self::AppId(_) => None,
        }
    }

    /// How it stands with a user.
    pub(crate) fn finding(&self, facts: &Facts<'_>) -> Finding {
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
