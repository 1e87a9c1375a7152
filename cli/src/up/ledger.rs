//! What the stand-ins hold of each person, and how that compares with what should be: `GET /_effects`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use time::OffsetDateTime;

use crate::consumers::Consumer;

/// The consumers whose effects the stand-ins know of. Of any other there is nothing to compare.
pub(crate) const JUDGED: [&str; 7] = ["billing", "email", "birthrights", "upn", "crm", "sql", "webhook"];

/// The ledger; of its fields those that the verdict needs.
#[derive(Debug, Deserialize)]
pub(crate) struct Ledger {
    /// Everybody who turns up in the audit log.
    pub(crate) sign_ups: Vec<SignUp>,
    pub(crate) totals: Totals,
}

impl Ledger {
    /// Whether everybody has turned up in the audit log.
    pub(crate) fn is_complete(&self, now: OffsetDateTime) -> bool {
        self.sign_ups.iter().all(|sign_up| sign_up.visible_at <= now)
    }

    /// Those of them who are users no more.
    pub(crate) fn deleted(&self) -> BTreeSet<&str> {
        let deleted = self.sign_ups.iter().filter(|sign_up| sign_up.deleted);
        deleted.map(|sign_up| sign_up.user_id.as_str()).collect()
    }
}

/// Somebody, and what came of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct SignUp {
    pub(crate) user_id: String,
    /// When their entry can first be read.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) visible_at: OffsetDateTime,
    /// Whether the user has been deleted by now.
    pub(crate) deleted: bool,
    /// What should come of it at Stripe, and so who they are.
    pub(crate) expected: Expected,
    billing: Compared,
    email: Effect,
    birthrights: Unnamed,
    upn: Effect,
    crm: Effect,
    sql: Effect,
    webhook: Effect,
}

/// What came of a sign-up at one consumer's destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Effect {
    pub(crate) expected: Expected,
    #[serde(rename = "verdict")]
    pub(crate) compared: Compared,
}

/// One of which the ledger lists what is expected and has no word for it.
#[derive(Clone, Copy, Debug, Deserialize)]
struct Unnamed {
    #[serde(rename = "verdict")]
    compared: Compared,
}

impl SignUp {
    /// What came of it at this consumer's destination; `None` if it is not [`JUDGED`].
    pub(crate) fn effect(&self, consumer: Consumer) -> Option<Effect> {
        Some(match consumer.name() {
            "billing" => Effect { expected: self.expected, compared: self.billing },
            "email" => self.email,
            "birthrights" => {
                let expected = match self.expected {
                    Expected::Nothing | Expected::AtMostOne => self.expected,
                    _ => Expected::Granted,
                };
                Effect { expected, compared: self.birthrights.compared }
            }
            "upn" => self.upn,
            "crm" => self.crm,
            "sql" => self.sql,
            "webhook" => self.webhook,
            _ => return None,
        })
    }
}

/// What should come of a sign-up at a destination, in the ledger's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Expected {
    /// One Stripe customer, and its id on the user; one Salesforce record; one row; one event at the receiver.
    One,
    /// One member of the Mailchimp list, welcomed once.
    Subscribed,
    /// Not on the list, since they did not agree to mail.
    NoConsent,
    /// On the list and unsubscribed, as they were before.
    Unsubscribed,
    /// The groups and app roles of the rules.
    Granted,
    /// A readable user principal name.
    Changed,
    /// The user principal name that somebody chose.
    Kept,
    /// A dead letter: the destination refuses them.
    #[serde(alias = "ambiguous")]
    Refused,
    /// The user was deleted soon after: the effect or none.
    #[serde(alias = "either")]
    AtMostOne,
    /// Nothing: nobody signed up.
    #[serde(alias = "none", alias = "unchanged")]
    Nothing,
}

/// How what came of it compares with that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Compared {
    Exact,
    Pending,
    Doubled,
    Unwanted,
    Mismatched,
    Rewritten,
}

/// Sums over the stand-ins.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Totals {
    /// Stripe customers that name no user of the tenant.
    pub(crate) strangers: usize,
    /// Mailchimp members who are nobody here.
    pub(crate) unknown_members: usize,
    /// Salesforce records, rows and deliveries that are about nobody here.
    pub(crate) unknown_records: usize,
    pub(crate) unknown_rows: usize,
    pub(crate) unknown_deliveries: usize,
    /// What must never be done, by the ledger's name for it, and how often it was.
    pub(crate) misuses: BTreeMap<String, u64>,
    /// Calls that were made to fail.
    pub(crate) faults: u64,
}

