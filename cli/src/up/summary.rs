//! What a run came to, for a person.

use std::fmt::Write;

use super::{UpArgs, verdict::Verdict};
use crate::local::{Folder, LAST_RUN};

/// More would say nothing new.
const PROBLEMS_SHOWN: usize = 10;

/// The summary.
pub(crate) fn of(verdict: &Verdict, args: &UpArgs, folder: &Folder) -> String {
    let mut text = String::from("\n");
    line(&mut text, verdict.served, "signed up and have one Stripe customer, its id on the Entra user");
    line(&mut text, verdict.refused.len(), "was refused by Stripe and is in billing's dead-letter queue");
    line(&mut text, verdict.deleted, "signed up and were deleted soon after: one customer or none");
    line(
        &mut text,
        verdict.left_alone,
        "did not sign up (administrators' creations and the like) and were left alone",
    );
    for problem in verdict.problems.iter().take(PROBLEMS_SHOWN) {
        add(&mut text, format_args!("  WRONG  {problem}"));
    }
    if verdict.problems.len() > PROBLEMS_SHOWN {
        add(&mut text, format_args!("  WRONG  and {} more", verdict.problems.len() - PROBLEMS_SHOWN));
    }
    for letter in &verdict.refused {
        add(&mut text, format_args!("\nThe dead letter: {} ({})", letter.reason, letter.description));
        add(&mut text, format_args!("  usher dlq show billing {}{}", letter.sequence_number, data(args)));
    }
    let verdict = if verdict.is_good() {
        "Every effect shows exactly once."
    } else {
        "NOT every effect shows exactly once."
    };
    add(&mut text, format_args!("\n{verdict} Logs: {}", folder.logs().display()));
    text
}

/// What can be tried while the run stays up.
pub(crate) fn while_it_stays(verdict: &Verdict, control: &str) -> String {
    let mut text = String::from("\n");
    if let Some(user) = verdict.refused.iter().find_map(|letter| letter.user_id.as_deref()) {
        let order = format!(r#"{{"mend_email":{{"user":"{user}","email":"mended@example.com"}}}}"#);
        add(&mut text, format_args!("To mend the refused address and have billing try again:"));
        add(&mut text, format_args!("  curl {control}/_control -d '{order}'"));
        add(&mut text, format_args!("  usher dlq replay billing"));
    }
    add(&mut text, format_args!("Staying up until Ctrl-C."));
    text
}

fn line(text: &mut String, count: usize, what: &str) {
    if count > 0 {
        add(text, format_args!("{count:>7}  {what}"));
    }
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "{line}");
}

fn data(args: &UpArgs) -> String {
    if args.data.as_os_str() == LAST_RUN { String::new() } else { format!(" --data {}", args.data.display()) }
}
