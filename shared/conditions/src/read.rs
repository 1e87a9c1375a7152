//! Reads conditions from TOML, strictly: what can't be what its author meant is refused, with its place.

use std::collections::BTreeMap;

use serde_json::json;
use toml::{Spanned, Value};
use uuid::Uuid;

use crate::{Condition, Conditions, Problem};

/// A `when`, by key, so that each key can have its own word to say.
pub type When = BTreeMap<Spanned<String>, Spanned<Value>>;

impl Conditions {
    /// What a rule's `when` says, if it has one, and whether the rule says that it builds on what a customer asserted.
    ///
    /// # Errors
    /// [`Problem`] says what is wrong and where.
    pub fn read(
        when: Option<&Spanned<When>>,
        self_asserted: Option<&Spanned<bool>>,
    ) -> Result<Self, Problem> {
        let conditions = Self(when.map_or(Ok(Vec::new()), conditions)?);
        check_trust(&conditions, self_asserted, when)?;
        Ok(conditions)
    }
}

/// What a customer typed proves nothing. Whoever builds on it has to say that they know.
fn check_trust(
    conditions: &Conditions,
    self_asserted: Option<&Spanned<bool>>,
    when: Option<&Spanned<When>>,
) -> Result<(), Problem> {
    let says_so = self_asserted.is_some_and(|it| *it.get_ref());
    let is_so = conditions.attributes().next().is_some();
    match (is_so, says_so, when, self_asserted) {
        (true, false, Some(when), _) => {
            let text =
                "customers assert attributes of themselves: a rule on one needs `self_asserted = true`";
            Err(Problem::at(when.span(), text))
        }
        (false, true, _, Some(self_asserted)) => {
            let text = "`self_asserted` has no place here: nothing in `when` is self-asserted";
            Err(Problem::at(self_asserted.span(), text))
        }
        _ => Ok(()),
    }
}

fn conditions(when: &Spanned<When>) -> Result<Vec<Condition>, Problem> {
    let mut attribute = Attribute::default();
    let mut conditions = Vec::new();
    for (key, value) in when.get_ref() {
        match key.get_ref().as_str() {
            "attribute" => attribute.name = Some(one(value, attribute_name)?),
            "equals" => attribute.equals = Some(one(value, scalar)?),
            "one_of" => attribute.one_of = Some(each(value, scalar)?),
            "email_domain" => conditions.push(Condition::EmailDomain(each(value, domain)?)),
            "identity_provider" => conditions.push(Condition::IdentityProvider(each(value, text)?)),
            "app_id" => conditions.push(Condition::AppId(each(value, uuid)?)),
            other => return Err(Problem::at(key.span(), no_such_condition(other))),
        }
    }
    conditions.extend(attribute.condition().map_err(|text| Problem::at(when.span(), text))?);
    if conditions.is_empty() {
        return Err(Problem::at(when.span(), "`when` is empty; without it the rule is for everybody"));
    }
    Ok(conditions)
}

/// Rules that look at what other rules give could go round in circles; whoever tries it is told.
fn no_such_condition(key: &str) -> String {
    match key {
        "group" | "groups" | "member_of" | "app_role" | "app_roles" | "rule" | "rules" => format!(
            "`when` can't be on `{key}`: a rule looks at the user alone and never at what rules give, so that none \
             depends on itself by way of others"
        ),
        _ => format!(
            "`when` knows no `{key}`, only `attribute` with `equals` or `one_of`, `email_domain`, \
             `identity_provider` and `app_id`"
        ),
    }
}

/// Three keys that make one condition.
#[derive(Default)]
struct Attribute {
    name: Option<String>,
    equals: Option<serde_json::Value>,
    one_of: Option<Vec<serde_json::Value>>,
}

impl Attribute {
    fn condition(self) -> Result<Option<Condition>, &'static str> {
        match (self.name, self.equals, self.one_of) {
            (None, None, None) => Ok(None),
            (Some(name), Some(value), None) => Ok(Some(Condition::Attribute { name, one_of: vec![value] })),
            (Some(name), None, Some(one_of)) => Ok(Some(Condition::Attribute { name, one_of })),
            (Some(_), None, None) => Err("`attribute` needs `equals` or `one_of`"),
            (Some(_), Some(_), Some(_)) => Err("`attribute` takes `equals` or `one_of`, not both"),
            (None, _, _) => Err("`equals` and `one_of` need an `attribute`"),
        }
    }
}

/// Reads one value.
fn one<T>(value: &Spanned<Value>, read: impl Fn(&Value) -> Result<T, &'static str>) -> Result<T, Problem> {
    read(value.get_ref()).map_err(|text| Problem::at(value.span(), text))
}

/// Reads one value, or a list of at least one.
fn each<T>(
    value: &Spanned<Value>,
    read: impl Fn(&Value) -> Result<T, &'static str>,
) -> Result<Vec<T>, Problem> {
    let values = match value.get_ref() {
        Value::Array(values) => values.iter().map(read).collect(),
        one => read(one).map(|one| vec![one]),
    };
    let values: Result<Vec<T>, &str> =
        values.and_then(
            |all: Vec<T>| {
                if all.is_empty() { Err("an empty list: nobody would meet it") } else { Ok(all) }
            },
        );
    values.map_err(|text| Problem::at(value.span(), text))
}

fn text(value: &Value) -> Result<String, &'static str> {
    let text = value.as_str().filter(|text| !text.trim().is_empty());
    text.map(str::to_owned).ok_or("must be a text that is not empty")
}

fn uuid(value: &Value) -> Result<Uuid, &'static str> {
    value.as_str().and_then(|text| text.parse().ok()).ok_or("must be a UUID")
}

/// Types differ between Graph's JSON and TOML; these three are the same, and fractions and times are no attributes.
fn scalar(value: &Value) -> Result<serde_json::Value, &'static str> {
    match value {
        Value::String(text) => Ok(json!(text)),
        Value::Integer(number) => Ok(json!(number)),
        Value::Boolean(truth) => Ok(json!(truth)),
        _ => Err("must be a text, a whole number, true or false"),
    }
}

/// It goes into a query.
fn attribute_name(value: &Value) -> Result<String, &'static str> {
    let is_name = |name: &&str| {
        name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let name = value.as_str().filter(is_name);
    name.map(str::to_owned)
        .ok_or("must be the name of an attribute: extension_{app id without hyphens}_{name}")
}

fn domain(value: &Value) -> Result<String, &'static str> {
    let is_domain = |domain: &&str| {
        let is_label =
            |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        domain.contains('.') && domain.split('.').all(is_label)
    };
    let domain = value.as_str().filter(is_domain);
    domain.map(str::to_ascii_lowercase).ok_or("must be what stands behind the @, such as contoso.com")
}

#[cfg(test)]
mod tests;
