//! What came of it: a line for each who is missing, and the counts.

use std::{
    collections::BTreeMap,
    fmt::Display,
    io::{self, Write},
};

use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use usher_event::Event;
use usher_service::Failure;

use super::{
    checker::{Answer, Presence},
    roll::LeftOut,
};
use crate::{consumers::Consumer, dlq::mask};

/// The counts, and how they are shown.
pub(super) struct Report {
    as_json: bool,
    reveal: bool,
    /// How many there are of each, by why.
    counts: BTreeMap<Presence, BTreeMap<String, usize>>,
    left_out: Option<LeftOut>,
}

impl Report {
    pub(super) fn new(as_json: bool, reveal: bool) -> Self {
        Self { as_json, reveal, counts: BTreeMap::new(), left_out: None }
    }

    /// Counts a sign-up, and shows it if its effect is missing.
    pub(super) fn take(&mut self, event: &Event, answer: &Answer) {
        *self.counts.entry(answer.presence).or_default().entry(answer.why.clone()).or_default() += 1;
        if answer.presence == Presence::Missing {
            say(if self.as_json { self.object(event, answer).to_string() } else { self.row(event, answer) });
        }
    }

    /// Who was not looked at.
    pub(super) fn left_out(&mut self, left_out: LeftOut) {
        self.left_out = Some(left_out);
    }

    /// How many are missing.
    pub(super) fn missing(&self) -> usize {
        self.count(Presence::Missing)
    }

    /// Shows the counts.
    ///
    /// # Errors
    /// [`Failure::Negative`] if somebody is missing, or nobody could be told.
    pub(super) fn conclude(&self, consumer: Consumer, since: &str, fixed: bool) -> Result<(), Failure> {
        say(if self.as_json { self.counts_for_scripts(fixed).to_string() } else { self.summary(since) });
        let (missing, unknown) = (self.missing(), self.count(Presence::Unknown));
        if missing > 0 {
            return Err(Failure::Negative(match fixed {
                true => format!("{missing} missing, and published again for {consumer} alone"),
                false => format!("{missing} missing; --fix publishes again for {consumer} alone"),
            }));
        }
        if unknown > 0 && unknown == self.all() {
            return Err(Failure::Negative(format!(
                "{consumer} can't tell of anybody whether its effect shows"
            )));
        }
        Ok(())
    }

    fn count(&self, presence: Presence) -> usize {
        self.counts.get(&presence).into_iter().flat_map(BTreeMap::values).sum()
    }

    fn all(&self) -> usize {
        self.counts.values().flat_map(BTreeMap::values).sum()
    }

    fn row(&self, event: &Event, answer: &Answer) -> String {
        let email = self.email(event).map(|email| format!("  {email}")).unwrap_or_default();
        format!("missing  {}  {}  {}{email}", event.data.user_id, signed_up_at(event), answer.why)
    }

    fn object(&self, event: &Event, answer: &Answer) -> Value {
        json!({
            "userId": event.data.user_id, "eventId": event.id, "signedUpAt": signed_up_at(event),
            "presence": "missing", "why": answer.why, "email": self.email(event),
        })
    }

    fn email(&self, event: &Event) -> Option<String> {
        let email = event.data.email.as_deref()?;
        Some(if self.reveal { email.to_owned() } else { mask::text(email) })
    }

    fn summary(&self, since: &str) -> String {
        let counts = [
            (Presence::Present, "present"),
            (Presence::Missing, "missing"),
            (Presence::NotExpected, "not expected"),
            (Presence::Unknown, "not told"),
        ];
        let counts = counts.map(|(presence, said)| {
            format!("{} {said}{}", self.count(presence), whys(self.counts.get(&presence)))
        });
        let left_out = match self.left_out {
            Some(LeftOut { others, settling }) => {
                format!(" Left out: {settling} too new to tell, {others} who did not sign up.")
            }
            None => " The rest was not looked at.".to_owned(),
        };
        format!("Of {} who signed up since {since}: {}.{left_out}", self.all(), counts.join(", "))
    }

