//! Salesforce's record.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Verdict;
use crate::{Kind, NewSignUp, Person, SalesforcePast, role::Role, salesforce::Record, world::World};

/// What should come of a sign-up in Salesforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CrmExpected {
    /// One record with their name and address.
    One,
    /// A dead letter: two records have their external id, and neither may be changed.
    Ambiguous,
    /// A dead letter, since a rule of the org's refuses them.
    Refused,
    /// The user was deleted soon after: one record or none.
    AtMostOne,
    /// Nothing: it isn't a sign-up.
    None,
}

/// What came of a sign-up in Salesforce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmEffect {
    /// What should come of it.
    pub expected: CrmExpected,
    /// How many records we made with their external id.
    pub records: usize,
    /// How all this compares.
    pub verdict: Verdict,
}

impl CrmExpected {
    pub(crate) fn of(who: &NewSignUp, person: &Person) -> Self {
        match (who.kind, person.salesforce) {
            (Kind::AdminMade | Kind::OtherApp | Kind::Failed, _) => Self::None,
            (Kind::Customer, SalesforcePast::Ambiguous) => Self::Ambiguous,
            (Kind::Customer, SalesforcePast::Refused) => Self::Refused,
            (Kind::Customer, SalesforcePast::None) if who.deleted_after.is_some() => Self::AtMostOne,
            (Kind::Customer, SalesforcePast::None) => Self::One,
        }
    }
}

impl CrmEffect {
    pub(super) fn new(world: &World, user: Uuid, role: &Role, deleted: bool) -> Self {
        let id = user.to_string();
        let records: Vec<_> = world.salesforce.of(&id).collect();
        let are_theirs = records.iter().all(|record| is_of(record, role));
        let verdict = verdict(role.crm, records.len(), are_theirs).once_deleted(deleted);
        Self { expected: role.crm, records: records.len(), verdict }
    }
}

/// Whether it has a name, and an address that is or was theirs: a message keeps the address of the sign-up.
fn is_of(record: &Record, role: &Role) -> bool {
    let text = |name: &str| record.fields.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    let address = text("Email").to_lowercase();
    !text("LastName").trim().is_empty() && role.addresses().contains(&address)
}

fn verdict(expected: CrmExpected, records: usize, are_theirs: bool) -> Verdict {
    use CrmExpected::{Ambiguous, AtMostOne, None as Nothing, One, Refused};
    match (expected, records) {
        (Ambiguous | Refused | Nothing | AtMostOne, 0) => Verdict::Exact,
        (Ambiguous | Refused | Nothing, _) => Verdict::Unwanted,
        (One, 0) => Verdict::Pending,
        (One | AtMostOne, 1) if are_theirs => Verdict::Exact,
        (One | AtMostOne, 1) => Verdict::Mismatched,
        (One | AtMostOne, _) => Verdict::Doubled,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_the_verdict_that_it_deserves() {
        use CrmExpected::{Ambiguous, AtMostOne, None as Nothing, One, Refused};
        for (expected, records, are_theirs, deserved) in [
            (One, 0, true, Verdict::Pending),
            (One, 1, true, Verdict::Exact),
            (One, 1, false, Verdict::Mismatched),
            (One, 2, true, Verdict::Doubled),
            (Ambiguous, 0, true, Verdict::Exact),
            (Ambiguous, 1, true, Verdict::Unwanted),
            (Refused, 0, true, Verdict::Exact),
            (Refused, 1, true, Verdict::Unwanted),
            (AtMostOne, 0, true, Verdict::Exact),
            (AtMostOne, 1, true, Verdict::Exact),
            (AtMostOne, 1, false, Verdict::Mismatched),
            (AtMostOne, 2, true, Verdict::Doubled),
            (Nothing, 0, true, Verdict::Exact),
            (Nothing, 1, true, Verdict::Unwanted),
        ] {
            assert_eq!(
                verdict(expected, records, are_theirs),
                deserved,
                "{expected:?} {records} {are_theirs}"
            );
        }
    }
}
