//! What can be granted: groups and applications' roles, looked at before anybody gets them.

use bytes::Bytes;
use http::Method;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    Graph, GraphError,
    graph::{self, request},
};

/// A group of the tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its object id.
    pub id: Uuid,
    /// What people call it.
    pub display_name: Option<String>,
    /// Whether directory roles can be assigned to it: whoever gets into it may become an administrator.
    pub role_assignable: bool,
    /// Whether a rule of the tenant's picks its members: nobody can be added.
    pub dynamic: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GroupBody {
    id: Uuid,
    #[serde(default)]
    display_name: Option<String>,
    /// Null on groups that were made before there was such a thing.
    #[serde(default)]
    is_assignable_to_role: Option<bool>,
    #[serde(default)]
    group_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServicePrincipalBody {
    #[serde(default)]
    app_roles: Vec<AppRoleBody>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AppRoleBody {
    id: Uuid,
    #[serde(default)]
    is_enabled: Option<bool>,
    #[serde(default)]
    allowed_member_types: Option<Vec<String>>,
}

impl Graph {
    /// Looks a group up. <https://learn.microsoft.com/graph/api/resources/group>
    ///
    /// # Errors
    /// [`GraphError::NotFound`] if there is none; others as they say.
    pub async fn group(&self, id: Uuid) -> Result<Group, GraphError> {
        const SELECT: &str = "id,displayName,isAssignableToRole,groupTypes";
        let url = self.url(&format!("/groups/{id}"), &[("$select", SELECT)]);
        let answer = self.call(&request(Method::GET, &url, Bytes::new())).await?;
        let group: GroupBody = graph::json(answer.body())?;
        if group.id != id {
            return Err(GraphError::Unreadable { at: "id".to_owned() });
        }
        Ok(Group {
            id,
            display_name: group.display_name,
            role_assignable: group.is_assignable_to_role.unwrap_or(false),
            dynamic: group.group_types.iter().any(|kind| kind == "DynamicMembership"),
        })
    }

    /// Whether the application of this service principal has this role, enabled and for users.
    /// <https://learn.microsoft.com/graph/api/resources/approle>
    ///
    /// # Errors
    /// [`GraphError::NotFound`] if there is no such service principal; others as they say.
    pub async fn app_role(&self, resource: Uuid, role: Uuid) -> Result<bool, GraphError> {
        let url = self.url(&format!("/servicePrincipals/{resource}"), &[("$select", "id,appRoles")]);
        let answer = self.call(&request(Method::GET, &url, Bytes::new())).await?;
        let ServicePrincipalBody { app_roles } = graph::json(answer.body())?;
        // An application that declares no roles has one all the same, whose id is nil.
        let is_default = role.is_nil() && app_roles.is_empty();
        Ok(is_default || app_roles.iter().any(|it| it.id == role && it.is_for_users()))
    }
}

impl AppRoleBody {
    fn is_for_users(&self) -> bool {
        let is_allowed = |kinds: &Vec<String>| kinds.iter().any(|kind| kind == "User");
        self.is_enabled != Some(false) && self.allowed_member_types.as_ref().is_none_or(is_allowed)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{TENANT, USER, answer, graph};

    async fn group(body: Value) -> Result<Group, GraphError> {
        graph(move |_| answer(200, &body)).0.group(USER).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_says_what_may_not_be_done_with_it() {
        let plain = group(json!({ "id": USER, "displayName": "Members", "isAssignableToRole": null }));
        let expected =
            Group { id: USER, display_name: Some("Members".into()), role_assignable: false, dynamic: false };
        assert_eq!(plain.await.unwrap(), expected);
        let powerful = group(json!({ "id": USER, "isAssignableToRole": true, "groupTypes": ["Unified"] }));
        assert!(powerful.await.unwrap().role_assignable);
        let dynamic = group(json!({ "id": USER, "groupTypes": ["Unified", "DynamicMembership"] }));
        assert!(dynamic.await.unwrap().dynamic);
        let other = group(json!({ "id": TENANT })).await.unwrap_err();
        assert_eq!(other, GraphError::Unreadable { at: "id".to_owned() });
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_is_asked_for_with_what_decides() {
        let (graph, asked) = graph(|_| answer(200, &json!({ "id": USER })));
        graph.group(USER).await.unwrap();
        let query = "%24select=id%2CdisplayName%2CisAssignableToRole%2CgroupTypes";
        assert_eq!(asked.urls(), [format!("https://graph.microsoft.com/v1.0/groups/{USER}?{query}")]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_counts_if_it_is_enabled_and_for_users() {
        let role = |enabled: bool, kinds: Value| json!([{ "id": USER, "isEnabled": enabled, "allowedMemberTypes": kinds }]);
        let rows = [
            (role(true, json!(["User"])), USER, true),
            (role(true, json!(["Application", "User"])), USER, true),
            (role(true, json!(["Application"])), USER, false),
            (role(false, json!(["User"])), USER, false),
            (role(true, json!(["User"])), TENANT, false),
            (json!([]), Uuid::nil(), true),
            (role(true, json!(["User"])), Uuid::nil(), false),
        ];
        for (roles, wanted, expected) in rows {
            let body = json!({ "id": TENANT, "appRoles": roles });
            let (graph, _) = graph(move |_| answer(200, &body));
            assert_eq!(graph.app_role(TENANT, wanted).await, Ok(expected), "{wanted} of {roles}");
        }
    }
}
