//! Birthrights: every sign-up gets the groups and app roles that the rules give it.
//!
//! What the rules look at is read from the user as it is now and not from the event. What a customer asserted at the
//! sign-up stands there too, but an administrator who has corrected it since is heard, `explain` sees just what a
//! delivery sees, and an attribute that the producer's allow-list leaves out does not look like one that nobody gave.
//! Only the app of the sign-up is known to the event alone.
//!
//! A birthright is given once and not taken away: whoever has it already has it still, and that is a success.
//!
//! Before anything is granted, each group and role that the rules name is looked up: one that could make an
//! administrator of a customer, or that does not exist, is refused.

mod check;
mod explain;
mod rules;
mod settings;
mod targets;
#[cfg(test)]
mod testing;

use std::{cmp::Reverse, time::Duration};

use async_trait::async_trait;
use usher_clock::Clock;
use usher_entra::{Grant, Graph, GraphError, Missing, User};
use usher_event::Event;
use usher_http::{Failure, FailureClass};
use usher_subscriber::{Consumer, Down, GraphUse, Handler, Outcome, Ports, Presence};
use uuid::Uuid;

pub use explain::Command;
pub use rules::{Rules, RulesError};
pub use settings::BirthrightsSettings;

use crate::{rules::Facts, targets::Targets};

const VENDOR: &str = "Entra";

/// The handler.
pub struct Birthrights {
    tenant_id: Uuid,
    rules: Rules,
    graph: Graph,
    targets: Targets,
    clock: Clock,
}

#[async_trait]
impl Handler for Birthrights {
    fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    async fn handle(&self, event: &Event) -> Outcome {
        self.endow(event).await.unwrap_or_else(|outcome| outcome)
    }

    async fn probe(&self) -> Result<(), Down> {
        self.graph.probe_reading(&self.rules.properties()).await.map_err(targets::down)?;
        self.targets.check(&self.graph, &self.rules).await
    }

    async fn presence(&self, event: &Event) -> Result<Presence, Failure> {
        self.look(event).await
    }
}

impl Consumer for Birthrights {
    const NAME: &'static str = "birthrights";
    const ABOUT: &'static str = "Gives every sign-up the groups and app roles that the rules say.";
    type Settings = BirthrightsSettings;
    type Command = Command;

    fn new(settings: BirthrightsSettings, ports: Ports) -> Result<Self, usher_service::Failure> {
        Ok(Self {
            tenant_id: settings.entra.tenant_id,
            rules: settings.birthrights_rules,
            graph: ports.graph(&settings.entra)?,
            targets: Targets::default(),
            clock: ports.clock,
        })
    }

    fn graph(&self) -> Option<GraphUse<'_>> {
        let mut permissions = vec!["User.Read.All", "GroupMember.ReadWrite.All"];
        if self.rules.grants().iter().any(|(grant, _)| matches!(grant, Grant::AppRole { .. })) {
            permissions.extend(["AppRoleAssignment.ReadWrite.All", "Application.Read.All"]);
        }
        Some(GraphUse { graph: &self.graph, permissions })
    }

    async fn command(self, command: Command) -> Result<(), usher_service::Failure> {
        explain::run(&self.graph, &self.rules, &command, std::io::stdout()).await
    }
}

impl Birthrights {
    /// The whole policy. The error is an outcome too: the one that a failed call calls for.
    async fn endow(&self, event: &Event) -> Result<Outcome, Outcome> {
        self.targets.known(&self.graph, &self.rules).await.map_err(not_now)?;
        let user = self.user(event).await?;
        let due = self.rules.due(&Facts::of_sign_up(&user, &event.data));
        if due.is_empty() {
            return Ok(Outcome::Skipped("no-rule"));
        }
        let grants: Vec<Grant> = due.iter().map(|(grant, _)| *grant).collect();
        let given = self.graph.grant(user.id, &grants).await;
        let given = given.map_err(|error| Outcome::failed(VENDOR, error.into()))?;
        let outcomes = due.into_iter().zip(given).map(|((_, rule), (_, given))| match given {
            Ok(()) => Outcome::Done,
            Err(error) => self.not_granted(event, rule, error),
        });
        Ok(outcomes.min_by_key(precedence).unwrap_or(Outcome::Done))
    }

    /// The user as it is now.
    async fn user(&self, event: &Event) -> Result<User, Outcome> {
        let user = self.graph.user(event.data.user_id, &self.rules.properties()).await;
        user.map_err(|error| match error.about_user_of_age(self.age(event)) {
            GraphError::NotFound(_) => Outcome::Skipped("user-gone"),
            // What we read is what the rules name: the probe tells whether users have that.
            GraphError::Refused(failure) => Outcome::Unavailable { vendor: VENDOR, failure },
            error => Outcome::failed(VENDOR, error.into()),
        })
    }

    fn age(&self, event: &Event) -> Duration {
        self.clock.since(event.data.signed_up_at)
    }

    /// What one grant that failed comes to. Whether a group is gone or only not there yet where we asked, the next look
    /// tells; whether a refusal is the rules' fault, a right's that we lack or this message's, the probe does.
    fn not_granted(&self, event: &Event, rule: &str, error: GraphError) -> Outcome {
        let user = event.data.user_id;
        let error = match error {
            // It may be the user where Graph does not say what is missing.
            GraphError::NotFound(Missing { id, .. }) if id.is_none_or(|id| id == user) => {
                error.about_user_of_age(self.age(event))
            }
            error => error,
        };
        match error {
            GraphError::NotFound(Missing { id, .. }) if id == Some(user) => Outcome::Skipped("user-gone"),
            GraphError::NotFound(Missing { failure, .. }) => {
                self.targets.doubt();
                let failure = Failure { class: FailureClass::Transient, ..failure };
                Outcome::Retry(named(rule, failure))
            }
            error => match Failure::from(error) {
                failure if matches!(failure.class, FailureClass::Refused | FailureClass::Unauthorized) => {
                    self.targets.doubt();
                    Outcome::Unavailable { vendor: VENDOR, failure: named(rule, failure) }
                }
                failure => Outcome::failed(VENDOR, failure),
            },
        }
    }
}

/// Which of several grants' outcomes is the delivery's: as long as another attempt may grant more, there is one, after
/// the longest time that was asked for.
fn precedence(outcome: &Outcome) -> (u8, Reverse<Option<Duration>>) {
    match outcome {
        Outcome::Retry(failure) => (0, Reverse(failure.retry_after)),
        Outcome::Skipped(_) => (1, Reverse(None)),
        Outcome::Unavailable { .. } => (2, Reverse(None)),
        Outcome::Reject(_) => (3, Reverse(None)),
        Outcome::Done => (4, Reverse(None)),
    }
}

/// The groups and roles could not be looked up, or one of them is not to be had: no message's fault.
fn not_now(Down { vendor, failure, .. }: Down) -> Outcome {
    match failure.class {
        FailureClass::Transient => Outcome::Retry(failure),
        _ => Outcome::Unavailable { vendor, failure },
    }
}

/// The failure, with the rule that led to it.
fn named(rule: &str, failure: Failure) -> Failure {
    let code = failure.code.map(|code| format!("{code} ")).unwrap_or_default();
    Failure { code: Some(format!("{code}rule={rule:?}")), ..failure }
}

#[cfg(test)]
mod tests;
