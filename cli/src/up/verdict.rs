//! Whether every effect shows exactly once.

use std::collections::BTreeMap;

use super::ledger::{Expected, Ledger, SignUp};
use crate::dlq::Letter;

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Sign-ups with one customer, whose id is on the user.
    pub(crate) served: usize,
    /// Sign-ups that were refused and are dead letters with a reason.
    pub(crate) refused: Vec<Letter>,
    /// Users who were deleted, with or without a customer.
    pub(crate) deleted: usize,
    /// Those who did not sign up and were left alone.
    pub(crate) left_alone: usize,
    /// What is wrong, by user id; empty if all is well.
    pub(crate) problems: Vec<String>,
}

impl Verdict {
    /// Compares the ledger and a consumer's dead letters with what should be.
    pub(crate) fn on(ledger: &Ledger, letters: Vec<Letter>) -> Self {
        let mut by_user: BTreeMap<String, Vec<Letter>> = BTreeMap::new();
        for letter in letters {
            by_user.entry(letter.user_id.clone().unwrap_or_default()).or_default().push(letter);
        }
        let mut verdict = Self::default();
        for sign_up in &ledger.sign_ups {
            verdict.add(sign_up, by_user.remove(&sign_up.user_id).unwrap_or_default());
        }
        if ledger.totals.strangers > 0 {
            verdict
                .problems
                .push(format!("{} Stripe customers belong to nobody here", ledger.totals.strangers));
        }
        for letter in by_user.into_values().flatten() {
            verdict.problems.push(format!("dead letter {}: belongs to nobody here", letter.sequence_number));
        }
        verdict
    }

    pub(crate) fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, sign_up: &SignUp, mut letters: Vec<Letter>) {
        match problem(sign_up, &letters) {
            Some(problem) => self.problems.push(format!("user {}: {problem}", sign_up.user_id)),
            None => match sign_up.expected {
                Expected::One => self.served += 1,
                Expected::Refused => self.refused.append(&mut letters),
                Expected::AtMostOne => self.deleted += 1,
                Expected::Nothing => self.left_alone += 1,
            },
        }
    }
}

fn problem(sign_up: &SignUp, letters: &[Letter]) -> Option<String> {
    let customers = sign_up.customers.len();
    match sign_up.expected {
        Expected::Nothing if customers > 0 || sign_up.customer_id.is_some() => {
            Some("did not sign up and was welcomed".to_owned())
        }
        Expected::Refused => refused(customers, letters),
        // Whoever is deleted between two steps of billing may be served, skipped or refused, but once.
        Expected::AtMostOne => (customers > 1).then(|| format!("has {customers} Stripe customers")),
        Expected::One | Expected::Nothing if !letters.is_empty() => {
            Some(format!("is a dead letter: {} {}", letters[0].reason, letters[0].description))
        }
        Expected::Nothing => None,
        Expected::One => served(sign_up),
    }
}

fn served(sign_up: &SignUp) -> Option<String> {
    match sign_up.customers.as_slice() {
        [] => Some("has no Stripe customer".to_owned()),
        [customer] if sign_up.customer_id.as_ref() != Some(customer) => {
            Some("does not carry the id of its Stripe customer".to_owned())
        }
        [_] if sign_up.writes > 1 => Some(format!("got {} customer ids one after the other", sign_up.writes)),
        [_] => None,
        many => Some(format!("has {} Stripe customers", many.len())),
    }
}

