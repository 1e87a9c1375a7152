//! What was found, for people and for scripts.

use std::io::{Write, stdout};

use serde::Serialize;
use usher_finding::{Finding, State};

/// What was found of one service.
pub(super) struct Diagnosis {
    pub(super) service: String,
    pub(super) findings: Vec<Finding>,
}

/// What was found of all of them.
pub(super) struct Report(Vec<Diagnosis>);

/// A finding, with whose it is.
#[derive(Serialize)]
struct Line<'a> {
    service: &'a str,
    #[serde(flatten)]
    finding: &'a Finding,
}

#[derive(Serialize)]
struct Whole<'a> {
    findings: Vec<Line<'a>>,
}

impl Report {
    pub(super) fn of(diagnoses: Vec<Diagnosis>) -> Self {
        Self(diagnoses)
    }

    /// How many findings are of this kind.
    pub(super) fn count(&self, state: State) -> usize {
        self.lines().filter(|line| line.finding.state == state).count()
    }

    /// A reader that has gone away has seen enough.
    pub(super) fn print(&self, json: bool) {
        let text = if json { self.as_json() } else { self.as_text() };
        let _ = stdout().write_all(text.as_bytes());
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.0.iter().flat_map(|Diagnosis { service, findings }| {
            findings.iter().map(move |finding| Line { service, finding })
        })
    }

    fn as_json(&self) -> String {
        let whole = Whole { findings: self.lines().collect() };
        format!("{}\n", serde_json::to_string(&whole).expect("texts always serialise"))
    }

    fn as_text(&self) -> String {
        let services = self.0.iter().map(service);
        let [wrong, warnings, skipped, ok] =
            [State::Wrong, State::Warning, State::Skipped, State::Ok].map(|state| self.count(state));
        let sum = format!(
            "{wrong} wrong, {warnings} to think about, {skipped} not to be seen from here, {ok} ok\n"
        );
        services.chain([sum]).collect()
    }
}

fn service(Diagnosis { service, findings }: &Diagnosis) -> String {
    let lines = findings.iter().map(|Finding { check, state, what, mend }| {
        let mend = match (state, mend) {
            (State::Ok, _) | (_, None) => String::new(),
            (State::Skipped, Some(mend)) => format!("           see: {mend}\n"),
            (_, Some(mend)) => format!("           mend: {mend}\n"),
        };
        format!("  {state:8} {check}: {what}\n{mend}")
    });
    format!("{service}\n{}\n", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let findings = vec![
            Finding::ok("settings", "all there"),
            Finding::wrong("topic", "it does not exist", "make it"),
            Finding::skipped("delivery limit", "can't be seen", "az servicebus"),
        ];
        Report::of(vec![Diagnosis { service: "billing".to_owned(), findings }])
    }

    #[test]
    fn people_see_each_finding_and_what_mends_it() {
        let expected = "\
billing
  ok       settings: all there
  wrong    topic: it does not exist
           mend: make it
  skipped  delivery limit: can't be seen
           see: az servicebus

1 wrong, 0 to think about, 1 not to be seen from here, 1 ok
";
        assert_eq!(report().as_text(), expected);
    }

    #[test]
    fn scripts_get_one_object_with_whose_each_finding_is() {
        let json: serde_json::Value = serde_json::from_str(&report().as_json()).unwrap();
        assert_eq!(json["findings"][1]["service"], "billing");
        assert_eq!(json["findings"][1]["state"], "wrong");
        assert_eq!(json["findings"][1]["mend"], "make it");
        assert!(json["findings"][0].get("mend").is_none());
    }
}
