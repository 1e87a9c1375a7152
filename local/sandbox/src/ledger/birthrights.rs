//! Groups and app roles.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Verdict;
use crate::{Expected, role::Role, world::World};

/// Groups and app roles.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grants {
    /// Groups, by id.
    pub groups: BTreeSet<Uuid>,
    /// App roles.
    pub app_roles: BTreeSet<AppRole>,
}

/// A role of an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AppRole {
    /// The service principal that has it.
    pub resource: Uuid,
    /// Its id.
    pub role: Uuid,
}

/// What somebody may use, and what they should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BirthrightsEffect {
    /// By the rules in [`crate::RULES`]; of a user who was deleted soon after at most these.
    pub expected: Grants,
    /// What they have.
    pub actual: Grants,
    /// How the two compare.
    pub verdict: Verdict,
}

impl BirthrightsEffect {
    pub(super) fn new(world: &World, user: Uuid, role: &Role, deleted: bool) -> Self {
        let (expected, actual) = (role.birthrights.clone(), actual(world, user));
        let verdict = verdict(&expected, &actual);
        let deleted = deleted || role.expected == Expected::AtMostOne;
        Self { expected, actual, verdict: verdict.once_deleted(deleted) }
    }
}

fn actual(world: &World, user: Uuid) -> Grants {
    let groups = world.tenant.groups.iter().filter(|(_, group)| group.members.contains(&user));
    let app_roles =
        world.tenant.service_principals.iter().flat_map(|(&resource, service)| {
            service.roles_of(user).map(move |role| AppRole { resource, role })
        });
    Grants { groups: groups.map(|(id, _)| *id).collect(), app_roles: app_roles.collect() }
}

fn verdict(expected: &Grants, actual: &Grants) -> Verdict {
    let may_all =
        actual.groups.is_subset(&expected.groups) && actual.app_roles.is_subset(&expected.app_roles);
    match (may_all, actual == expected) {
        (false, _) => Verdict::Unwanted,
        (true, false) => Verdict::Pending,
        (true, true) => Verdict::Exact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_is_pending_and_too_much_is_unwanted() {
        let of = |groups: &[u128]| Grants {
            groups: groups.iter().copied().map(Uuid::from_u128).collect(),
            app_roles: BTreeSet::new(),
        };
        let role = AppRole { resource: Uuid::nil(), role: Uuid::nil() };
        let administrator = Grants { app_roles: BTreeSet::from([role]), ..of(&[1, 2]) };
        for (actual, deserved) in [
            (of(&[]), Verdict::Pending),
            (of(&[1]), Verdict::Pending),
            (of(&[1, 2]), Verdict::Exact),
            (of(&[1, 2, 3]), Verdict::Unwanted),
            (of(&[3]), Verdict::Unwanted),
            (administrator, Verdict::Unwanted),
        ] {
            assert_eq!(verdict(&of(&[1, 2]), &actual), deserved, "{actual:?}");
        }
    }
}
