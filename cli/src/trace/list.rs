//! The latest sign-ups, and what became of each.

use std::collections::BTreeMap;

use usher_service::Failure;

use super::{file::Traces, human, sign_up::SignUp, span::Span};

/// How many are named where somebody has asked for one that is not there.
const NAMED: usize = 3;

/// All sign-ups that are on record, the latest first.
///
/// # Errors
/// The file can't be read.
pub(crate) fn sign_ups(traces: &mut Traces) -> Result<Vec<SignUp>, Failure> {
    let mut spans = BTreeMap::<String, Vec<Span>>::new();
    traces.each(
        |_| true,
        |span| {
            if SignUp::is_made_of(&span) {
                spans.entry(span.trace_id.clone()).or_default().push(span);
            }
        },
    )?;
    let mut sign_ups: Vec<_> = spans.values().filter_map(|spans| SignUp::of(spans)).collect();
    sign_ups.sort_by_key(|sign_up| std::cmp::Reverse(sign_up.start_unix_nano));
    Ok(sign_ups)
}

/// A line each.
pub(crate) fn table(sign_ups: &[SignUp]) -> String {
    let mut text = format!("{:<22}{:<38}{:<12}{}\n", "signed up", "user", "took", "consumers");
    for sign_up in sign_ups {
        let at = human::time(sign_up.start_unix_nano);
        text += &format!("{at:<22}{:<38}{:<12}{}\n", sign_up.id(), sign_up.took(), sign_up.tally());
    }
    text
}

/// Why there is nothing to draw, and what there is instead.
pub(crate) fn instead_of(id: &str, traces: &mut Traces) -> Result<Failure, Failure> {
    let sign_ups = sign_ups(traces)?;
    let file = traces.name().display();
    let latest: Vec<_> = sign_ups.iter().take(NAMED).map(SignUp::id).collect();
    Ok(Failure::Negative(if latest.is_empty() {
        format!("no trace of {id} in {file}, nor of any other sign-up")
    } else {
        let latest = latest.join(", ");
        format!("no trace of {id} in {file}; the latest sign-ups there: {latest} (`usher trace` lists more)")
    }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::trace::testing::sign_up;

    /// So many sign-ups, the later the higher their number.
    fn record(of: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        let spans = (0..of).flat_map(|n| {
            let spans = sign_up(&format!("user-{n}"), &[("billing", "complete"), ("crm", "dead_letter")]);
            spans.into_iter().map(move |mut span| {
                span.start_unix_nano += u64::from(n) * 60_000_000_000;
                span.end_unix_nano += u64::from(n) * 60_000_000_000;
                span.of_trace(&format!("{n:032x}"))
            })
        });
        let lines: String = spans.map(|span| serde_json::to_string(&span).unwrap() + "\n").collect();
        fs::write(file.path(), lines).unwrap();
        file
    }

    #[test]
    fn the_latest_sign_up_comes_first_and_each_says_what_became_of_it() {
        let file = record(2);
        let found = sign_ups(&mut Traces::in_file(file.path()).unwrap()).unwrap();
        let expected = "\
signed up             user                                  took        consumers
2026-01-01T12:01:00Z  user-1                                4.90 s      1 done, 1 dead-lettered (crm: StripeRejected)
2026-01-01T12:00:00Z  user-0                                4.90 s      1 done, 1 dead-lettered (crm: StripeRejected)
";
        assert_eq!(table(&found), expected);
    }

    #[test]
    fn whoever_asks_for_one_that_is_not_there_is_told_of_the_latest() {
        let file = record(5);
        let mut traces = Traces::in_file(file.path()).unwrap();
        let said = instead_of("nobody", &mut traces).unwrap().to_string();
        assert!(said.starts_with("no trace of nobody in "), "{said}");
        assert!(said.contains("user-4, user-3, user-2 (`usher trace`"), "{said}");
        let empty = record(0);
        let said = instead_of("nobody", &mut Traces::in_file(empty.path()).unwrap()).unwrap().to_string();
        assert!(said.ends_with("nor of any other sign-up"), "{said}");
    }
}
