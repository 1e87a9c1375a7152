//! Whether every effect shows exactly once.

use std::collections::BTreeMap;

use super::{
    ledger::{Compared, Effect, Expected, Ledger, SignUp},
    real::Edges,
};
use crate::{consumers::Consumer, dlq::Letter};

/// What lies on the broker.
#[derive(Debug, Default)]
pub(crate) struct OnTheBus {
    /// Every dead letter, and whose it is.
    pub(crate) letters: Vec<(Consumer, Letter)>,
    /// Every message that a consumer is not through with, and whose it is.
    pub(crate) queued: Vec<(Consumer, Letter)>,
}

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Who signed up and stayed.
    pub(crate) signed_up: usize,
    /// Whose user was deleted soon after.
    pub(crate) deleted: usize,
    /// Who did not sign up and was left alone.
    pub(crate) left_alone: usize,
    /// Of those who signed up and stayed: how many have what was expected, by consumer.
    pub(crate) as_expected: BTreeMap<(Consumer, Expected), usize>,
    /// The dead letters of those who were to be refused.
    pub(crate) refused: Vec<(Consumer, Letter)>,
    /// What is wrong; empty if all is well.
    pub(crate) problems: Vec<String>,
}

/// Dead letters by whose they are and whom they are about.
type Letters = BTreeMap<(Consumer, String), Vec<Letter>>;

impl Verdict {
    /// Compares the ledger and what lies on the broker with what should be, as far as stand-ins can tell beside these edges
    /// that are real.
    pub(crate) fn on(ledger: &Ledger, bus: OnTheBus, edges: &Edges) -> Self {
        let mut letters = Letters::new();
        // What another consumer gives up may well be as it should be: nobody here can tell.
        let is_judged = |(consumer, _): &(Consumer, Letter)| edges.can_judge(*consumer);
        for (consumer, letter) in bus.letters.into_iter().filter(is_judged) {
            let about = (consumer, letter.user_id.clone().unwrap_or_default());
            letters.entry(about).or_default().push(letter);
        }
        let mut verdict = Self::default();
        for sign_up in &ledger.sign_ups {
            verdict.add(sign_up, &mut letters, edges);
        }
        verdict.problems.extend(of_nobody(ledger));
        for (consumer, letter) in
            letters.into_iter().flat_map(|((it, _), all)| all.into_iter().map(move |l| (it, l)))
        {
            let number = letter.sequence_number;
            verdict
                .problems
                .push(format!("{}'s dead letter {number} belongs to nobody here", consumer.name()));
        }
        verdict.problems.extend(unfinished(&bus.queued, ledger));
        verdict
    }

    pub(crate) fn is_good(&self) -> bool {
        self.problems.is_empty()
    }

    fn add(&mut self, sign_up: &SignUp, letters: &mut Letters, edges: &Edges) {
        match sign_up.expected {
            Expected::Nothing => self.left_alone += 1,
            Expected::AtMostOne => self.deleted += 1,
            _ => self.signed_up += 1,
        }
        for (consumer, effect) in effects(sign_up).filter(|(consumer, _)| edges.can_judge(*consumer)) {
            let letters = letters.remove(&(consumer, sign_up.user_id.clone())).unwrap_or_default();
            match problem(sign_up, effect, &letters) {
                Some(problem) => {
                    self.problems.push(format!("user {}: {consumer} {problem}", sign_up.user_id));
                }
                None if is_short_lived(sign_up) || effect.expected == Expected::Nothing => {}
                None => {
                    *self.as_expected.entry((consumer, effect.expected)).or_default() += 1;
                    self.refused.extend(letters.into_iter().map(|letter| (consumer, letter)));
                }
            }
        }
    }
}

/// What came of it at each destination of which something is known.
fn effects(sign_up: &SignUp) -> impl Iterator<Item = (Consumer, Effect)> {
    Consumer::all().into_iter().filter_map(move |consumer| Some((consumer, sign_up.effect(consumer)?)))
}

/// Whoever is deleted between two steps of a consumer may be served, skipped or refused, but once.
fn is_short_lived(sign_up: &SignUp) -> bool {
    sign_up.expected == Expected::AtMostOne
}

/// What is wrong with a consumer's work on somebody, as the rest of a sentence about that consumer.
fn problem(sign_up: &SignUp, effect: Effect, letters: &[Letter]) -> Option<String> {
    match (effect.expected, letters) {
        (Expected::Refused, []) => Some("was to refuse them, and has no dead letter".to_owned()),
        (Expected::Refused, [letter]) if letter.description.is_empty() => {
            Some("has a dead letter that does not say why".to_owned())
        }
        (Expected::Refused, [_]) => compared(effect.compared),
        (Expected::Refused, many) => Some(format!("refused them with {} dead letters", many.len())),
        (_, []) => compared(effect.compared),
        _ if is_short_lived(sign_up) => compared(effect.compared),
        (_, [letter, ..]) => Some(format!("has a dead letter: {} {}", letter.reason, letter.description)),
    }
}

fn compared(compared: Compared) -> Option<String> {
    let said = match compared {
        Compared::Exact => return None,
        Compared::Pending => "has not done all that was to be done",
        Compared::Doubled => "had its effect more than once",
        Compared::Unwanted => "had an effect that it must not have",
        Compared::Mismatched => "left something that does not belong there",
        Compared::Rewritten => "wrote different values one after the other",
    };
    Some(said.to_owned())
}

fn of_nobody(ledger: &Ledger) -> Vec<String> {
    let totals = &ledger.totals;
    let strangers = [
        (totals.strangers, "Stripe customers"),
        (totals.unknown_members, "Mailchimp members"),
        (totals.unknown_records, "Salesforce records"),
        (totals.unknown_rows, "rows of the table"),
        (totals.unknown_deliveries, "deliveries to the webhook"),
    ];
    let strangers = strangers.into_iter().filter(|(count, _)| *count > 0);
    let strangers = strangers.map(|(count, what)| format!("{count} {what} belong to nobody here"));
    let misuses =
        totals.misuses.iter().map(|(what, count)| format!("{what}: {count} times, and never allowed"));
    strangers.chain(misuses).collect()
}

/// A user who can't be found is waited for, in case it is not yet readable: whoever is deleted early leaves a message
/// that is held for a quarter of an hour. Nobody else's may be left.
fn unfinished(queued: &[(Consumer, Letter)], ledger: &Ledger) -> Vec<String> {
    let deleted = ledger.deleted();
    let is_left = |letter: &Letter| letter.user_id.as_deref().is_none_or(|user| !deleted.contains(user));
    let mut left = BTreeMap::<Consumer, Vec<&Letter>>::new();
    for (consumer, letter) in queued.iter().filter(|(_, letter)| is_left(letter)) {
        left.entry(*consumer).or_default().push(letter);
    }
    let said = |(consumer, letters): (Consumer, Vec<&Letter>)| {
        let first = letters.first().and_then(|letter| letter.user_id.as_deref()).unwrap_or("unknown");
        let (name, count) = (consumer.name(), letters.len());
        format!(
            "{name} is not through with {count} messages, the first of them about user {first}, who was not deleted"
        )
    };
    left.into_iter().map(said).collect()
}

#[cfg(test)]
mod tests;
