//! All users, those not yet replicated and those deleted included.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use time::OffsetDateTime;
use uuid::Uuid;

use super::{User, graph::Refused, schema::PRINCIPAL_NAME};

/// All users.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) users: BTreeMap<Uuid, User>,
    /// Whose each user principal name is, in lower case.
    principal_names: BTreeMap<String, Uuid>,
}

impl Directory {
    pub(crate) fn add(&mut self, user: User) {
        if let Some(name) = user.text(PRINCIPAL_NAME) {
            self.principal_names.insert(name.to_lowercase(), user.id);
        }
        self.users.insert(user.id, user);
    }

    pub(crate) fn delete(&mut self, id: Uuid, now: OffsetDateTime) -> bool {
        let Some(user) = self.users.get_mut(&id) else { return false };
        user.deleted_at = Some(user.deleted_at.map_or(now, |at| at.min(now)));
        true
    }

    /// The user as Graph sees it at this moment.
    pub(super) fn find(&mut self, id: &str, now: OffsetDateTime) -> Result<&mut User, Refused> {
        let user = id.parse().ok().and_then(|id: Uuid| self.users.get_mut(&id));
        user.filter(|user| is_there(user, now)).ok_or_else(|| not_found(id))
    }

    /// Users as Graph sees them at this moment, those after `after` in the order of ids.
    pub(super) fn after(&self, after: Option<Uuid>, now: OffsetDateTime) -> impl Iterator<Item = &User> {
        let from = after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
        let users = self.users.range((from, std::ops::Bound::Unbounded)).map(|(_, user)| user);
        users.filter(move |user| is_there(user, now))
    }

    /// Whether somebody else has this user principal name. A deleted user's is free again.
    pub(super) fn is_taken(&self, name: &str, by_other_than: Uuid, now: OffsetDateTime) -> bool {
        let owner = self.principal_names.get(&name.to_lowercase());
        let other = owner.filter(|owner| **owner != by_other_than).and_then(|owner| self.users.get(owner));
        other.is_some_and(|user| !user.is_deleted(now))
    }

    /// Gives a user another user principal name, which nobody else has.
    pub(super) fn rename(&mut self, id: Uuid, name: &str) {
        let Some(user) = self.users.get_mut(&id) else { return };
        let before = user.text(PRINCIPAL_NAME).map(str::to_lowercase).unwrap_or_default();
        user.set_principal_name(name);
        if self.principal_names.get(&before) == Some(&id) {
            self.principal_names.remove(&before);
        }
        self.principal_names.insert(name.to_lowercase(), id);
    }
}

fn is_there(user: &User, now: OffsetDateTime) -> bool {
    user.readable_at <= now && !user.is_deleted(now)
}

/// What Graph says of any object that isn't there; it names the one that is missing.
pub(super) fn not_found(id: &str) -> Refused {
    let message = format!(
        "Resource '{id}' does not exist or one of its queried reference-property objects are not present."
    );
    Refused::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
}