    fn counts_for_scripts(&self, fixed: bool) -> Value {
        let of = |presence: Presence| json!(self.counts.get(&presence).cloned().unwrap_or_default());
        let published_again = if fixed { self.missing() } else { 0 };
        json!({ "summary": {
            "signedUp": self.all(), "present": self.count(Presence::Present), "missing": of(Presence::Missing),
            "notExpected": of(Presence::NotExpected), "unknown": of(Presence::Unknown),
            "publishedAgain": published_again, "complete": self.left_out.is_some(),
            "settling": self.left_out.map(|it| it.settling), "others": self.left_out.map(|it| it.others),
        } })
    }
}

/// Why, in brackets; nothing where nothing was said.
fn whys(whys: Option<&BTreeMap<String, usize>>) -> String {
    let whys = whys.into_iter().flatten().filter(|(why, _)| !why.is_empty());
    let whys: Vec<_> = whys.map(|(why, count)| format!("{count} {why}")).collect();
    if whys.is_empty() { String::new() } else { format!(" ({})", whys.join(", ")) }
}

fn signed_up_at(event: &Event) -> String {
    let at = event.data.signed_up_at;
    at.replace_nanosecond(0).unwrap_or(at).format(&Rfc3339).unwrap_or_default()
}

/// A reader that has gone away, such as `head`, has seen enough.
fn say(line: impl Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Event {
        Event::from_json(include_bytes!("../../../schemas/samples/full.json")).unwrap()
    }

    fn report(answers: &[(Presence, &str)]) -> Report {
        let mut report = Report::new(false, false);
        answers.iter().for_each(|(presence, why)| report.take(&sample(), &Answer::new(*presence, why)));
        report
    }

    fn conclude(report: &Report) -> Result<(), String> {
        report
            .conclude(Consumer::named("billing").unwrap(), "7d", false)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_row_shows_whom_and_why_and_hides_the_address() {
        let mut report = Report::new(false, false);
        let missing = Answer::new(Presence::Missing, "no-customer");
        let row = report.row(&sample(), &missing);
        let expected =
            "missing  a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d  2026-03-01T09:30:15Z  no-customer  l***";
        assert_eq!(row, expected);
        assert!(!report.object(&sample(), &missing).to_string().contains("lucja"));
        report.reveal = true;
        assert!(report.row(&sample(), &missing).ends_with("lucja+shop@example.com"));
    }

    #[test]
    fn the_counts_say_why() {
        let mut report = report(&[
            (Presence::Present, ""),
            (Presence::Missing, "no-customer"),
            (Presence::NotExpected, "user-gone"),
            (Presence::NotExpected, "too-old"),
        ]);
        report.left_out(LeftOut { others: 3, settling: 1 });
        assert_eq!(
            report.summary("7d"),
            "Of 4 who signed up since 7d: 1 present, 1 missing (1 no-customer), 2 not expected (1 too-old, 1 user-gone), \
             0 not told. Left out: 1 too new to tell, 3 who did not sign up."
        );
        assert_eq!(report.counts_for_scripts(false)["summary"]["missing"]["no-customer"], 1);
    }

    #[test]
    fn it_ends_well_only_if_nobody_is_missing_and_somebody_could_be_told() {
        assert_eq!(conclude(&report(&[])), Ok(()));
        assert_eq!(conclude(&report(&[(Presence::Present, ""), (Presence::Unknown, "400")])), Ok(()));
        let missing = conclude(&report(&[(Presence::Missing, "no-customer")])).unwrap_err();
        assert!(missing.contains("1 missing; --fix"), "{missing}");
        let unknown =
            conclude(&report(&[(Presence::Unknown, "the destination can't be asked")])).unwrap_err();
        assert!(unknown.contains("can't tell of anybody"), "{unknown}");
    }
}
