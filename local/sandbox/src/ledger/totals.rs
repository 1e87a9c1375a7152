//! Sums over the ledger, and what has no line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Effect, Expected, Misuse, Verdict};

/// Sums.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Totals {
    /// Who really signed up and stays.
    pub customers_expected: usize,
    /// Who has an address that Stripe refuses.
    pub refusals_expected: usize,
    /// Lines that are as they should be.
    pub exact: usize,
    /// Lines that lack something.
    pub pending: usize,
    /// Lines that are wrong.
    pub wrong: usize,
    /// Stripe customers that exist.
    pub customers: usize,
    /// Those of them that name no user of the tenant.
    pub strangers: usize,
    /// Members on the Mailchimp list.
    pub members: usize,
    /// Those of them whose address is nobody's here.
    pub unknown_members: usize,
    /// Salesforce records whose external id is nobody's here.
    #[serde(default)]
    pub unknown_records: usize,
    /// Rows of the table that are nobody's here.
    #[serde(default)]
    pub unknown_rows: usize,
    /// Deliveries to the webhook that are about nobody here.
    #[serde(default)]
    pub unknown_deliveries: usize,
    /// What Usher must never do, and how often it did.
    #[serde(default)]
    pub misuses: BTreeMap<Misuse, u64>,
    /// Calls that were made to fail.
    pub faults: u64,
    /// Calls received, by name.
    pub calls: BTreeMap<String, u64>,
}

impl Totals {
    /// How much there is, over all destinations, that belongs to nobody here.
    pub fn of_nobody(&self) -> usize {
        self.strangers
            + self.unknown_members
            + self.unknown_records
            + self.unknown_rows
            + self.unknown_deliveries
    }

    pub(super) fn add(&mut self, line: &Effect) {
        match line.expected {
            Expected::One => self.customers_expected += 1,
            Expected::Refused => self.refusals_expected += 1,
            Expected::Nothing | Expected::AtMostOne => {}
        }
        match line.verdict {
            Verdict::Exact => self.exact += 1,
            Verdict::Pending => self.pending += 1,
            Verdict::Doubled | Verdict::Unwanted | Verdict::Mismatched | Verdict::Rewritten => {
                self.wrong += 1
            }
        }
    }
}
