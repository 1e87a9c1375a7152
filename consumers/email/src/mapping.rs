//! What of a sign-up goes where on a member: two settings that are lists of pairs.

use std::str::FromStr;

use serde_json::Value;
use usher_event::{UserSignedUp, attribute_name};

/// The longest merge tag that Mailchimp has, in characters.
const MERGE_TAG: usize = 10;

/// The merge fields that are filled, and from what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeFields(Vec<(String, Source)>);

/// The marketing permissions that are given, and by which attributes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketingPermissions(Vec<(String, String)>);

/// What a merge field is filled from.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Source {
    GivenName,
    Surname,
    DisplayName,
    Attribute(String),
}

impl MergeFields {
    /// The fields that this sign-up has something for, as it was typed.
    pub(crate) fn of<'a>(&'a self, data: &'a UserSignedUp) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.0.iter().filter_map(|(field, source)| Some((field.as_str(), source.of(data)?)))
    }
}

impl Source {
    fn of<'a>(&self, data: &'a UserSignedUp) -> Option<&'a str> {
        match self {
            Self::GivenName => data.given_name.as_deref(),
            Self::Surname => data.surname.as_deref(),
            Self::DisplayName => data.display_name.as_deref(),
            Self::Attribute(name) => data.attributes.get(name)?.as_str(),
        }
    }
}

impl MarketingPermissions {
    /// The ids of the permissions that this sign-up gives. One that it does not give is left as it is: it may
    /// have been given elsewhere.
    pub(crate) fn given_by<'a>(&'a self, data: &'a UserSignedUp) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(|(attribute, _)| is_yes(data, attribute)).map(|(_, id)| id.as_str())
    }
}

/// Whether the customer said yes. Nothing but JSON `true` is one: see the crate's documentation.
pub(crate) fn is_yes(data: &UserSignedUp, attribute: &str) -> bool {
    data.attributes.get(attribute) == Some(&Value::Bool(true))
}

impl FromStr for MergeFields {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        pairs(text).map(|pair| pair.and_then(merge_field)).collect::<Result<_, _>>().map(Self)
    }
}

impl FromStr for MarketingPermissions {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        pairs(text).map(|pair| pair.and_then(permission)).collect::<Result<_, _>>().map(Self)
    }
}

fn merge_field((field, source): (&str, &str)) -> Result<(String, Source), &'static str> {
    let is_tag = |b: u8| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_';
    if field.is_empty() || field.len() > MERGE_TAG || !field.bytes().all(is_tag) {
        return Err("a merge field must be 1 to 10 capitals, digits or underscores");
    }
    let source = match source {
        "givenName" => Source::GivenName,
        "surname" => Source::Surname,
        "displayName" => Source::DisplayName,
        name => Source::Attribute(attribute_name(name).map_err(
            |_| "a merge field is filled from givenName, surname, displayName or an extension_.. attribute",
        )?),
    };
    Ok((field.to_owned(), source))
}

fn permission((name, id): (&str, &str)) -> Result<(String, String), &'static str> {
    let name = attribute_name(name)?;
    if is_id(id) { Ok((name, id.to_owned())) } else { Err("a permission's id must be letters and digits") }
}

fn pairs(text: &str) -> impl Iterator<Item = Result<(&str, &str), &'static str>> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| {
        let (left, right) =
            part.split_once('=').ok_or("must be pairs such as a=b, with commas between them")?;
        Ok((left.trim(), right.trim()))
    })
}

/// An id of Mailchimp's.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ATTRIBUTE: &str = "extension_0123456789abcdef0123456789abcdef_Size";

    fn merge_fields(text: &str) -> Result<MergeFields, &'static str> {
        text.parse()
    }

    #[test]
    fn merge_fields_are_filled_from_names_and_attributes() {
        let fields = merge_fields(&format!("FNAME=givenName, MMERGE5={ATTRIBUTE},")).unwrap();
        let expected = [
            ("FNAME".to_owned(), Source::GivenName),
            ("MMERGE5".to_owned(), Source::Attribute(ATTRIBUTE.to_owned())),
        ];
        assert_eq!(fields.0, expected);
        assert_eq!(merge_fields("").unwrap().0, []);
    }

    #[test]
    fn a_merge_field_or_a_source_that_cannot_be_is_refused() {
        for wrong in ["FNAME", "FNAME=", "=surname", "fname=givenName", "ELEVENCHARS=surname", "FNAME=mail"] {
            assert!(merge_fields(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_permission_is_given_by_an_attribute() {
        let permissions = |text: &str| text.parse::<MarketingPermissions>();
        let one = permissions(&format!("{ATTRIBUTE}=36aaf5a8d0")).unwrap();
        assert_eq!(one.0, [(ATTRIBUTE.to_owned(), "36aaf5a8d0".to_owned())]);
        assert_eq!(permissions("").unwrap().0, []);
        for wrong in ["mail=36aaf5a8d0", &format!("{ATTRIBUTE}="), &format!("{ATTRIBUTE}=a b")] {
            assert!(permissions(wrong).is_err(), "{wrong}");
        }
    }
}
