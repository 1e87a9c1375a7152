//! The event's id.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::{Uuid, uuid};

/// The namespace of all event ids. It never changes: consumers and vendors remember ids for ever.
const NAMESPACE: Uuid = uuid!("5d1f0f3c-6b0e-5c2b-9a54-7c3f6f0f4a11");

/// A sign-up's id: UUIDv5 over `{tenant id}/{user object id}`, both in lower case with hyphens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(Uuid);

impl EventId {
    /// The id of this user's sign-up in this tenant.
    pub fn of(tenant_id: Uuid, user_id: Uuid) -> Self {
        Self(Uuid::new_v5(&NAMESPACE, format!("{tenant_id}/{user_id}").as_bytes()))
    }
}

impl From<EventId> for Uuid {
    fn from(EventId(id): EventId) -> Self {
        id
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: Uuid = uuid!("0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d");
    const USER: Uuid = uuid!("a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d");

    #[test]
    fn a_sign_up_has_one_id_for_ever() {
        assert_eq!(EventId::of(TENANT, USER).to_string(), "30d0953d-0753-5930-a905-def22332f7e0");
    }

    #[test]
    fn the_same_user_id_in_another_tenant_is_another_sign_up() {
        assert_ne!(EventId::of(TENANT, USER), EventId::of(USER, USER));
    }
}
