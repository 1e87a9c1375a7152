//! `usher-birthrights explain`: which rules hold for a user, why, and what they would give. Reads and prints only.
//!
//! Names of attributes are shown, their values on the user are not: whoever asks why somebody is in a group need not
//! learn what they typed.

use std::{
    fmt::{self, Write as _},
    io::Write,
};

use clap::Subcommand;
use usher_entra::{Grant, Graph, GraphError, User};
use usher_http::{Failure, FailureClass};
use usher_subscriber::Down;
use uuid::Uuid;

use crate::{
    rules::{Condition, Facts, Rule, Rules, SignUpApp},
    targets,
};

/// What birthrights can do beside its work.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Say which rules hold for a user and why, and what they would give. Changes nothing.
    Explain {
        /// The user's object id
        #[arg(value_name = "USER_ID")]
        user_id: Uuid,
        /// The app through which the user signed up: the user does not say, only the sign-up's event does
        #[arg(long, value_name = "UUID")]
        app_id: Option<Uuid>,
    },
}

/// Explains to `out`, then says if the rules name what can't be given.
pub(crate) async fn run(
    graph: &Graph,
    rules: &Rules,
    command: &Command,
    mut out: impl Write,
) -> Result<(), usher_service::Failure> {
    let Command::Explain { user_id, app_id } = command;
    let user = match graph.user(*user_id, &rules.properties()).await {
        Ok(user) => user,
        Err(GraphError::NotFound(_)) => {
            return Err(usher_service::Failure::Negative(format!("there is no user {user_id}")));
        }
        Err(error) => return Err(ended(targets::down(error))),
    };
    // A reader that has gone away, such as `head`, is no failure.
    let _ = out.write_all(explanation(rules, &user, *app_id).as_bytes());
    targets::look(graph, rules).await.map_err(ended)
}

fn ended(Down { vendor, setting, failure }: Down) -> usher_service::Failure {
    match failure.class {
        FailureClass::Refused | FailureClass::Unauthorized => {
            usher_service::Failure::setting(setting, format!("{vendor} refuses it: {failure}"))
        }
        FailureClass::Transient | FailureClass::Unreachable => unavailable(vendor, &failure),
    }
}

fn unavailable(vendor: &str, failure: &Failure) -> usher_service::Failure {
    usher_service::Failure::Unavailable(format!("{vendor}: {failure}"))
}

/// The whole answer.
pub(crate) fn explanation(rules: &Rules, user: &User, app: Option<Uuid>) -> String {
    let facts = Facts::new(user, app.map_or(SignUpApp::Unknown, SignUpApp::Id));
    let mut text = String::new();
    for rule in rules.iter() {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{}", Explained { rule, facts: &facts });
    }
    list(&mut text, "Would be given:", &rules.due(&facts));
    let open = rules.grants_where(|rule| rule.holds(&facts).is_none());
    if !open.is_empty() {
        list(&mut text, "Would be given if what is not known holds:", &open);
    }
    text
}

fn list(text: &mut String, heading: &str, grants: &[(Grant, &str)]) {
    let _ = writeln!(text, "\n{heading}");
    if grants.is_empty() {
        let _ = writeln!(text, "  nothing");
    }
    for (grant, rule) in grants {
        let _ = match grant {
            Grant::Group(id) => writeln!(text, "  group {id}, by {rule:?}"),
            Grant::AppRole { resource, role } => {
                writeln!(text, "  app role {role} of {resource}, by {rule:?}")
            }
        };
    }
}

/// A rule, whether it holds, and the conditions that decided.
struct Explained<'a> {
    rule: &'a Rule,
    facts: &'a Facts<'a>,
}

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let holds = self.rule.holds(self.facts);
        let word = match holds {
            Some(true) => "holds",
            Some(false) => "does not hold",
            None => "is not known to hold",
        };
        write!(f, "rule {:?} {word}", self.rule.name)?;
        if self.rule.when.is_empty() {
            f.write_str(": it is for everybody")?;
        }
        let decided = |condition: &&Condition| condition.finding(self.facts).holds == holds;
        for condition in self.rule.when.iter().filter(decided) {
            write!(f, "\n  {condition}: {}", condition.finding(self.facts).because)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
