//! Stripe's customer, and its id on the user.

use serde::{Deserialize, Serialize};

use super::Verdict;

/// What should come of a sign-up at Stripe.
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

pub(super) fn verdict(
    expected: Expected,
    customers: &[String],
    on_user: Option<&String>,
    writes: u32,
) -> Verdict {
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
