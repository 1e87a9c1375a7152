//! What a customer is made of, and which values Stripe takes for it.

use std::collections::BTreeMap;

use super::{errors::Refused, form::Params};
use crate::address;

/// Limits of Stripe's reference, in characters.
const LIMITS: [(&str, usize); 4] = [("email", 512), ("name", 256), ("phone", 20), ("description", 5000)];
const METADATA_KEYS: usize = 50;
const METADATA_KEY: usize = 40;
const METADATA_VALUE: usize = 500;

/// Changes to a customer, checked. An empty value takes a field away.
#[derive(Debug)]
pub(super) struct Fields {
    pub(super) texts: BTreeMap<&'static str, Option<String>>,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Fields {
    /// Checks what can be checked before Stripe begins to execute.
    pub(super) fn parse(params: &Params) -> Result<Self, Refused> {
        let mut fields = Self { texts: BTreeMap::new(), metadata: BTreeMap::new() };
        for (name, value) in params {
            if let Some(key) = metadata_key(name) {
                check_metadata(name, key, value)?;
                fields.metadata.insert(key.to_owned(), value.clone());
            } else {
                let (name, limit) = text_field(name)?;
                check_length(name, value, limit)?;
                fields.texts.insert(name, Some(value.clone()).filter(|value| !value.is_empty()));
            }
        }
        if fields.metadata.len() > METADATA_KEYS {
            return Err(
                Refused::invalid(format!("Metadata can have at most {METADATA_KEYS} keys.")).at("metadata")
            );
        }
        fields.check_email()?;
        Ok(fields)
    }

    fn check_email(&self) -> Result<(), Refused> {
        match self.texts.get("email") {
            Some(Some(email)) if !address::is_valid(email) => {
                let message = format!("Invalid email address: {email}");
                Err(Refused::invalid(message).with_code("email_invalid").at("email"))
            }
            _ => Ok(()),
        }
    }
}

/// `k` of `metadata[k]`.
fn metadata_key(name: &str) -> Option<&str> {
    name.strip_prefix("metadata[")?.strip_suffix(']').filter(|key| !key.contains(['[', ']']))
}

fn check_metadata(name: &str, key: &str, value: &str) -> Result<(), Refused> {
    let (key, value) = (key.chars().count(), value.chars().count());
    if key == 0 || key > METADATA_KEY {
        let message = format!(
            "Metadata keys can have up to {METADATA_KEY} characters, but you passed in a key that is {key} characters."
        );
        return Err(Refused::invalid(message).at(name));
    }
    if value > METADATA_VALUE {
        let message = format!(
            "Metadata values can have up to {METADATA_VALUE} characters, but you passed in a value that is {value} characters."
        );
        return Err(Refused::invalid(message).at(name));
    }
    Ok(())
}

fn text_field(name: &str) -> Result<(&'static str, usize), Refused> {
    let known = LIMITS.iter().find(|(known, _)| *known == name);
    known.copied().ok_or_else(|| Refused::unknown_parameter(name))
}

fn check_length(name: &'static str, value: &str, limit: usize) -> Result<(), Refused> {
    if value.chars().count() <= limit {
        return Ok(());
    }
    Err(Refused::invalid(format!("Invalid string: must be at most {limit} characters")).at(name))
}
