//! People whom Stripe knows before they sign up: by their address, from a shop or from somebody's own hand.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use super::{
    account::{Version, new_id},
    accounts::Realm,
};
use crate::{
    Identity, Kind, Person, address,
    world::{World, random_uuid},
};

/// How long before the sign-up they became customers.
const EARLIER: Duration = Duration::from_secs(90 * 24 * 3600);

/// What Stripe knows of somebody before they sign up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StripePast {
    /// One customer with their address, who names no user.
    One,
    /// Two of them.
    Several,
    /// One customer with their address, who names a user of another tenant.
    Anothers,
}

impl StripePast {
    /// Each of them.
    pub const ALL: [Self; 3] = [Self::One, Self::Several, Self::Anothers];
}

/// What was there before.
pub(crate) struct Before {
    pub(crate) past: StripePast,
    /// The customers' ids.
    pub(crate) customers: Vec<String>,
}

/// Gives somebody who signs up a past, if they are to have one. Its chances follow from their id alone: a seed makes the
/// people that it always made, and so does each call that comes after.
pub(crate) fn remember(world: &mut World, user: Uuid, kind: Kind, person: &Person, at: OffsetDateTime) {
    let settings = &world.settings.stripe;
    let (_, of_user) = user.as_u64_pair();
    let mut chance = fastrand::Rng::with_seed(of_user ^ world.settings.seed);
    let is_known = kind == Kind::Customer && chance.f64() < settings.existing;
    let Some(past) = chance.choice(settings.pasts.iter().copied()).filter(|_| is_known) else { return };
    if !address::is_valid(&person.email) {
        return;
    }
    let realm = Realm::of_person(settings, person);
    let count = if past == StripePast::Several { 2 } else { 1 };
    let customers: Vec<String> = (0..count).map(|_| new_id(&mut chance)).collect();
    for id in &customers {
        let version = version(person, past, &mut chance);
        world.stripe.account(realm).bring(id, version, at - EARLIER);
    }
    world.stripe.remember(user, Before { past, customers });
}

fn version(person: &Person, past: StripePast, chance: &mut fastrand::Rng) -> Version {
    let mut metadata = BTreeMap::from([("shop".to_owned(), "box office".to_owned())]);
    if past == StripePast::Anothers {
        metadata.insert("usher_tenant_id".to_owned(), random_uuid(chance).to_string());
        metadata.insert("usher_user_id".to_owned(), random_uuid(chance).to_string());
    }
    Version { texts: BTreeMap::from([("email", person.email.clone())]), metadata }
}

impl Before {
    /// The customer that a sign-up with this past takes over where that is what billing does.
    pub(crate) fn to_link(&self, person: &Person) -> Option<&str> {
        match (self.past, self.customers.as_slice()) {
            (StripePast::One, [customer]) if is_verified(person) => Some(customer),
            _ => None,
        }
    }

    /// Whether nobody can say which of them it is to take over.
    pub(crate) fn is_ambiguous(&self, person: &Person) -> bool {
        self.past == StripePast::Several && is_verified(person)
    }
}

/// The tenant sends a code to whoever signs in with an address, and to nobody else.
fn is_verified(person: &Person) -> bool {
    person.identity == Identity::EmailAddress
}
