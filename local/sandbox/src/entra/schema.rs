//! The properties of a user that this stand-in knows: which can be read, which written, and their types.

use serde_json::Value;

use crate::{
    SandboxSettings, company_type_attribute, marketing_consent_attribute, stripe_customer_id_attribute,
};

/// The type of a property that can be written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Type {
    /// A text of at most so many characters.
    Text(usize),
    /// A text that can't be taken away.
    RequiredText(usize),
    Boolean,
    Texts,
}

impl Type {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Text(_) | Self::RequiredText(_) => "Edm.String",
            Self::Boolean => "Edm.Boolean",
            Self::Texts => "Collection(Edm.String)",
        }
    }

    pub(super) fn takes(self, value: &Value) -> bool {
        let fits = |value: &Value, max| {
            let plain = |text: &str| text.chars().count() <= max && !text.contains(char::is_control);
            value.as_str().is_some_and(plain)
        };
        match self {
            Self::Text(max) => value.is_null() || fits(value, max) && value != "",
            Self::RequiredText(max) => fits(value, max) && value != "",
            Self::Boolean => value.is_null() || value.is_boolean(),
            Self::Texts => value.as_array().is_some_and(|texts| texts.iter().all(Value::is_string)),
        }
    }
}

/// What comes without `$select`.
pub(super) const DEFAULT: [&str; 11] = [
    "businessPhones",
    "displayName",
    "givenName",
    "jobTitle",
    "mail",
    "mobilePhone",
    "officeLocation",
    "preferredLanguage",
    "surname",
    "userPrincipalName",
    "id",
];

const READ_ONLY: [&str; 5] = ["id", "createdDateTime", "creationType", "identities", "userType"];
/// Can be written, under rules of its own.
pub(super) const PRINCIPAL_NAME: &str = "userPrincipalName";

const WRITABLE: [(&str, Type); 20] = [
    ("accountEnabled", Type::Boolean),
    ("businessPhones", Type::Texts),
    ("city", Type::Text(128)),
    ("companyName", Type::Text(64)),
    ("country", Type::Text(128)),
    ("department", Type::Text(64)),
    ("displayName", Type::RequiredText(256)),
    ("employeeId", Type::Text(16)),
    ("givenName", Type::Text(64)),
    ("jobTitle", Type::Text(128)),
    ("mail", Type::Text(256)),
    ("mailNickname", Type::RequiredText(64)),
    ("mobilePhone", Type::Text(64)),
    ("officeLocation", Type::Text(128)),
    ("otherMails", Type::Texts),
    ("postalCode", Type::Text(40)),
    ("preferredLanguage", Type::Text(64)),
    ("state", Type::Text(128)),
    ("streetAddress", Type::Text(1024)),
    ("surname", Type::Text(64)),
];

/// Custom attributes hold at most so many characters.
const EXTENSION_TEXT: usize = 256;

pub(super) fn is_known(settings: &SandboxSettings, name: &str) -> bool {
    READ_ONLY.contains(&name) || name == PRINCIPAL_NAME || type_of(settings, name).is_some()
}

pub(super) fn is_read_only(name: &str) -> bool {
    READ_ONLY.contains(&name)
}

pub(super) fn is_extension(name: &str) -> bool {
    name.starts_with("extension_")
}

/// The type of a property that can be written, custom attributes included.
pub(super) fn type_of(settings: &SandboxSettings, name: &str) -> Option<Type> {
    if name == marketing_consent_attribute() {
        return Some(Type::Boolean);
    }
    let texts = [stripe_customer_id_attribute(), company_type_attribute()];
    if texts.iter().chain(&settings.text_attributes).any(|known| known == name) {
        return Some(Type::Text(EXTENSION_TEXT));
    }
    WRITABLE.iter().find(|(known, _)| *known == name).map(|&(_, of)| of)
}
