//! What the webhook's receiver has seen.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Verdict;
use crate::{Kind, NewSignUp, role::Role, world::World};

/// What should come of a sign-up at the webhook's receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WebhookExpected {
    /// It knows of them by one id, however often that came.
    One,
    /// The user was deleted soon after: one id or none.
    AtMostOne,
    /// Nothing: it isn't a sign-up.
    None,
}

/// What came of a sign-up at the webhook's receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookEffect {
    /// What should come of it.
    pub expected: WebhookExpected,
    /// By how many ids it knows of them.
    pub ids: usize,
    /// How often it was told, repeats included.
    pub deliveries: u32,
    /// How all this compares.
    pub verdict: Verdict,
}

impl WebhookExpected {
    pub(crate) fn of(who: &NewSignUp) -> Self {
        match who.kind {
            Kind::AdminMade | Kind::OtherApp | Kind::Failed => Self::None,
            Kind::Customer if who.deleted_after.is_some() => Self::AtMostOne,
            Kind::Customer => Self::One,
        }
    }
}

impl WebhookEffect {
    pub(super) fn new(world: &World, user: Uuid, role: &Role, deleted: bool) -> Self {
        let (ids, deliveries) = world.webhook.of(&user.to_string());
        let verdict = verdict(role.webhook, ids).once_deleted(deleted);
        Self { expected: role.webhook, ids, deliveries, verdict }
    }
}

fn verdict(expected: WebhookExpected, ids: usize) -> Verdict {
    use WebhookExpected::{AtMostOne, None as Nothing, One};
    match (expected, ids) {
        (Nothing | AtMostOne, 0) | (One | AtMostOne, 1) => Verdict::Exact,
        (One, 0) => Verdict::Pending,
        (Nothing, _) => Verdict::Unwanted,
        (One | AtMostOne, _) => Verdict::Doubled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_the_verdict_that_it_deserves() {
        use WebhookExpected::{AtMostOne, None as Nothing, One};
        for (expected, ids, deserved) in [
            (One, 0, Verdict::Pending),
            (One, 1, Verdict::Exact),
            (One, 2, Verdict::Doubled),
            (AtMostOne, 0, Verdict::Exact),
            (AtMostOne, 1, Verdict::Exact),
            (AtMostOne, 2, Verdict::Doubled),
            (Nothing, 0, Verdict::Exact),
            (Nothing, 1, Verdict::Unwanted),
        ] {
            assert_eq!(verdict(expected, ids), deserved, "{expected:?} {ids}");
        }
    }
}
