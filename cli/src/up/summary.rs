//! What a run came to, for a person.

use std::fmt::{Arguments, Write};

use super::{UpArgs, ledger::Expected, rows::Row, services::Addresses, verdict::Verdict, watch::Settled};
use crate::{
    consumers::Consumer,
    dlq::Letter,
    local::{Folder, LAST_RUN},
};

/// More would say nothing new.
const PROBLEMS_SHOWN: usize = 10;

/// The summary of a run.
pub(crate) fn of(settled: &Settled, args: &UpArgs, folder: &Folder) -> String {
    let Settled { verdict, chaos, unjudged } = settled;
    let mut text = String::from("\n");
    if let Some(chaos) = chaos {
        add(&mut text, format_args!("{chaos}\n"));
    }
    people(&mut text, verdict);
    effects(&mut text, verdict);
    own_words(&mut text, unjudged);
    problems(&mut text, verdict);
    if !verdict.refused.is_empty() {
        add(&mut text, format_args!("\nThe dead letters:"));
    }
    for (consumer, letter) in &verdict.refused {
        dead_letter(&mut text, *consumer, letter, args);
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
pub(crate) fn while_it_stays(verdict: &Verdict, addresses: &Addresses) -> String {
    let control = &addresses.control;
    let mut text = String::from("\nHealth, at /healthz, /readyz and /status of:\n");
    for (part, status) in &addresses.status {
        add(&mut text, format_args!("  {:<12}{}", part.to_string(), status.trim_end_matches("/status")));
    }
    let of_billing = verdict.refused.iter().filter(|(consumer, _)| consumer.name() == "billing");
    if let Some(user) = of_billing.filter_map(|(_, letter)| letter.user_id.as_deref()).next() {
        let order = format!(r#"{{"mend_email":{{"user":"{user}","email":"mended@example.com"}}}}"#);
        add(&mut text, format_args!("To mend the address that Stripe refused and have billing try again:"));
        add(&mut text, format_args!("  curl {control}/_control -d '{order}'"));
        add(&mut text, format_args!("  usher dlq replay billing"));
    }
    add(&mut text, format_args!("Staying up until Ctrl-C."));
    text
}

/// How many there are of somebody or something; `whose` is left out where it is the same as above.
fn count(text: &mut String, whose: &str, count: usize, what: &str) {
    add(text, format_args!("{whose:<12}{count:>6}  {what}"));
}

fn people(text: &mut String, verdict: &Verdict) {
    count(text, "", verdict.signed_up, "people signed up");
    for (number, who) in [
        (verdict.deleted, "more were users for a moment: each effect shows once or not at all"),
        (verdict.left_alone, "others did not sign up (administrators' creations and the like): left alone"),
    ] {
        if number > 0 {
            count(text, "", number, who);
        }
    }
}

fn effects(text: &mut String, verdict: &Verdict) {
    let mut above = None;
    for ((consumer, expected), number) in &verdict.as_expected {
        let whose = if above.replace(consumer) == Some(consumer) { "" } else { consumer.name() };
        count(text, whose, *number, said(*consumer, *expected));
    }
}

/// Those of whose effects nothing is known but what they say themselves.
fn own_words(text: &mut String, unjudged: &[Row]) {
    for Row { name, done, dead_lettered, .. } in unjudged {
        let dead =
            if *dead_lettered > 0 { format!(", {dead_lettered} dead-lettered") } else { String::new() };
        let what = format!("done{dead}, by its own count: the stand-ins know nothing of it");
        add(text, format_args!("{name:<12}{done:>6}  {what}"));
    }
}

fn said(consumer: Consumer, expected: Expected) -> &'static str {
    match expected {
        Expected::One => one(consumer),
        Expected::Subscribed => "agreed to mail: on the Mailchimp list and welcomed once",
        Expected::NoConsent => "did not agree to mail: not on the list",
        Expected::Unsubscribed => "had left the list before: still unsubscribed",
        Expected::Granted => "have the groups and app roles of the rules, and no others",
        Expected::Changed => "have a readable user principal name",
        Expected::Kept => "keep the user principal name that was chosen for them",
        Expected::Refused => "refused, and in the dead-letter queue",
        Expected::AtMostOne => "have it once or not at all",
        Expected::Nothing => "were left alone",
    }
}

fn one(consumer: Consumer) -> &'static str {
    match consumer.name() {
        "crm" => "have one Salesforce contact",
        "sql" => "have one row in the table",
        "webhook" => "are known to the webhook's receiver, each by one id and a good signature",
        _ => "have one Stripe customer, its id on the Entra user",
    }
}

fn problems(text: &mut String, verdict: &Verdict) {
    for problem in verdict.problems.iter().take(PROBLEMS_SHOWN) {
        add(text, format_args!("  WRONG  {problem}"));
    }
    if verdict.problems.len() > PROBLEMS_SHOWN {
        add(text, format_args!("  WRONG  and {} more", verdict.problems.len() - PROBLEMS_SHOWN));
    }
}

fn dead_letter(text: &mut String, consumer: Consumer, letter: &Letter, args: &UpArgs) {
    let Letter { reason, description, sequence_number, .. } = letter;
    add(text, format_args!("  {reason} ({description})"));
    let data = match args.data.as_os_str() == LAST_RUN {
        true => String::new(),
        false => format!(" --data {}", args.data.display()),
    };
    add(text, format_args!("    usher dlq show {} {sequence_number}{data}", consumer.name()));
}

fn add(text: &mut String, line: Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "{line}");
}
