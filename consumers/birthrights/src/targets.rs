//! The groups and app roles that the rules name, looked up before anybody gets them.
//!
//! A role-assignable group can make its members administrators: a sign-up form must never lead there. A dynamic group
//! takes nobody in. Both are mistakes in the rules, and so is what does not exist.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::{sync::Mutex, time::Instant};
use usher_entra::{Grant, Graph, GraphError};
use usher_http::{Failure, FailureClass};
use usher_subscriber::Down;

use crate::{Rules, VENDOR, settings::RULES};

/// How long a probe takes the word of an earlier one for groups and roles: probes stay cheap.
const HOLDS: Duration = Duration::from_secs(10 * 60);
/// How many are looked up at once: some hundreds of groups still fit into a probe's time.
const AT_ONCE: usize = 8;

/// What is known of them.
#[derive(Default)]
pub(crate) struct Targets {
    /// How often an answer has cast doubt on what had been looked up before.
    doubts: AtomicU64,
    passed: Mutex<Option<Passed>>,
}

/// All was well.
struct Passed {
    at: Instant,
    /// The doubts that had been cast before we looked.
    doubts: u64,
}

impl Targets {
    /// Looks all of them up, unless that was done a while ago.
    ///
    /// # Errors
    /// What is wrong, and with which setting.
    pub(crate) async fn check(&self, graph: &Graph, rules: &Rules) -> Result<(), Down> {
        self.passed_within(HOLDS, graph, rules).await
    }

    /// As [`Targets::check`], but once is enough: nothing is granted before, and what changes later is refused by
    /// Graph and looked at then.
    pub(crate) async fn known(&self, graph: &Graph, rules: &Rules) -> Result<(), Down> {
        self.passed_within(Duration::MAX, graph, rules).await
    }

    /// An answer speaks against what was looked up: it is to be looked up again.
    pub(crate) fn doubt(&self) {
        self.doubts.fetch_add(1, Ordering::Relaxed);
    }

    async fn passed_within(&self, age: Duration, graph: &Graph, rules: &Rules) -> Result<(), Down> {
        // Held while we look: whoever needs it too waits for one answer instead of asking again.
        let mut passed = self.passed.lock().await;
        let doubts = self.doubts.load(Ordering::Relaxed);
        if passed.as_ref().is_some_and(|passed| passed.doubts == doubts && passed.at.elapsed() < age) {
            return Ok(());
        }
        let at = Instant::now();
        look(graph, rules).await?;
        look_at_granting(graph, rules).await?;
        *passed = Some(Passed { at, doubts });
        Ok(())
    }
}

/// Looks all of them up. Only reads.
pub(crate) async fn look(graph: &Graph, rules: &Rules) -> Result<(), Down> {
    let looks: Vec<_> = rules.grants().into_iter().map(|(grant, rule)| look_up(graph, grant, rule)).collect();
    stream::iter(looks).buffered(AT_ONCE).try_collect().await
}

async fn look_up(graph: &Graph, grant: Grant, rule: &str) -> Result<(), Down> {
    match objection(graph, grant).await.map_err(down)? {
        None => Ok(()),
        Some(objection) => Err(rules_at_fault(format!("rule {rule:?}: {objection}"))),
    }
}

/// Why it can't be a birthright.
async fn objection(graph: &Graph, grant: Grant) -> Result<Option<String>, GraphError> {
    match grant {
        Grant::Group(id) => match graph.group(id).await {
            Ok(group) if group.role_assignable => {
                Ok(Some(format!("group {id} is role-assignable: its members can become administrators")))
            }
            Ok(group) if group.dynamic => {
                Ok(Some(format!("group {id} is dynamic: a rule of the tenant picks its members")))
            }
            Ok(_) => Ok(None),
            Err(GraphError::NotFound(_)) => Ok(Some(format!("there is no group {id}"))),
            Err(error) => Err(error),
        },
        Grant::AppRole { resource, role } => match graph.app_role(resource, role).await {
            Ok(true) => Ok(None),
            Ok(false) => Ok(Some(format!("resource {resource} has no app role {role} for users"))),
            Err(GraphError::NotFound(_)) => Ok(Some(format!(
                "there is no resource {resource} (the object id of an enterprise application)"
            ))),
            Err(error) => Err(error),
        },
    }
}

/// Whether each of them can be given, by us: a group that another directory is the master of is there and takes nobody
/// in.
async fn look_at_granting(graph: &Graph, rules: &Rules) -> Result<(), Down> {
    let (grants, names): (Vec<_>, Vec<_>) = rules.grants().into_iter().unzip();
    let probed = graph.probe_granting(&grants).await.map_err(down)?;
    names.into_iter().zip(probed).try_for_each(|(rule, (grant, given))| match given {
        Err(GraphError::Refused(failure)) => {
            let target = grant.target();
            Err(rules_at_fault(format!("rule {rule:?}: Graph refuses to grant {target}: {failure}")))
        }
        given => given.map_err(down),
    })
}

/// Graph could not be asked. A question that it refuses is one that the rules made us ask.
pub(crate) fn down(error: GraphError) -> Down {
    let setting = error.credential_setting();
    match Failure::from(error) {
        failure if failure.class == FailureClass::Refused => {
            rules_at_fault(format!("users or groups don't have what the rules look at: {failure}"))
        }
        failure => Down { vendor: VENDOR, setting, failure },
    }
}

fn rules_at_fault(problem: String) -> Down {
    let failure =
        Failure { class: FailureClass::Refused, status: None, code: Some(problem), retry_after: None };
    Down { vendor: VENDOR, setting: RULES, failure }
}

#[cfg(test)]
mod tests;
