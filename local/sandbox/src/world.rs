//! Everything that the stand-ins know: one state, one lock, all of it driven by the clock and by seeds.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::{
    Call, Misuse, SandboxSettings, database::Table, entra::Tenant, faults::FaultBox, identity::Identities,
    mailchimp::Members, people::Population, role::Role, salesforce::Org, stripe::Accounts, webhook::Inbox,
};

/// The state behind all stand-ins.
pub(crate) struct World {
    pub(crate) settings: SandboxSettings,
    pub(crate) tenant: Tenant,
    /// What services prove themselves with instead of a secret of their own, once somebody has asked for it.
    pub(crate) identities: Option<Identities>,
    pub(crate) stripe: Accounts,
    pub(crate) mailchimp: Members,
    pub(crate) salesforce: Org,
    pub(crate) database: Table,
    pub(crate) webhook: Inbox,
    pub(crate) faults: FaultBox,
    /// Whoever was made a user, and why: what the ledger judges by.
    pub(crate) roles: BTreeMap<Uuid, Role>,
    pub(crate) population: Population,
    /// For people and their entries: untouched by calls, so that a seed makes the same people whatever happens.
    pub(crate) fate: fastrand::Rng,
    /// For what happens at calls.
    pub(crate) chance: fastrand::Rng,
    pub(crate) calls: BTreeMap<Call, u64>,
    /// How many calls have come in: each has a number.
    pub(crate) arrivals: u64,
    /// What Usher must never do, and how often it did.
    pub(crate) misuses: BTreeMap<Misuse, u64>,
}

impl World {
    pub(crate) fn new(settings: SandboxSettings) -> Self {
        let mut seeds = fastrand::Rng::with_seed(settings.seed);
        // In this order, so that a seed makes the people that it has always made; what is new comes last.
        let (people, fate, chance) = (seeds.fork(), seeds.fork(), seeds.fork());
        let (traits, pasts) = (seeds.fork(), seeds.fork());
        Self {
            tenant: Tenant::new(&settings),
            identities: None,
            stripe: Accounts::new(&settings.stripe),
            mailchimp: Members::default(),
            salesforce: Org::default(),
            database: Table::default(),
            webhook: Inbox::default(),
            faults: FaultBox::default(),
            roles: BTreeMap::new(),
            population: Population::new(people, traits, pasts),
            fate,
            chance,
            calls: BTreeMap::new(),
            arrivals: 0,
            misuses: BTreeMap::new(),
            settings,
        }
    }

    pub(crate) fn count(&mut self, call: Call) {
        *self.calls.entry(call).or_default() += 1;
    }
}

/// A random id in the form of a v4 UUID.
pub(crate) fn random_uuid(chance: &mut fastrand::Rng) -> Uuid {
    uuid::Builder::from_random_bytes(chance.u128(..).to_be_bytes()).into_uuid()
}
