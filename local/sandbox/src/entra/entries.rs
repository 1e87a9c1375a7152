//! Audit entries as real tenants write them, quirks included.
//!
//! Seven digits of a second, `Z` or `+00:00`; scalars quoted twice; nulls; empty reasons; companion entries of
//! the same correlation id under categories that don't fit. None of it may matter to a reader.

use std::time::Duration;

use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};
use uuid::{Uuid, uuid};

use super::principal_name;
use crate::{
    Kind, TENANT_DOMAIN,
    world::{World, random_uuid},
};

/// The activity that makes a user.
const ADD_USER: &str = "Add user";
/// The portal's user blade.
const PORTAL_APP_ID: Uuid = uuid!("74658136-14ec-4630-ad9b-26e160ff0fc6");
/// A synchronisation that makes users of its own.
const OTHER_APP_ID: Uuid = uuid!("5e9c0000-0000-4000-8000-000000000002");

/// An entry and when it can be read.
#[derive(Clone, Debug)]
pub(crate) struct AuditEntry {
    pub(crate) at: OffsetDateTime,
    pub(crate) visible_at: OffsetDateTime,
    pub(crate) json: Value,
}

impl AuditEntry {
    pub(crate) fn adds_user(&self) -> bool {
        self.json["activityDisplayName"] == ADD_USER
    }
}

/// The entries that one new user leaves behind, each with a latency of its own; `latency` is that of the first
/// if it was ordered.
pub(crate) fn of(
    world: &mut World,
    kind: Kind,
    user: Uuid,
    at: OffsetDateTime,
    latency: Option<Duration>,
) -> Vec<AuditEntry> {
    let model = world.settings.audit.latency;
    let fate = &mut world.fate;
    let activity = Activity {
        user,
        correlation: random_uuid(fate),
        initiated_by: initiated_by(kind, world.settings.sign_up_app_id),
        failed: kind == Kind::Failed,
    };
    let drawn = model.draw(fate);
    let visible_at = at + latency.unwrap_or(drawn);
    let mut entries = vec![AuditEntry { at, visible_at, json: activity.add_user(fate, at) }];
    for (at, json) in activity.companions(fate, kind, at) {
        entries.push(AuditEntry { at, visible_at: at + model.draw(fate), json });
    }
    entries
}

struct Activity {
    user: Uuid,
    correlation: Uuid,
    initiated_by: Value,
    failed: bool,
}

impl Activity {
    fn add_user(&self, fate: &mut fastrand::Rng, at: OffsetDateTime) -> Value {
        let upn = principal_name::generated(self.user);
        let changes = json!([
            {"displayName": "AccountEnabled", "oldValue": "[]", "newValue": "[true]"},
            {"displayName": "StsRefreshTokensValidFrom", "oldValue": "[]", "newValue": format!("[\"{}\"]", seconds(at))},
            {"displayName": "UserPrincipalName", "oldValue": "[]", "newValue": format!("[\"{upn}\"]")},
            {"displayName": "UserType", "oldValue": "[]", "newValue": "[\"Member\"]"},
            {"displayName": "Included Updated Properties", "oldValue": null, "newValue": "\"AccountEnabled, StsRefreshTokensValidFrom, UserPrincipalName, UserType\""},
        ]);
        let targets = json!([self.target_user(Value::String(upn), &changes)]);
        self.entry(fate, at, ADD_USER, "Add", targets)
    }

    /// What the directory does to a new user in the same breath.
    fn companions(
        &self,
        fate: &mut fastrand::Rng,
        kind: Kind,
        at: OffsetDateTime,
    ) -> Vec<(OffsetDateTime, Value)> {
        let mut companions = Vec::new();
        if kind != Kind::Failed && fate.bool() {
            let later = at + Duration::from_millis(fate.u64(1..400));
            companions.push((later, self.update_user(fate, later)));
        }
        if kind == Kind::Customer {
            let later = at + Duration::from_millis(fate.u64(1..900));
            companions.push((later, self.add_app_role(fate, later)));
        }
        companions
    }

