//! The accounts: two, and each has a world for tests and a live one, as its keys say.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use uuid::Uuid;

use super::{
    StripeSettings,
    account::{Account, Customer},
    past::Before,
};
use crate::Person;

/// All accounts.
pub(crate) struct Accounts {
    all: BTreeMap<Realm, Account>,
    per_second: u32,
    /// Who was known before they signed up.
    before: BTreeMap<Uuid, Before>,
    requests: u64,
}

/// Which account, and which of its worlds. What is in one is in no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Realm {
    pub(crate) second: bool,
    pub(super) live: bool,
}

impl Realm {
    /// Where a key leads.
    pub(super) fn of_key(settings: &StripeSettings, key: &str) -> Option<Self> {
        let has = |keys: &[SecretString]| keys.iter().any(|known| known.expose_secret() == key);
        let second = match (has(&settings.keys), has(&settings.keys_eu)) {
            (true, _) => false,
            (false, true) => true,
            (false, false) => return None,
        };
        Some(Self { second, live: is_live(key) })
    }

    /// Where somebody's customer belongs.
    pub(crate) fn of_person(settings: &StripeSettings, person: &Person) -> Self {
        let second = settings.two_accounts && person.company_type.as_deref() == Some("business");
        let keys = if second { &settings.keys_eu } else { &settings.keys };
        Self { second, live: keys.first().is_some_and(|key| is_live(key.expose_secret())) }
    }
}

fn is_live(key: &str) -> bool {
    ["sk_live_", "rk_live_"].iter().any(|live| key.starts_with(live))
}

impl Accounts {
    pub(crate) fn new(settings: &StripeSettings) -> Self {
        Self { all: BTreeMap::new(), per_second: settings.per_second, before: BTreeMap::new(), requests: 0 }
    }

    pub(super) fn account(&mut self, realm: Realm) -> &mut Account {
        self.all.entry(realm).or_insert_with(|| Account::new(realm.live, self.per_second))
    }

    pub(super) fn next_request_id(&mut self) -> String {
        self.requests += 1;
        format!("req_{:014}", self.requests)
    }

    pub(super) fn remember(&mut self, user: Uuid, before: Before) {
        self.before.insert(user, before);
    }

    /// Deletes a customer, in whichever account.
    pub(crate) fn delete(&mut self, id: &str) -> bool {
        self.all.values_mut().any(|account| account.delete(id))
    }

    /// The customers that exist and what their metadata say, for the ledger. Those who were there before and are as they
    /// were are nobody's business.
    pub(crate) fn living(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, String>)> {
        self.all.values().flat_map(Account::living)
    }

    /// What was there of somebody before they signed up.
    pub(crate) fn before(&self, user: Uuid) -> Option<&Before> {
        self.before.get(&user)
    }

    /// Where a customer is.
    pub(crate) fn realm_of(&self, id: &str) -> Option<Realm> {
        self.all.iter().find(|(_, account)| account.customers.contains_key(id)).map(|(realm, _)| *realm)
    }

    /// Whether a customer who was there before has lost what it had: what a link may change is who it names.
    pub(crate) fn is_spoilt(&self, id: &str) -> bool {
        self.all.values().filter_map(|account| account.customers.get(id)).any(Customer::is_spoilt)
    }
}
