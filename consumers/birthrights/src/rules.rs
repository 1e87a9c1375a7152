//! The rules: who gets which groups and app roles.
//!
//! ```toml
//! [[rule]]
//! name = "members"
//! groups = ["96000000-0000-4000-8000-000000000001"]
//! # no `when`: everybody
//!
//! [[rule]]
//! name = "business customers"
//! app_roles = [{ resource = "5e000000-0000-4000-8000-000000000001", role = "501e0000-0000-4000-8000-000000000001" }]
//! self_asserted = true
//! when = { attribute = "extension_0123456789abcdef0123456789abcdef_CompanyType", equals = "business" }
//! ```
//!
//! All conditions of a `when` must hold; each rule that holds gives what it names. A rule looks at the user alone and
//! never at what another rule gives: that way no rule depends on another, and none on itself.

use usher_conditions::Conditions;
use usher_entra::Grant;

mod read;

/// What is wrong with the rules, in one line: `rules.toml:12:8: what`. It may name what stands in the file, which is
/// the operator's own and holds no secret.
pub use usher_conditions::FileError as RulesError;
pub(crate) use usher_conditions::{Condition, Facts, SignUpApp};

/// The rules of a file, in its order.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules(Vec<Rule>);

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) grants: Vec<Grant>,
    /// All of them must hold; none: the rule is for everybody.
    pub(crate) when: Conditions,
}

impl Rules {
    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// The properties of a user that must be read to decide.
    pub(crate) fn properties(&self) -> Vec<&str> {
        let mut properties = vec!["identities"];
        for attribute in self.iter().flat_map(|rule| rule.when.attributes()) {
            if !properties.contains(&attribute) {
                properties.push(attribute);
            }
        }
        properties
    }

    /// All that can be granted, each once, with the first rule that gives it.
    pub(crate) fn grants(&self) -> Vec<(Grant, &str)> {
        self.grants_where(|_| true)
    }

    /// What this user is to have, each once, with the first rule that gives it.
    pub(crate) fn due(&self, facts: &Facts<'_>) -> Vec<(Grant, &str)> {
        self.grants_where(|rule| rule.holds(facts) == Some(true))
    }

    /// What the rules so chosen give, each once, with the first rule that gives it.
    pub(crate) fn grants_where(&self, chosen: impl Fn(&Rule) -> bool) -> Vec<(Grant, &str)> {
        let mut grants: Vec<(Grant, &str)> = Vec::new();
        for rule in self.iter().filter(|rule| chosen(rule)) {
            for grant in &rule.grants {
                if !grants.iter().any(|(given, _)| given == grant) {
                    grants.push((*grant, &rule.name));
                }
            }
        }
        grants
    }
}

impl Rule {
    /// Whether it is for this user; `None` if that depends on what is not known of them.
    pub(crate) fn holds(&self, facts: &Facts<'_>) -> Option<bool> {
        self.when.hold(facts)
    }
}

#[cfg(test)]
mod tests;
