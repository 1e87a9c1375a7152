//! What an operator is told of a walk: a line for each letter, and one at the end.

use std::io::Write;

use serde_json::{Value, json};

use super::{Fate, Progress, Summary};

/// Tells it on standard output, for people or, as one JSON object a line, for scripts.
pub struct Outcomes {
    /// What becomes of a letter, in a word or two.
    done: &'static str,
    json: bool,
    told: u64,
    progress: Progress,
}

impl Outcomes {
    /// `done` says in a word or two what becomes of a letter, such as "removed".
    pub fn new(done: &'static str, json: bool) -> Self {
        Self { done, json, told: 0, progress: Progress::new() }
    }

    /// One letter's.
    pub fn tell(&mut self, fate: &Fate) {
        let line = if self.json { self.json_of(fate).to_string() } else { self.line_of(fate) };
        self.progress.aside(|| say(&line));
        self.told += 1;
        let (told, done) = (self.told, self.done);
        self.progress.reach(fate.sequence_number, fate.of, || format!("{told} {done} or failed"));
    }

    /// All of it, at the end.
    pub fn conclude(&self, summary: &Summary) {
        let line = if self.json { summary.to_json().to_string() } else { summary.line(self.done) };
        self.progress.aside(|| say(&line));
    }

    fn line_of(&self, fate: &Fate) -> String {
        let Fate { sequence_number, message_id, still_dead, .. } = fate;
        match still_dead {
            None => format!("{sequence_number:>8}  {message_id}  {}", self.done),
            Some(why) => format!("{sequence_number:>8}  {message_id}  still dead: {why}"),
        }
    }

    fn json_of(&self, fate: &Fate) -> Value {
        let Fate { sequence_number, message_id, still_dead, .. } = fate;
        let outcome = if still_dead.is_none() { self.done } else { "still dead" };
        let told = json!({ "sequenceNumber": sequence_number, "messageId": message_id, "outcome": outcome });
        match (told, still_dead) {
            (Value::Object(mut told), Some(why)) => {
                told.insert("why".to_owned(), json!(why));
                Value::Object(told)
            }
            (told, _) => told,
        }
    }
}

/// A reader that has gone away, such as `head`, is no reason to break off.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dead_letters::Ended;

    fn fate(still_dead: Option<&str>) -> Fate {
        let still_dead = still_dead.map(str::to_owned);
        Fate { sequence_number: 7, of: 9, message_id: "m7".into(), still_dead }
    }

    #[test]
    fn a_letter_is_a_line_for_people_and_an_object_for_scripts() {
        let outcomes = Outcomes::new("removed", true);
        assert_eq!(outcomes.line_of(&fate(None)), "       7  m7  removed");
        assert_eq!(outcomes.line_of(&fate(Some("gone"))), "       7  m7  still dead: gone");
        assert_eq!(
            outcomes.json_of(&fate(None)),
            json!({ "sequenceNumber": 7, "messageId": "m7", "outcome": "removed" })
        );
        assert_eq!(outcomes.json_of(&fate(Some("gone")))["why"], "gone");
    }

    #[test]
    fn the_end_says_how_far_it_got_and_why() {
        let summary = Summary {
            done: 3,
            failed: 256,
            unmatched: 0,
            reached: Some((259, 300)),
            ended: Ended::TooManyHeld,
        };
        assert_eq!(summary.line("removed"), "3 removed, 256 failed, 0 not matched, looked at 259 of 300");
        assert_eq!(summary.to_json()["ended"], "too-many-held");
        assert!(summary.verdict().unwrap_err().starts_with("ended early"));
        assert_eq!(Summary::default().verdict(), Ok(()));
    }
}
