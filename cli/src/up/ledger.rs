//! What the stand-ins hold of each person: `GET /_effects`.

use serde::Deserialize;
use time::OffsetDateTime;

/// The ledger; of its fields those that the verdict needs.
#[derive(Debug, Deserialize)]
pub(crate) struct Ledger {
    /// Everybody who turned up in the audit log.
    pub(crate) sign_ups: Vec<SignUp>,
    pub(crate) totals: Totals,
}

impl Ledger {
    /// Whether everybody has turned up in the audit log.
    pub(crate) fn is_complete(&self, now: OffsetDateTime) -> bool {
        self.sign_ups.iter().all(|sign_up| sign_up.visible_at <= now)
    }
}

/// Somebody, and what came of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SignUp {
    pub(crate) user_id: String,
    /// When their entry can first be read.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) visible_at: OffsetDateTime,
    pub(crate) expected: Expected,
    /// The Stripe customers made for them.
    pub(crate) customers: Vec<String>,
    /// The customer's id on the Entra user, if it is there.
    pub(crate) customer_id: Option<String>,
    /// How often a write changed that id.
    pub(crate) writes: u32,
}

/// Sums over the stand-ins.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Totals {
    /// Stripe customers that name no user of the tenant.
    pub(crate) strangers: usize,
}

/// What should come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expected {
    /// One customer, and its id on the user.
    One,
    /// A dead letter: Stripe refuses the address.
    Refused,
    /// The user was deleted: one customer or none.
    AtMostOne,
    /// Nothing: nobody signed up.
    Nothing,
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    /// A line as the stand-ins write it, whole.
    const LEDGER: &str = r#"{
        "sign_ups": [{
            "user_id": "5b0f8a52-7d86-4d4b-9a53-0f9c7c1b2f11", "kind": "customer",
            "signed_up_at": "2026-01-01T12:00:00.5Z", "visible_at": "2026-01-01T12:00:04Z", "deleted": false,
            "expected": "at-most-one", "customers": ["cus_1"], "customer_id": "cus_1", "writes": 1, "verdict": "exact"
        }],
        "totals": { "customers_expected": 0, "exact": 1, "strangers": 0, "calls": { "graph.batch": 2 } }
    }"#;

    #[test]
    fn a_ledger_is_read_and_complete_once_the_last_entry_shows() {
        let ledger: Ledger = serde_json::from_str(LEDGER).unwrap();
        assert_eq!(ledger.sign_ups[0].expected, Expected::AtMostOne);
        assert!(!ledger.is_complete(datetime!(2026-01-01 12:00:03 UTC)));
        assert!(ledger.is_complete(datetime!(2026-01-01 12:00:04 UTC)));
    }
}
