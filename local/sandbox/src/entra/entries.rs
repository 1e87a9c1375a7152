//! Audit entries as real tenants write them, quirks included.
//!
//! Seven digits of a second, `Z` or `+00:00`; scalars quoted twice; nulls; empty reasons; companion entries of
//! the same correlation id under categories that don't fit. None of it may matter to a reader.

use std::time::Duration;

use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};
use uuid::Uuid;

use crate::{
    Kind, TENANT_DOMAIN,
    world::{World, random_uuid},
};

/// The activity that makes a user.
const ADD_USER: &str = "Add user";
/// The portal's user blade.
const PORTAL_APP_ID: &str = "74658136-14ec-4630-ad9b-26e160ff0fc6";
/// A synchronisation that makes users of its own.
const OTHER_APP_ID: &str = "5e9c0000-0000-4000-8000-000000000002";

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

/// The entries that one new user leaves behind, each with a latency of its own.
pub(crate) fn of(
    world: &mut World,
    kind: Kind,
    user: Uuid,
    at: OffsetDateTime,
    latency: Option<Duration>,
) -> Vec<AuditEntry> {
    let fate = &mut world.fate;
    let activity = Activity {
        user,
        correlation: random_uuid(fate),
        initiated_by: initiated_by(kind, world.settings.sign_up_app_id),
        failed: kind == Kind::Failed,
    };
    let mut entries = vec![(at, activity.add_user(fate, at))];
    if kind != Kind::Failed && fate.bool() {
        let later = at + Duration::from_millis(fate.u64(1..400));
        entries.push((later, activity.update_user(fate, later)));
    }
    if kind == Kind::Customer {
        let later = at + Duration::from_millis(fate.u64(1..900));
        entries.push((later, activity.add_app_role(fate, later)));
    }
    let model = world.settings.audit.latency;
    let entries = entries.into_iter().map(|(at, json)| (at, json, model.draw(&mut world.fate)));
    let given = |json: &Value, drawn| latency.filter(|_| json["activityDisplayName"] == ADD_USER).unwrap_or(drawn);
    entries.map(|(at, json, drawn)| AuditEntry { at, visible_at: at + given(&json, drawn), json }).collect()
}

struct Activity {
    user: Uuid,
    correlation: Uuid,
    initiated_by: Value,
    failed: bool,
}

impl Activity {
    fn add_user(&self, fate: &mut fastrand::Rng, at: OffsetDateTime) -> Value {
        let upn = format!("{}@{TENANT_DOMAIN}", self.user);
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

    fn entry(&self, fate: &mut fastrand::Rng, at: OffsetDateTime, activity: &str, operation: &str, targets: Value) -> Value {
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
    let app = |id: &str, name: &str| {
        json!({
            "appId": id, "displayName": name, "servicePrincipalId": Uuid::from_u128(0x5bca_fe00 + id.len() as u128),
            "servicePrincipalName": null,
        })
    };
    match kind {
        Kind::Customer | Kind::Failed => {
            json!({"user": null, "app": app(&sign_up_app.to_string(), "Microsoft CIAM sign-up")})
        }
        Kind::OtherApp => json!({"user": null, "app": app(OTHER_APP_ID, "HR synchronisation")}),
        Kind::AdminMade => json!({"app": app(PORTAL_APP_ID, "ADIbizaUX"), "user": {
            "id": "ad000000-0000-4000-8000-000000000001", "displayName": null,
            "userPrincipalName": format!("admin@{TENANT_DOMAIN}"), "ipAddress": "203.0.113.7", "userType": null,
            "homeTenantId": null, "homeTenantName": null,
        }}),
    }
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
