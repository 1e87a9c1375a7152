//! One account's customers, as they are and as search sees them.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::{errors::Refused, fields::Fields, idempotency::Keys};
use crate::throttle::Window;

/// The characters of Stripe's ids.
const ID_ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The account's state.
pub(crate) struct Account {
    pub(super) customers: BTreeMap<String, Customer>,
    /// Ids in the order of creation: lists show the newest first.
    pub(super) created: Vec<String>,
    pub(super) keys: Keys,
    /// Whether money moves.
    live: bool,
    reads: Window,
    writes: Window,
}

/// A customer.
#[derive(Clone, Debug)]
pub(crate) struct Customer {
    pub(super) id: String,
    pub(super) created: OffsetDateTime,
    pub(super) deleted: bool,
    live: bool,
    pub(super) now: Version,
    /// As it was before anybody signed up; `None` if it was made since.
    was: Option<Version>,
    /// Earlier versions and this one, each with when search sees it.
    pub(super) indexed: Vec<(OffsetDateTime, Version)>,
}

/// What a customer looks like at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Version {
    pub(super) texts: BTreeMap<&'static str, String>,
    pub(super) metadata: BTreeMap<String, String>,
}

impl Version {
    fn apply(&mut self, fields: Fields) {
        for (name, value) in fields.texts {
            match value {
                Some(value) => self.texts.insert(name, value),
                None => self.texts.remove(name),
            };
        }
        for (key, value) in fields.metadata {
            if value.is_empty() {
                self.metadata.remove(&key);
            } else {
                self.metadata.insert(key, value);
            }
        }
    }
}

impl Customer {
    pub(crate) fn json(&self) -> Value {
        if self.deleted {
            return json!({"id": self.id, "object": "customer", "deleted": true});
        }
        let text = |name| self.now.texts.get(name);
        json!({
            "id": self.id,
            "object": "customer",
            "address": null,
            "balance": 0,
            "created": self.created.unix_timestamp(),
            "currency": null,
            "default_source": null,
            "delinquent": false,
            "description": text("description"),
            "discount": null,
            "email": text("email"),
            "invoice_prefix": self.id[4..12].to_uppercase(),
            "livemode": self.live,
            "metadata": self.now.metadata,
            "name": text("name"),
            "phone": text("phone"),
            "preferred_locales": [],
            "shipping": null,
            "tax_exempt": "none",
            "test_clock": null,
        })
    }

    /// Whether it was there before and is as it was.
    fn is_untouched(&self) -> bool {
        self.was.as_ref() == Some(&self.now)
    }

    /// Whether it was there before and lacks something that it had, or has it differently.
    pub(super) fn is_spoilt(&self) -> bool {
        let Some(was) = &self.was else { return false };
        let has_kept = was.metadata.iter().all(|(key, value)| self.now.metadata.get(key) == Some(value));
        self.deleted || was.texts != self.now.texts || !has_kept
    }

    /// As search sees it: behind by its lag.
    pub(super) fn as_indexed(&self, now: OffsetDateTime) -> Option<&Version> {
        let seen = self.indexed.iter().rev().find(|(at, _)| *at <= now);
        seen.map(|(_, version)| version).filter(|_| !self.deleted)
    }
}

impl Account {
    pub(super) fn new(live: bool, per_second: u32) -> Self {
        let window = || Window::new(per_second, Duration::from_secs(1));
        Self {
            customers: BTreeMap::new(),
            created: Vec::new(),
            keys: Keys::default(),
            live,
            reads: window(),
            writes: window(),
        }
    }

    pub(super) fn admit(&mut self, read: bool, now: OffsetDateTime) -> Result<(), Duration> {
        let window = if read { &mut self.reads } else { &mut self.writes };
        window.admit(now)
    }

    pub(super) fn create(
        &mut self,
        fields: Fields,
        id: String,
        at: OffsetDateTime,
        lag: Duration,
    ) -> &Customer {
        let mut version = Version::default();
        version.apply(fields);
        let indexed = vec![(at + lag, version.clone())];
        let live = self.live;
        let customer =
            Customer { id: id.clone(), created: at, deleted: false, live, now: version, was: None, indexed };
        self.created.push(id.clone());
        self.customers.entry(id).or_insert(customer)
    }

    /// A customer who has been there for long.
    pub(super) fn bring(&mut self, id: &str, version: Version, at: OffsetDateTime) {
        let customer = Customer {
            id: id.to_owned(),
            created: at,
            deleted: false,
            live: self.live,
            was: Some(version.clone()),
            indexed: vec![(at, version.clone())],
            now: version,
        };
        self.created.push(id.to_owned());
        self.customers.insert(id.to_owned(), customer);
    }

    pub(super) fn update(
        &mut self,
        id: &str,
        fields: Fields,
        at: OffsetDateTime,
        lag: Duration,
    ) -> Result<&Customer, Refused> {
        let customer = self.customers.get_mut(id).filter(|customer| !customer.deleted);
        let customer = customer.ok_or_else(|| Refused::missing_customer(id, "id"))?;
        customer.now.apply(fields);
        customer.indexed.push((at + lag, customer.now.clone()));
        Ok(customer)
    }

    pub(super) fn delete(&mut self, id: &str) -> bool {
        let customer = self.customers.get_mut(id);
        customer.map(|customer| customer.deleted = true).is_some()
    }

    /// The customers that exist and what their metadata say, but for those that are as they were before.
    pub(super) fn living(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, String>)> {
        let customers = self.created.iter().filter_map(|id| self.customers.get(id));
        customers
            .filter(|customer| !customer.deleted && !customer.is_untouched())
            .map(|customer| (customer.id.as_str(), &customer.now.metadata))
    }
}

pub(super) fn new_id(chance: &mut fastrand::Rng) -> String {
    let letters = std::iter::repeat_with(|| ID_ALPHABET[chance.usize(0..ID_ALPHABET.len())] as char);
    format!("cus_{}", letters.take(14).collect::<String>())
}