#[cfg(test)]
pub(crate) mod tests {
    use time::macros::datetime;

    use super::*;

    /// A line as the stand-ins write it, whole.
    const LEDGER: &str = r#"{
        "sign_ups": [{
            "user_id": "5b0f8a52-7d86-4d4b-9a53-0f9c7c1b2f11", "kind": "customer",
            "signed_up_at": "2026-01-01T12:00:00.5Z", "visible_at": "2026-01-01T12:00:04Z", "deleted": false,
            "expected": "one", "customers": ["cus_1"], "customer_id": "cus_1", "writes": 1, "billing": "exact",
            "email": {
                "expected": "subscribed", "member": "subscribed", "members": 1, "welcomed": 1, "verdict": "exact"
            },
            "birthrights": {
                "expected": { "groups": ["96000000-0000-4000-8000-000000000001"], "app_roles": [] },
                "actual": { "groups": [], "app_roles": [] }, "verdict": "pending"
            },
            "upn": {
                "expected": "either", "upn_changes": 2, "is_generated_default": false, "valid": true,
                "display_name_ok": true, "verdict": "rewritten"
            },
            "crm": { "expected": "ambiguous", "records": 0, "verdict": "exact" },
            "sql": { "expected": "one", "rows": 1, "verdict": "exact" },
            "webhook": { "expected": "one", "ids": 2, "verdict": "doubled" },
            "verdict": "rewritten"
        }],
        "totals": {
            "customers_expected": 1, "exact": 0, "strangers": 0, "unknown_members": 2, "unknown_records": 0,
            "unknown_rows": 0, "unknown_deliveries": 0,
            "misuses": { "status-of-member": 1 }, "faults": 3, "calls": { "graph.batch": 2 }
        }
    }"#;

    /// Somebody who signed up and has all that they should have.
    pub(crate) fn served(user_id: &str) -> SignUp {
        let exact = |expected| Effect { expected, compared: Compared::Exact };
        SignUp {
            user_id: user_id.to_owned(),
            visible_at: OffsetDateTime::UNIX_EPOCH,
            deleted: false,
            expected: Expected::One,
            billing: Compared::Exact,
            email: exact(Expected::Subscribed),
            birthrights: Unnamed { compared: Compared::Exact },
            upn: exact(Expected::Changed),
            crm: exact(Expected::One),
            sql: exact(Expected::One),
            webhook: exact(Expected::One),
        }
    }

    impl SignUp {
        /// The same, with another effect at one destination.
        pub(crate) fn but(mut self, consumer: &str, expected: Expected, compared: Compared) -> Self {
            let effect = Effect { expected, compared };
            match consumer {
                "billing" => (self.expected, self.billing) = (expected, compared),
                "email" => self.email = effect,
                "birthrights" => self.birthrights = Unnamed { compared },
                "upn" => self.upn = effect,
                "crm" => self.crm = effect,
                "sql" => self.sql = effect,
                "webhook" => self.webhook = effect,
                other => panic!("{other} is not judged"),
            }
            self
        }
    }

    #[test]
    fn a_ledger_is_read_and_complete_once_the_last_entry_shows() {
        let ledger: Ledger = serde_json::from_str(LEDGER).unwrap();
        assert!(!ledger.is_complete(datetime!(2026-01-01 12:00:03 UTC)));
        assert!(ledger.is_complete(datetime!(2026-01-01 12:00:04 UTC)));
        assert_eq!((ledger.totals.unknown_members, ledger.totals.misuses["status-of-member"]), (2, 1));
    }

    #[test]
    fn each_consumer_has_its_own_effect() {
        let ledger: Ledger = serde_json::from_str(LEDGER).unwrap();
        let effect = |name| ledger.sign_ups[0].effect(Consumer::named(name).unwrap()).unwrap();
        assert_eq!(
            JUDGED.map(effect).map(|effect| (effect.expected, effect.compared)),
            [
                (Expected::One, Compared::Exact),
                (Expected::Subscribed, Compared::Exact),
                (Expected::Granted, Compared::Pending),
                (Expected::AtMostOne, Compared::Rewritten),
                (Expected::Refused, Compared::Exact),
                (Expected::One, Compared::Exact),
                (Expected::One, Compared::Doubled),
            ]
        );
        for consumer in Consumer::all() {
            let effect = ledger.sign_ups[0].effect(consumer);
            assert_eq!(effect.is_some(), JUDGED.contains(&consumer.name()), "{consumer}");
        }
    }
}
