//! What of a sign-up goes where in Salesforce.
//!
//! ```toml
//! object = "Contact"
//! external_id = "UsherUserId__c"
//!
//! [fields]
//! FirstName = "givenName"
//! LastName = { source = ["surname", "displayName"], default = "[not provided]" }
//! Email = "email"
//! CompanyType__c = { source = "extension_0123456789abcdef0123456789abcdef_CompanyType", max = 40 }
//! LeadSource = { value = "Web" }
//! ```
//!
//! Of several sources the first that has something counts. A field for which there is nothing is left out, and so left
//! as it is.

use serde_json::{Map, Value, json};
use time::{OffsetDateTime, UtcOffset, macros::format_description};
use usher_event::{Event, UserSignedUp, typed};

mod read;

pub use usher_conditions::FileError as MappingError;

/// The mapping unless another is set; it is also what a file of one's own starts from.
const BUILT_IN: &str = include_str!("../mapping.toml");

/// What a sign-up becomes.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapping {
    /// The object, such as `Contact`.
    pub(crate) object: String,
    /// Its field that holds the user's id.
    pub(crate) external_id: String,
    fields: Vec<(String, Field)>,
}

/// What fills a field.
#[derive(Clone, Debug, PartialEq)]
enum Field {
    /// The same for everybody.
    Constant(Value),
    /// What the sign-up has.
    Filled {
        sources: Vec<Source>,
        default: Option<Value>,
        /// The most that a text in it may have, in UTF-16 code units: Salesforce counts characters as Java does.
        max: usize,
    },
}

/// Something that a sign-up has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    TenantId,
    UserId,
    EventId,
    DisplayName,
    GivenName,
    Surname,
    Email,
    EmailVerified,
    IdentityProvider,
    SignedUpAt,
    AppId,
    Attribute(String),
}

impl Default for Mapping {
    fn default() -> Self {
        BUILT_IN.parse().expect("the built-in mapping can be read, as a test shows")
    }
}

impl Mapping {
    /// The fields that this sign-up has something for.
    pub(crate) fn record(&self, event: &Event) -> Map<String, Value> {
        let filled = |(name, field): &(String, Field)| Some((name.clone(), field.of(event)?));
        self.fields.iter().filter_map(filled).collect()
    }

    /// The names of all fields, each with the longest text that we may write, if it is one of no fixed length.
    pub(crate) fn fields(&self) -> impl Iterator<Item = (&str, Option<usize>)> {
        self.fields.iter().map(|(name, field)| (name.as_str(), field.longest()))
    }
}

impl Field {
    fn of(&self, event: &Event) -> Option<Value> {
        match self {
            Self::Constant(value) => Some(value.clone()),
            Self::Filled { sources, default, max } => {
                sources.iter().find_map(|source| source.of(event, *max)).or_else(|| default.clone())
            }
        }
    }

    fn longest(&self) -> Option<usize> {
        match self {
            Self::Filled { sources, max, .. } if sources.iter().any(Source::is_cut) => Some(*max),
            _ => None,
        }
    }
}

impl Source {
    fn of(&self, event: &Event, max: usize) -> Option<Value> {
        let data = &event.data;
        let name = |name: &Option<String>| name.as_deref().and_then(known).map(|name| cut(&name, max));
        match self {
            Self::TenantId => Some(json!(data.tenant_id)),
            Self::UserId => Some(json!(data.user_id)),
            Self::EventId => Some(json!(event.id)),
            Self::DisplayName => name(&data.display_name),
            Self::GivenName => name(&data.given_name),
            Self::Surname => name(&data.surname),
            // Never cut: what is left could be somebody else's. One that is too long is Salesforce's to refuse.
            Self::Email => data.email.as_deref().and_then(shown).map(Value::from),
            Self::EmailVerified => Some(json!(data.email_verified)),
            Self::IdentityProvider => identity_provider(data).and_then(shown).map(|it| cut(&it, max)),
            Self::SignedUpAt => moment(data.signed_up_at),
            Self::AppId => data.app_id.as_deref().and_then(shown).map(|id| cut(&id, max)),
            Self::Attribute(name) => attribute(data.attributes.get(name)?, max),
        }
    }

    /// Whether its text is as long as somebody made it.
    fn is_cut(&self) -> bool {
        matches!(
            self,
            Self::DisplayName
                | Self::GivenName
                | Self::Surname
                | Self::IdentityProvider
                | Self::AppId
                | Self::Attribute(_)
        )
    }
}

/// A text on one line, if there is anything to be seen of it.
fn shown(text: &str) -> Option<String> {
    Some(typed::presentable(text)).filter(|text| !text.is_empty())
}

/// A name, if it is not what Entra writes where nobody was asked for one.
fn known(name: &str) -> Option<String> {
    shown(name).filter(|name| typed::is_known(name))
}

fn cut(text: &str, max: usize) -> Value {
    let mut units = 0;
    let fits = text.char_indices().take_while(|(_, c)| {
        units += c.len_utf16();
        units <= max
    });
    let end = fits.last().map_or(0, |(at, c)| at + c.len_utf8());
    Value::from(text[..end].trim_end())
}

/// Whoever vouches for the user: the identity provider, or the tenant's own domain.
fn identity_provider(data: &UserSignedUp) -> Option<&str> {
    issuer(data, "federated").or_else(|| issuer(data, "emailAddress"))
}

fn issuer<'a>(data: &'a UserSignedUp, sign_in_type: &str) -> Option<&'a str> {
    let mut of_type = data.identity_providers.iter().filter(|it| it.sign_in_type == sign_in_type);
    of_type.find_map(|it| it.issuer.as_deref())
}

/// As Salesforce writes a point in time: to the millisecond.
fn moment(at: OffsetDateTime) -> Option<Value> {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
    at.to_offset(UtcOffset::UTC).format(format).ok().map(Value::from)
}

fn attribute(value: &Value, max: usize) -> Option<Value> {
    match value {
        Value::String(text) => shown(text).map(|text| cut(&text, max)),
        Value::Bool(_) | Value::Number(_) => Some(value.clone()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests;
