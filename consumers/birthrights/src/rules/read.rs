//! Reads the rules from TOML, strictly: what can't be what its author meant is refused, with its place.

use std::{collections::BTreeMap, fs::File, io::Read, str::FromStr};

use serde::Deserialize;
use serde_json::json;
use toml::{Spanned, Value};
use usher_entra::Grant;
use uuid::Uuid;

use super::{Condition, Rule, Rules, RulesError, error::Problem};

/// The longest rules file, in bytes. A thousand rules take a fifth of it; a longer one is something else.
const LONGEST_FILE: u64 = 1024 * 1024;
/// The longest name of a rule, in characters: it stands in log lines and dead letters.
const LONGEST_NAME: usize = 64;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileBody {
    #[serde(default)]
    rule: Vec<Spanned<RuleBody>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleBody {
    name: Spanned<String>,
    #[serde(default)]
    groups: Vec<Uuid>,
    #[serde(default)]
    app_roles: Vec<AppRoleBody>,
    self_asserted: Option<Spanned<bool>>,
    when: Option<Spanned<When>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppRoleBody {
    resource: Uuid,
    role: Uuid,
}

/// By key, so that each key can have its own word to say.
type When = BTreeMap<Spanned<String>, Spanned<Value>>;

impl Rules {
    /// Reads the rules in a file.
    ///
    /// # Errors
    /// [`RulesError`] says what is wrong and where.
    pub fn read(file: &str) -> Result<Self, RulesError> {
        let text = text_of(file).map_err(|why| RulesError::unreadable(file, why))?;
        text.parse().map_err(|error: RulesError| error.in_file(file))
    }
}

fn text_of(file: &str) -> Result<String, String> {
    let mut text = String::new();
    let opened = File::open(file).and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text));
    let length = opened.map_err(|error| error.to_string())?;
    if length as u64 > LONGEST_FILE {
        return Err(format!("longer than {LONGEST_FILE} bytes"));
    }
    Ok(text)
}

impl FromStr for Rules {
    type Err = RulesError;

    fn from_str(text: &str) -> Result<Self, RulesError> {
        rules(text).map_err(|problem| problem.in_text(text))
    }
}

fn rules(text: &str) -> Result<Rules, Problem> {
    let FileBody { rule: bodies } = toml::from_str(text)?;
    if bodies.is_empty() {
        return Err(Problem { at: None, text: "there is no [[rule]] in it".to_owned() });
    }
    let mut rules: Vec<Rule> = Vec::with_capacity(bodies.len());
    for body in bodies {
        let named_at = body.get_ref().name.span();
        let rule = rule(body)?;
        if rules.iter().any(|other| other.name == rule.name) {
            return Err(Problem::at(named_at, format!("there are two rules with the name {:?}", rule.name)));
        }
        rules.push(rule);
    }
    Ok(Rules(rules))
}

fn rule(body: Spanned<RuleBody>) -> Result<Rule, Problem> {
    let at = body.span();
    let body = body.into_inner();
    let name = name(body.name)?;
    let of_rule = |problem: Problem| Problem { text: format!("rule {name:?}: {}", problem.text), ..problem };
    let groups = body.groups.into_iter().map(Grant::Group);
    let roles =
        body.app_roles.into_iter().map(|AppRoleBody { resource, role }| Grant::AppRole { resource, role });
    let grants: Vec<Grant> = groups.chain(roles).collect();
    if grants.is_empty() {
        return Err(of_rule(Problem::at(at, "it gives nothing: it needs groups or app_roles")));
    }
    let when = body.when.as_ref().map_or(Ok(Vec::new()), conditions).map_err(of_rule)?;
    check_trust(&when, body.self_asserted.as_ref(), body.when.as_ref()).map_err(of_rule)?;
    Ok(Rule { name, grants, when })
}

fn name(name: Spanned<String>) -> Result<String, Problem> {
    let at = name.span();
    let name = name.into_inner();
    if name.trim().is_empty() || name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
        let text =
            format!("a rule's name must be a word or some, {LONGEST_NAME} characters at most, on one line");
        return Err(Problem::at(at, text));
    }
    Ok(name)
}

/// What a customer typed proves nothing. Whoever builds on it has to say that they know.
fn check_trust(
    conditions: &[Condition],
    self_asserted: Option<&Spanned<bool>>,
    when: Option<&Spanned<When>>,
) -> Result<(), Problem> {
    let says_so = self_asserted.is_some_and(|it| *it.get_ref());
    let is_so = conditions.iter().any(|condition| condition.attribute().is_some());
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
