//! Reads the mapping from TOML, strictly: what can't be what its author meant is refused, with its place.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::json;
use toml::{Spanned, Value};
use usher_conditions::{Problem, text_of};

use super::{Field, Mapping, MappingError, Source};

/// The longest name of a field or an object, in characters: 15 for a namespace, 40 of its own, and what stands between
/// and behind.
const LONGEST_NAME: usize = 60;
/// The longest text of a field of one's own that says nothing else: Salesforce's longest for one that is no text area.
const TEXT: usize = 255;
/// The standard fields that hold less.
/// <https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_contact.htm>
const STANDARD: [(&str, usize); 12] = [
    ("Salutation", 40),
    ("FirstName", 40),
    ("MiddleName", 40),
    ("LastName", 80),
    ("Suffix", 40),
    ("Email", 80),
    ("Title", 128),
    ("Department", 80),
    ("Phone", 40),
    ("MobilePhone", 40),
    ("MailingCity", 40),
    ("MailingCountry", 80),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBody {
    object: Spanned<String>,
    external_id: Spanned<String>,
    fields: Spanned<BTreeMap<Spanned<String>, Spanned<FieldBody>>>,
}

/// What stands behind a field's name.
enum FieldBody {
    /// The name of a source.
    Source(String),
    /// By key, so that each key can have its own word to say.
    Parts(BTreeMap<Spanned<String>, Spanned<Value>>),
}

impl<'de> Deserialize<'de> for FieldBody {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FieldVisitor)
    }
}

struct FieldVisitor;

impl<'de> Visitor<'de> for FieldVisitor {
    type Value = FieldBody;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a source, or a table with `source` or `value`")
    }

    fn visit_str<E>(self, source: &str) -> Result<FieldBody, E> {
        Ok(FieldBody::Source(source.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, parts: A) -> Result<FieldBody, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(parts)).map(FieldBody::Parts)
    }
}

impl Mapping {
    /// Reads the mapping in a file.
    ///
    /// # Errors
    /// [`MappingError`] says what is wrong and where.
    pub fn read(file: &str) -> Result<Self, MappingError> {
        text_of(file)?.parse().map_err(|error: MappingError| error.in_file(file))
    }
}

impl FromStr for Mapping {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        mapping(text).map_err(|problem| problem.in_text(text))
    }
}

fn mapping(text: &str) -> Result<Mapping, Problem> {
    let FileBody { object, external_id, fields: bodies } = toml::from_str(text)?;
    let (object, external_id) = (api_name(&object)?, api_name(&external_id)?);
    if bodies.get_ref().is_empty() {
        return Err(Problem::at(bodies.span(), "there is no field in it"));
    }
    let mut fields: Vec<(String, Field)> = Vec::with_capacity(bodies.get_ref().len());
    for (key, body) in bodies.get_ref() {
        let name = api_name(key)?;
        let of_field = |problem: Problem| Problem { text: format!("{name}: {}", problem.text), ..problem };
        if name.eq_ignore_ascii_case(&external_id) {
            let text = "the external id is how the record is found: it can't be a field too";
            return Err(of_field(Problem::at(key.span(), text)));
        }
        if fields.iter().any(|(other, _)| other.eq_ignore_ascii_case(&name)) {
            let text = "there are two of it: capitals make no difference";
            return Err(of_field(Problem::at(key.span(), text)));
        }
        let field = field(&name, body).map_err(of_field)?;
        fields.push((name, field));
    }
    Ok(Mapping { object, external_id, fields })
}

/// The name becomes part of a path.
fn api_name(name: &Spanned<String>) -> Result<String, Problem> {
    let text = name.get_ref();
    let is_name = text.len() <= LONGEST_NAME
        && text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if is_name {
        return Ok(text.clone());
    }
    Err(Problem::at(name.span(), "must be an API name, such as LastName or CompanyType__c"))
}

fn field(name: &str, body: &Spanned<FieldBody>) -> Result<Field, Problem> {
    match body.get_ref() {
        FieldBody::Source(text) => {
            let source = source(text).map_err(|text| Problem::at(body.span(), text))?;
            Ok(Field::Filled { sources: vec![source], default: None, max: longest(name) })
        }
        FieldBody::Parts(parts) => {
            let mut read = Parts::default();
            for (key, value) in parts {
                read.take(key, value)?;
            }
            read.field(name).map_err(|text| Problem::at(body.span(), text))
        }
    }
}

