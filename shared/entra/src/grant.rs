//! Grants: a user's place in a group, and an application's role.
//!
//! Graph has no upsert for either: what is there already is refused, and told from other refusals by its message
//! alone. Several groups in one `PATCH` would be all or nothing; in a batch each is granted or not by itself.

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{
    BATCH_SIZE, Graph, GraphError, Missing,
    batch::{Answer, Step, unanswered},
    error::Problem,
    user,
};

/// Something that a user can be given once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grant {
    /// Membership of a group, by the group's id.
    Group(Uuid),
    /// A role of an application.
    AppRole {
        /// The application's service principal (enterprise application) in the tenant, by its object id.
        resource: Uuid,
        /// The role's id.
        role: Uuid,
    },
}

/// A grant, and whether it was given.
pub type Granted = (Grant, Result<(), GraphError>);

/// The user is a member already.
/// <https://learn.microsoft.com/graph/api/group-post-members>
const MEMBER_ALREADY: &str = "One or more added object references already exist";
/// The user has the role already. Not documented; both are seen.
const ASSIGNED_ALREADY: [&str; 2] =
    ["Permission being assigned already exists on the object", "EntitlementGrant entry already exists"];
/// The application has no such role (any more).
const NO_SUCH_ROLE: &str = "Permission being assigned was not found on application";

impl Graph {
    /// Gives a user each of `grants`; what the user has already is a success. Tells each apart, in the same order.
    /// [`GraphError::NotFound`] holds the id of what is missing: the user, the group or the resource.
    ///
    /// # Errors
    /// If a batch as a whole got no usable answer; an earlier batch of [`BATCH_SIZE`] may have taken effect. Repeating
    /// it all changes nothing more.
    pub async fn grant(&self, user: Uuid, grants: &[Grant]) -> Result<Vec<Granted>, GraphError> {
        let mut granted = Vec::with_capacity(grants.len());
        for grants in grants.chunks(BATCH_SIZE) {
            self.writes_admitted(grants.len()).await;
            granted.extend(self.grant_at_once(user, grants).await?);
        }
        Ok(granted)
    }

    /// Shows of each of `grants` whether we may give it, by giving it to a user that no tenant has: "not found" comes
    /// only after the permission was looked at, and is a success here.
    ///
    /// # Errors
    /// If a batch as a whole got no usable answer. Of a grant: [`GraphError::Unauthorized`] if a permission is missing,
    /// [`GraphError::Refused`] if nobody can be given it, others if Graph can't tell now.
    pub async fn probe_granting(&self, grants: &[Grant]) -> Result<Vec<Granted>, GraphError> {
        let mut probed = Vec::with_capacity(grants.len());
        for grants in grants.chunks(BATCH_SIZE) {
            // Not at the pace of writes: behind a burst of deliveries a probe would come too late to count, and a
            // destination that works would be taken to be down. Probes are rare: the quota has room for them.
            probed.extend(self.grant_at_once(Uuid::nil(), grants).await?);
        }
        let found = |given| if matches!(given, Err(GraphError::NotFound(_))) { Ok(()) } else { given };
        Ok(probed.into_iter().map(|(grant, given)| (grant, found(given))).collect())
    }

    /// Gives [`BATCH_SIZE`] of them at most, without waiting for a turn.
    async fn grant_at_once(&self, user: Uuid, grants: &[Grant]) -> Result<Vec<Granted>, GraphError> {
        let steps: Vec<Step> = grants.iter().map(|grant| self.step(user, *grant)).collect();
        let answers = self.batch(&steps).await?;
        let now = self.clock.now();
        let told = grants.iter().zip(answers).map(|(grant, answer)| (*grant, grant.outcome(answer, now)));
        Ok(told.collect())
    }

    fn step(&self, user: Uuid, grant: Grant) -> Step {
        match grant {
            Grant::Group(group) => {
                let body = json!({ "@odata.id": self.reference(user) });
                Step::post(format!("/groups/{group}/members/$ref"), body)
            }
            Grant::AppRole { resource, role } => {
                let body: Value = json!({ "principalId": user, "resourceId": resource, "appRoleId": role });
                Step::post(format!("{}/appRoleAssignments", user::path(user)), body)
            }
        }
    }
}

impl Grant {
    /// Where it is to be had: the group, or the application's service principal.
    pub fn target(&self) -> Uuid {
        match self {
            Self::Group(group) => *group,
            Self::AppRole { resource, .. } => *resource,
        }
    }

    fn outcome(&self, answer: Option<Answer>, now: OffsetDateTime) -> Result<(), GraphError> {
        let answer = answer.ok_or_else(unanswered)?;
        let problem = answer.problem();
        if matches!(answer.status().as_u16(), 400 | 409) && self.is_already_so(&problem) {
            return Ok(());
        }
        match answer.into_body(now) {
            Err(GraphError::Refused(failure)) if self.is_gone(&problem) => {
                Err(GraphError::NotFound(Missing { failure, id: Some(self.target()) }))
            }
            other => other.map(drop),
        }
    }

    fn is_already_so(&self, problem: &Problem) -> bool {
        match self {
            Self::Group(_) => problem.says(MEMBER_ALREADY),
            Self::AppRole { .. } => ASSIGNED_ALREADY.iter().any(|words| problem.says(words)),
        }
    }

    fn is_gone(&self, problem: &Problem) -> bool {
        matches!(self, Self::AppRole { .. }) && problem.says(NO_SUCH_ROLE)
    }
}

#[cfg(test)]
mod tests;