    fn update_user(&self, fate: &mut fastrand::Rng, at: OffsetDateTime) -> Value {
        let changes = json!([
            {"displayName": "Included Updated Properties", "oldValue": "", "newValue": "\"\""},
            {"displayName": "TargetId.UserType", "oldValue": "", "newValue": "\"Member\""},
        ]);
        let targets = json!([self.target_user(Value::Null, &changes)]);
        self.entry(fate, at, "Update user", "Update", targets)
    }

    fn add_app_role(&self, fate: &mut fastrand::Rng, at: OffsetDateTime) -> Value {
        let service = json!({
            "id": random_uuid(fate), "displayName": "Seats", "type": "ServicePrincipal", "userPrincipalName": null,
            "groupType": null,
            "modifiedProperties": [{"displayName": "AppRole.Value", "oldValue": null, "newValue": "\"\""}],
        });
        let targets = json!([service, self.target_user(Value::Null, &json!([]))]);
        self.entry(fate, at, "Add app role assignment grant to user", "Assign", targets)
    }

    fn target_user(&self, upn: Value, changes: &Value) -> Value {
        json!({
            "id": self.user, "displayName": null, "type": "User", "userPrincipalName": upn, "groupType": null,
            "modifiedProperties": changes,
        })
    }

    fn entry(
        &self,
        fate: &mut fastrand::Rng,
        at: OffsetDateTime,
        activity: &str,
        operation: &str,
        targets: Value,
    ) -> Value {
        let (result, reason) = match self.failed {
            true => ("failure", "Microsoft.Online.Workflows.ObjectAlreadyExistsException"),
            false => ("success", ""),
        };
        json!({
            "id": entry_id(fate, self.correlation),
            "category": "UserManagement",
            "correlationId": self.correlation,
            "result": result,
            "resultReason": reason,
            "activityDisplayName": activity,
            "activityDateTime": activity_time(fate, at),
            "loggedByService": "Core Directory",
            "operationType": operation,
            "userAgent": null,
            "initiatedBy": self.initiated_by,
            "targetResources": targets,
            "additionalDetails": [],
        })
    }
}

fn initiated_by(kind: Kind, sign_up_app: Uuid) -> Value {
    match kind {
        Kind::Customer | Kind::Failed => {
            json!({"user": null, "app": app(sign_up_app, "Microsoft CIAM sign-up")})
        }
        Kind::OtherApp => json!({"user": null, "app": app(OTHER_APP_ID, "HR synchronisation")}),
        Kind::AdminMade => json!({"app": app(PORTAL_APP_ID, "ADIbizaUX"), "user": {
            "id": "ad000000-0000-4000-8000-000000000001", "displayName": null,
            "userPrincipalName": format!("admin@{TENANT_DOMAIN}"), "ipAddress": "203.0.113.7", "userType": null,
            "homeTenantId": null, "homeTenantName": null,
        }}),
    }
}

/// An app as an actor. Its service principal's id is another one, yet always the same.
fn app(id: Uuid, name: &str) -> Value {
    let service_principal = Uuid::from_u128(!id.as_u128());
    json!({
        "appId": id, "displayName": name, "servicePrincipalId": service_principal, "servicePrincipalName": null,
    })
}

fn entry_id(fate: &mut fastrand::Rng, correlation: Uuid) -> String {
    let letters: String = std::iter::repeat_with(|| fate.uppercase()).take(5).collect();
    let digits = fate.u32(1_000_000..100_000_000);
    match fate.u8(0..8) {
        0 => format!("Directory_{letters}_{digits}"),
        _ => format!("Directory_{correlation}_{letters}_{digits}"),
    }
}

fn activity_time(fate: &mut fastrand::Rng, at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]");
    let zone = if fate.u8(0..4) == 0 { "+00:00" } else { "Z" };
    format!("{}{zone}", at.format(format).unwrap_or_default())
}

fn seconds(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]Z");
    at.format(format).unwrap_or_default()
}
