//! Which of several grants a user lacks: asked, and nothing changed.

use std::collections::BTreeSet;

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use crate::{
    Grant, Graph, GraphError,
    graph::{self, request},
    user,
};

/// The most groups that one question may name.
/// <https://learn.microsoft.com/graph/api/directoryobject-checkmembergroups>
const GROUPS_AT_ONCE: usize = 20;

#[derive(Deserialize)]
struct List<T> {
    value: Vec<T>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assignment {
    resource_id: Uuid,
    app_role_id: Uuid,
}

impl Graph {
    /// Those of `grants` that a user lacks, in their order. A group counts as well if the user is in one within it.
    ///
    /// # Errors
    /// [`GraphError::NotFound`] if there is no such user, or not yet; others as they say.
    pub async fn lacking(&self, user: Uuid, grants: &[Grant]) -> Result<Vec<Grant>, GraphError> {
        let mut held = self.groups_of(user, grants).await?;
        held.extend(self.roles_of(user, grants).await?);
        Ok(grants.iter().copied().filter(|grant| !held.contains(grant)).collect())
    }

    async fn groups_of(&self, user: Uuid, grants: &[Grant]) -> Result<BTreeSet<Grant>, GraphError> {
        let mut held = BTreeSet::new();
        let groups: Vec<Uuid> = grants.iter().filter_map(group).collect();
        for groups in groups.chunks(GROUPS_AT_ONCE) {
            let url = self.url(&format!("{}/checkMemberGroups", user::path(user)), &[]);
            let question = json!({ "groupIds": groups }).to_string();
            let answer = self.call(&request(Method::POST, &url, question)).await?;
            let List::<Uuid> { value } = graph::json(answer.body())?;
            held.extend(value.into_iter().map(Grant::Group));
        }
        Ok(held)
    }

    /// Of one resource at a time: a user has few roles of each, which fit on a page.
    async fn roles_of(&self, user: Uuid, grants: &[Grant]) -> Result<BTreeSet<Grant>, GraphError> {
        let mut held = BTreeSet::new();
        let resources: BTreeSet<Uuid> = grants.iter().filter_map(resource).collect();
        for resource in resources {
            let filter = format!("resourceId eq {resource}");
            let url = self.url(&format!("{}/appRoleAssignments", user::path(user)), &[("$filter", &filter)]);
            let answer = self.call(&request(Method::GET, &url, Bytes::new())).await?;
            let List::<Assignment> { value } = graph::json(answer.body())?;
            held.extend(value.into_iter().map(Assignment::grant));
        }
        Ok(held)
    }
}

impl Assignment {
    fn grant(self) -> Grant {
        Grant::AppRole { resource: self.resource_id, role: self.app_role_id }
    }
}

fn group(grant: &Grant) -> Option<Uuid> {
    match grant {
        Grant::Group(id) => Some(*id),
        Grant::AppRole { .. } => None,
    }
}

fn resource(grant: &Grant) -> Option<Uuid> {
    match grant {
        Grant::AppRole { resource, .. } => Some(*resource),
        Grant::Group(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{USER, answer, graph};

    const MEMBERS: Uuid = Uuid::from_u128(1);
    const BUSINESS: Uuid = Uuid::from_u128(2);
    const RESOURCE: Uuid = Uuid::from_u128(3);
    const ROLE: Uuid = Uuid::from_u128(4);
    const ANOTHER: Uuid = Uuid::from_u128(5);

    fn role(role: Uuid) -> Grant {
        Grant::AppRole { resource: RESOURCE, role }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_user_has_is_not_lacking_and_nothing_else_is() {
        let (graph, asked) = graph(|n| match n {
            1 => answer(200, &json!({ "value": [MEMBERS] })),
            _ => answer(200, &json!({ "value": [{ "resourceId": RESOURCE, "appRoleId": ROLE, "id": "x" }] })),
        });
        let grants = [Grant::Group(MEMBERS), Grant::Group(BUSINESS), role(ROLE), role(ANOTHER)];
        let lacking = graph.lacking(USER, &grants).await.unwrap();
        assert_eq!(lacking, [Grant::Group(BUSINESS), role(ANOTHER)]);
        let users = format!("https://graph.microsoft.com/v1.0/users/{USER}");
        let filter = format!("%24filter=resourceId%20eq%20{RESOURCE}");
        let expected = [format!("{users}/checkMemberGroups"), format!("{users}/appRoleAssignments?{filter}")];
        assert_eq!(asked.urls(), expected);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_groups_are_asked_for_at_once_than_graph_takes() {
        let (graph, asked) = graph(|_| answer(200, &json!({ "value": [] })));
        let grants: Vec<_> = (1..=41).map(|n| Grant::Group(Uuid::from_u128(n))).collect();
        assert_eq!(graph.lacking(USER, &grants).await.unwrap(), grants);
        assert_eq!(asked.urls().len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_user_who_is_gone_is_not_found() {
        let (graph, _) = graph(|_| answer(404, &json!({ "error": { "code": "Request_ResourceNotFound" } })));
        let gone = graph.lacking(USER, &[Grant::Group(MEMBERS)]).await.unwrap_err();
        assert!(matches!(gone, GraphError::NotFound(_)), "{gone:?}");
    }
}
