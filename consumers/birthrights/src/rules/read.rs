//! Reads the rules from TOML, strictly: what can't be what its author meant is refused, with its place.

use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;
use usher_conditions::{Conditions, Problem, When, text_of};
use usher_entra::Grant;
use uuid::Uuid;

use super::{Rule, Rules, RulesError};

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

impl Rules {
    /// Reads the rules in a file.
    ///
    /// # Errors
    /// [`RulesError`] says what is wrong and where.
    pub fn read(file: &str) -> Result<Self, RulesError> {
        text_of(file)?.parse().map_err(|error: RulesError| error.in_file(file))
    }
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
        return Err(Problem::whole("there is no [[rule]] in it"));
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
    let when = Conditions::read(body.when.as_ref(), body.self_asserted.as_ref()).map_err(of_rule)?;
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
