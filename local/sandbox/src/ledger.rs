//! The ledger: for each sign-up what should come of it and what did.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Kind, sign_up::Role, stripe_customer_id_attribute, world::World};

/// What should come of a sign-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    /// One Stripe customer, its id on the user, written once.
    One,
    /// A dead letter, since Stripe refuses the address: no customer until it is mended.
    Refused,
    /// Nothing: it isn't a sign-up.
    Nothing,
    /// The user was deleted soon after: one customer or none, depending on who was quicker.
    AtMostOne,
}

/// How what came of a sign-up compares with what should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be in the end.
    Exact,
    /// Something is still missing, nothing is wrong.
    Pending,
    /// More than one customer.
    Doubled,
    /// A customer, or an id on the user, where there must be none.
    Unwanted,
    /// The id on the user is not that of its customer.
    Mismatched,
    /// The id on the user was written with different values.
    Rewritten,
}

/// One line of the ledger. No personal data unless it was asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Effect {
    /// The user's object id.
    pub user_id: Uuid,
    /// How they became a user.
    pub kind: Kind,
    /// When, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub signed_up_at: OffsetDateTime,
    /// When its `Add user` entry can first be read, in UTC.
    #[serde(with = "time::serde::rfc3339")]
    pub visible_at: OffsetDateTime,
    /// Whether the user has been deleted.
    pub deleted: bool,
    /// What should come of it.
    pub expected: Expected,
    /// The Stripe customers that have the user's id in their metadata.
    pub customers: Vec<String>,
    /// The value of the Stripe attribute on the user.
    pub customer_id: Option<String>,
    /// How often a write changed that value.
    pub writes: u32,
    /// How all this compares.
    pub verdict: Verdict,
    /// The address, if personal data was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The name, if personal data was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
}

/// The ledger.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Effects {
    /// A line for everybody who became a user or tried to, in the order of time.
    pub sign_ups: Vec<Effect>,
    /// Sums over all lines, and what has no line.
    pub totals: Totals,
}

impl Effects {
    /// Whether everything is as it should be in the end.
    pub fn all_exact(&self) -> bool {
        self.totals.exact == self.sign_ups.len() && self.totals.strangers == 0
    }

    /// The lines that are wrong, and not merely unfinished.
    pub fn wrong(&self) -> impl Iterator<Item = &Effect> {
        self.sign_ups.iter().filter(|line| !matches!(line.verdict, Verdict::Exact | Verdict::Pending))
    }

    /// The line of one user.
    pub fn of(&self, user: Uuid) -> Option<&Effect> {
        self.sign_ups.iter().find(|line| line.user_id == user)
    }
}

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
    /// Calls that were made to fail.
    pub faults: u64,
    /// Calls received, by name.
    pub calls: BTreeMap<String, u64>,
}

pub(crate) fn effects(world: &World, now: OffsetDateTime, reveal: bool) -> Effects {
    let mut owned: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
    let mut totals = Totals { faults: world.faults.injected(), calls: calls(world), ..Totals::default() };
    for (customer, metadata) in world.stripe.living() {
        totals.customers += 1;
        let owner =
            metadata.values().filter_map(|value| value.parse().ok()).find(|id| world.roles.contains_key(id));
        match owner {
            Some(owner) => owned.entry(owner).or_default().push(customer.to_owned()),
            None => totals.strangers += 1,
        }
    }
    let lines = world.roles.iter().map(|(&id, role)| {
        let line = line(world, id, role, owned.remove(&id).unwrap_or_default(), now);
        if reveal { revealed(line, role) } else { line }
    });
    let mut sign_ups: Vec<_> = lines.collect();
    sign_ups.sort_by_key(|line| (line.signed_up_at, line.user_id));
    sign_ups.iter().for_each(|line| totals.add(line));
    Effects { sign_ups, totals }
}

fn calls(world: &World) -> BTreeMap<String, u64> {
    world.calls.iter().map(|(call, count)| (call.name().to_owned(), *count)).collect()
}

fn line(world: &World, user_id: Uuid, role: &Role, customers: Vec<String>, now: OffsetDateTime) -> Effect {
    let user = world.tenant.directory.users.get(&user_id);
    let customer_id = user.and_then(|user| user.properties.get(&stripe_customer_id_attribute()));
    let customer_id = customer_id.and_then(|value| value.as_str()).map(str::to_owned);
    let writes = user.map_or(0, |user| user.stripe_id_changes);
    Effect {
        user_id,
        kind: role.kind,
        signed_up_at: role.signed_up_at,
        visible_at: role.visible_at,
        deleted: user.is_some_and(|user| user.is_deleted(now)),
        expected: role.expected,
        verdict: verdict(role.expected, &customers, customer_id.as_ref(), writes),
        customers,
        customer_id,
        writes,
        email: None,
        display_name: None,
    }
}

fn revealed(line: Effect, role: &Role) -> Effect {
    let person = role.person.clone();
    Effect { email: Some(person.email), display_name: Some(person.display_name), ..line }
}

fn verdict(expected: Expected, customers: &[String], on_user: Option<&String>, writes: u32) -> Verdict {
    match (expected, customers, on_user) {
        (Expected::Nothing | Expected::Refused, [], None) => Verdict::Exact,
        (Expected::Nothing | Expected::Refused, ..) => Verdict::Unwanted,
        (_, [_, _, ..], _) => Verdict::Doubled,
        (_, [], Some(_)) => Verdict::Mismatched,
        (_, [customer], Some(on_user)) if customer != on_user => Verdict::Mismatched,
        (_, [_], Some(_)) if writes > 1 => Verdict::Rewritten,
        (_, [_], Some(_)) | (Expected::AtMostOne, ..) => Verdict::Exact,
        (Expected::One, ..) => Verdict::Pending,
    }
}

impl Totals {
    fn add(&mut self, line: &Effect) {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_the_verdict_that_it_deserves() {
        let a = "cus_a".to_owned();
        let (one, two) = ([a.clone()], [a.clone(), "cus_b".to_owned()]);
        for (expected, customers, on_user, writes, deserved) in [
            (Expected::One, &[][..], None, 0, Verdict::Pending),
            (Expected::One, &one, None, 0, Verdict::Pending),
            (Expected::One, &one, Some(&a), 1, Verdict::Exact),
            (Expected::One, &one, Some(&a), 2, Verdict::Rewritten),
            (Expected::One, &two, Some(&a), 1, Verdict::Doubled),
            (Expected::One, &[], Some(&a), 1, Verdict::Mismatched),
            (Expected::One, &two[1..], Some(&a), 1, Verdict::Mismatched),
            (Expected::Nothing, &[], None, 0, Verdict::Exact),
            (Expected::Nothing, &one, None, 0, Verdict::Unwanted),
            (Expected::Refused, &[], Some(&a), 1, Verdict::Unwanted),
            (Expected::AtMostOne, &[], None, 0, Verdict::Exact),
            (Expected::AtMostOne, &one, None, 0, Verdict::Exact),
            (Expected::AtMostOne, &two, None, 0, Verdict::Doubled),
        ] {
            let verdict = verdict(expected, customers, on_user, writes);
            assert_eq!(verdict, deserved, "{expected:?} {customers:?} {on_user:?} {writes}");
        }
    }
}