/// How much a field holds, as far as its name tells.
fn longest(name: &str) -> usize {
    let standard = STANDARD.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    standard.map_or(TEXT, |(_, length)| *length)
}

/// The keys of a field's table.
#[derive(Default)]
struct Parts {
    sources: Option<Vec<Source>>,
    default: Option<serde_json::Value>,
    max: Option<usize>,
    constant: Option<serde_json::Value>,
}

impl Parts {
    fn take(&mut self, key: &Spanned<String>, value: &Spanned<Value>) -> Result<(), Problem> {
        match key.get_ref().as_str() {
            "source" => self.sources = Some(one(value, sources)?),
            "default" => self.default = Some(one(value, scalar)?),
            "max" => self.max = Some(one(value, length)?),
            "value" => self.constant = Some(one(value, scalar)?),
            other => {
                let text = format!("there is no `{other}`, only `source`, `default` and `max`, or `value`");
                return Err(Problem::at(key.span(), text));
            }
        }
        Ok(())
    }

    fn field(self, name: &str) -> Result<Field, &'static str> {
        match (self.sources, self.constant) {
            (Some(sources), None) => {
                let max = self.max.unwrap_or_else(|| longest(name));
                let is_long = |text: &str| text.encode_utf16().count() > max;
                if self.default.as_ref().and_then(|default| default.as_str()).is_some_and(is_long) {
                    return Err("the default is longer than the field holds");
                }
                Ok(Field::Filled { sources, default: self.default, max })
            }
            (None, Some(value)) if self.default.is_none() && self.max.is_none() => Ok(Field::Constant(value)),
            (None, Some(_)) => Err("a constant `value` takes no `default` and no `max`"),
            (Some(_), Some(_)) => Err("`source` or `value`, not both"),
            (None, None) => Err("needs a `source` or a `value`"),
        }
    }
}

fn one<T>(value: &Spanned<Value>, read: impl Fn(&Value) -> Result<T, &'static str>) -> Result<T, Problem> {
    read(value.get_ref()).map_err(|text| Problem::at(value.span(), text))
}

/// One source or a list of at least one.
fn sources(value: &Value) -> Result<Vec<Source>, &'static str> {
    let named = |value: &Value| value.as_str().ok_or(NO_SOURCE).and_then(source);
    match value {
        Value::Array(values) if values.is_empty() => Err("an empty list: nothing would fill it"),
        Value::Array(values) => values.iter().map(named).collect(),
        one => named(one).map(|source| vec![source]),
    }
}

const NO_SOURCE: &str = "must be givenName, surname, displayName, email, emailVerified, identityProvider, signedUpAt, \
    appId, userId, tenantId, eventId or the name of a custom attribute: extension_{app id, 32 hex digits}_{name}";

fn source(name: &str) -> Result<Source, &'static str> {
    Ok(match name {
        "tenantId" => Source::TenantId,
        "userId" => Source::UserId,
        "eventId" => Source::EventId,
        "displayName" => Source::DisplayName,
        "givenName" => Source::GivenName,
        "surname" => Source::Surname,
        "email" => Source::Email,
        "emailVerified" => Source::EmailVerified,
        "identityProvider" => Source::IdentityProvider,
        "signedUpAt" => Source::SignedUpAt,
        "appId" => Source::AppId,
        name => Source::Attribute(usher_event::attribute_name(name).map_err(|_| NO_SOURCE)?),
    })
}

fn scalar(value: &Value) -> Result<serde_json::Value, &'static str> {
    match value {
        Value::String(text) => Ok(json!(text)),
        Value::Integer(number) => Ok(json!(number)),
        Value::Float(number) => Ok(json!(number)),
        Value::Boolean(truth) => Ok(json!(truth)),
        _ => Err("must be a text, a number, true or false"),
    }
}

fn length(value: &Value) -> Result<usize, &'static str> {
    let length = value.as_integer().and_then(|length| usize::try_from(length).ok());
    length.filter(|length| *length > 0).ok_or("must be a number of characters, 1 or more")
}