fn refused(customers: usize, letters: &[Letter]) -> Option<String> {
    match (customers, letters) {
        (0, [letter]) if !letter.description.is_empty() => None,
        (0, [_]) => Some("was refused, and its dead letter does not say why".to_owned()),
        (0, []) => Some("was to be refused, and is not a dead letter".to_owned()),
        (0, many) => Some(format!("was refused, and is {} dead letters", many.len())),
        _ => Some("was to be refused, and has a Stripe customer".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::up::ledger::Totals;

    fn user(expected: Expected) -> SignUp {
        SignUp {
            user_id: "u1".to_owned(),
            visible_at: OffsetDateTime::UNIX_EPOCH,
            expected,
            customers: Vec::new(),
            customer_id: None,
            writes: 0,
        }
    }

    fn served_user() -> SignUp {
        let id = "cus_1".to_owned();
        SignUp { customers: vec![id.clone()], customer_id: Some(id), writes: 1, ..user(Expected::One) }
    }

    fn ledger(sign_ups: &[SignUp]) -> Ledger {
        Ledger { sign_ups: sign_ups.to_vec(), totals: Totals::default() }
    }

    fn letter(user: &str) -> Letter {
        Letter {
            sequence_number: 7,
            enqueued_at: "2026-01-01T00:00:00Z".to_owned(),
            reason: "StripeRejected".to_owned(),
            description: "status=400 code=email_invalid".to_owned(),
            event_id: "e1".to_owned(),
            user_id: Some(user.to_owned()),
            trace_id: None,
        }
    }

    fn problems(sign_ups: &[SignUp], letters: Vec<Letter>) -> Vec<String> {
        Verdict::on(&ledger(sign_ups), letters).problems
    }

    #[test]
    fn one_customer_whose_id_is_on_the_user_is_good() {
        let verdict = Verdict::on(&ledger(&[served_user()]), Vec::new());
        assert!(verdict.is_good());
        assert_eq!(verdict.served, 1);
    }

    #[test]
    fn a_missing_customer_is_a_problem() {
        assert_eq!(problems(&[user(Expected::One)], Vec::new()), ["user u1: has no Stripe customer"]);
    }

    #[test]
    fn a_doubled_customer_is_a_problem() {
        let mut doubled = served_user();
        doubled.customers.push("cus_2".to_owned());
        assert_eq!(problems(&[doubled], Vec::new()), ["user u1: has 2 Stripe customers"]);
        let deleted = SignUp { customers: vec!["a".to_owned(), "b".to_owned()], ..user(Expected::AtMostOne) };
        assert_eq!(problems(&[deleted], Vec::new()), ["user u1: has 2 Stripe customers"]);
    }

    #[test]
    fn a_customer_whose_id_did_not_come_back_is_a_problem() {
        let forgotten = SignUp { customer_id: None, ..served_user() };
        assert_eq!(problems(&[forgotten], Vec::new()).len(), 1);
        let other = SignUp { customer_id: Some("cus_2".to_owned()), ..served_user() };
        assert_eq!(problems(&[other], Vec::new()).len(), 1);
    }

    #[test]
    fn an_id_that_was_written_twice_is_a_problem() {
        let rewritten = SignUp { writes: 2, ..served_user() };
        assert_eq!(problems(&[rewritten], Vec::new()).len(), 1);
    }

    #[test]
    fn a_customer_of_nobody_is_a_problem() {
        let ledger = Ledger { totals: Totals { strangers: 1 }, ..ledger(&[served_user()]) };
        assert!(!Verdict::on(&ledger, Vec::new()).is_good());
    }

    #[test]
    fn a_welcomed_administrator_is_a_problem() {
        let admin = SignUp { customers: vec!["cus_1".to_owned()], ..user(Expected::Nothing) };
        assert_eq!(problems(&[admin], Vec::new()), ["user u1: did not sign up and was welcomed"]);
        assert_eq!(problems(&[user(Expected::Nothing)], vec![letter("u1")]).len(), 1);
        assert!(problems(&[user(Expected::Nothing)], Vec::new()).is_empty());
    }

    #[test]
    fn a_refused_sign_up_is_one_dead_letter_with_a_reason() {
        let refused = [user(Expected::Refused)];
        assert!(problems(&refused, vec![letter("u1")]).is_empty());
        assert_eq!(problems(&refused, Vec::new()).len(), 1);
        assert_eq!(problems(&refused, vec![letter("u1"), letter("u1")]).len(), 1);
        assert_eq!(problems(&refused, vec![Letter { description: String::new(), ..letter("u1") }]).len(), 1);
        let served = SignUp { expected: Expected::Refused, ..served_user() };
        assert_eq!(problems(&[served], vec![letter("u1")]).len(), 1);
    }

    #[test]
    fn a_dead_letter_of_somebody_to_be_served_or_of_nobody_is_a_problem() {
        assert_eq!(problems(&[served_user()], vec![letter("u1")]).len(), 1);
        assert_eq!(problems(&[], vec![letter("u2")]), ["dead letter 7: belongs to nobody here"]);
    }
}
