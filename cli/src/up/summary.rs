//! What a run came to, for a person.

use std::fmt::{Arguments, Write};

use super::{
    UpArgs,
    ledger::Expected,
    real::{Edge, Edges},
    receiver::Receiver,
    rows::Row,
    services::Addresses,
    verdict::Verdict,
    watch::Settled,
};
use crate::{
    consumers::Consumer,
    dlq::Letter,
    local::{Folder, LAST_RUN},
};

/// More would say nothing new.
const PROBLEMS_SHOWN: usize = 10;

/// Stand-ins that can be seen to fail; the first that is asked is proposed.
const TO_BREAK: [Edge; 4] = [Edge::Stripe, Edge::Mailchimp, Edge::Salesforce, Edge::Webhook];

/// The summary of a run.
pub(crate) fn of(settled: &Settled, args: &UpArgs, folder: &Folder, edges: &Edges) -> String {
    let Settled { verdict, chaos, unjudged } = settled;
    let mut text = String::from("\n");
    if let Some(chaos) = chaos {
        add(&mut text, format_args!("{chaos}\n"));
    }
    people(&mut text, verdict);
    effects(&mut text, verdict);
    own_words(&mut text, unjudged, args, edges);
    problems(&mut text, verdict);
    if !verdict.refused.is_empty() {
        add(&mut text, format_args!("\nThe dead letters:"));
    }
    for (consumer, letter) in &verdict.refused {
        dead_letter(&mut text, *consumer, letter, args);
    }
    let every = if verdict.is_good() { "Every" } else { "NOT every" };
    let at_stand_ins = if edges.is_empty() { "" } else { " at a stand-in" };
    let logs = folder.logs();
    add(
        &mut text,
        format_args!("\n{every} effect{at_stand_ins} shows exactly once. Logs: {}", logs.display()),
    );
    text
}

/// The summary of a run in which nobody here knew the people.
pub(crate) fn of_real_people(rows: &[Row], args: &UpArgs, folder: &Folder, edges: &Edges) -> String {
    let mut text = String::from("\n");
    own_words(&mut text, rows, args, edges);
    add(
        &mut text,
        format_args!("\nThe people are real: there is no verdict. Logs: {}", folder.logs().display()),
    );
    text
}

/// Where one sign-up can be seen, if traces have come in.
pub(crate) fn traces(receiver: Option<&Receiver>, args: &UpArgs) -> String {
    let mut text = String::new();
    if let Some(user) = receiver.and_then(Receiver::example) {
        add(&mut text, format_args!("One sign-up through all services: usher trace {user}{}", data(args)));
    }
    if let Some(bytes) = receiver.and_then(Receiver::forgot) {
        let megabytes = bytes >> 20;
        add(&mut text, format_args!("Of the traces only the newest {megabytes} MiB are kept."));
    }
    text
}

/// What can be tried while the run stays up.
pub(crate) fn while_it_stays(
    verdict: &Verdict,
    addresses: &Addresses,
    args: &UpArgs,
    edges: &Edges,
) -> String {
    let data = data(args);
    let mut text = String::from("\n");
    health(&mut text, addresses);
    let of_billing = verdict.refused.iter().filter(|(consumer, _)| consumer.name() == "billing");
    if let Some(user) = of_billing.filter_map(|(_, letter)| letter.user_id.as_deref()).next() {
        add(&mut text, format_args!("To mend the address that Stripe refused and have billing try again:"));
        add(&mut text, format_args!("  usher sandbox mend-email {user}{data}"));
        add(&mut text, format_args!("  usher dlq replay billing{data}"));
    }
    if let Some(stand_in) = TO_BREAK.into_iter().find(|edge| !edges.contains(*edge)) {
        add(&mut text, format_args!("To see a vendor fail, and what becomes of it:"));
        add(&mut text, format_args!("  usher sandbox break {stand_in}{data}"));
        add(&mut text, format_args!("  usher sandbox sign-up 6{data}"));
        add(&mut text, format_args!("  usher status{data}"));
    }
    add(&mut text, format_args!("Staying up until Ctrl-C."));
    text
}

/// What can be done while it is waited for people whom nobody here makes up.
pub(crate) fn while_people_sign_up(addresses: &Addresses, args: &UpArgs, edges: &Edges) -> String {
    let data = data(args);
    let mut text = format!("Real: {}. All else is a stand-in.\n", edges.names().join(", "));
    health(&mut text, addresses);
    add(&mut text, format_args!("A sign-up shows some minutes later, when the tenant's audit log has it:"));
    add(&mut text, format_args!("  usher trace{data}"));
    add(&mut text, format_args!("  usher status{data}"));
    add(&mut text, format_args!("Staying up until Ctrl-C."));
    text
}

fn health(text: &mut String, addresses: &Addresses) {
    add(text, format_args!("Health, at /healthz, /readyz, /status and /metrics of:"));
    for (part, status) in &addresses.status {
        add(text, format_args!("  {:<12}{}", part.to_string(), status.trim_end_matches("/status")));
    }
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
fn own_words(text: &mut String, unjudged: &[Row], args: &UpArgs, edges: &Edges) {
    for Row { name, done, dead_lettered, .. } in unjudged {
        let dead =
            if *dead_lettered > 0 { format!(", {dead_lettered} dead-lettered") } else { String::new() };
        let otherwise = if edges.hide(name) {
            look(name, args, edges)
        } else {
            "the stand-ins know nothing of it".to_owned()
        };
        add(text, format_args!("{name:<12}{done:>6}  done{dead}, by its own count; {otherwise}"));
    }
}

/// How somebody sees for himself what has come of a consumer's work.
fn look(consumer: &str, args: &UpArgs, edges: &Edges) -> String {
    if consumer == "webhook" {
        return "real: look for yourself, at its receiver".to_owned();
    }
    let stays = if args.keep || edges.people_are_real() { "" } else { " while a run stays up (--keep)" };
    // With a real tenant the environment says which one, and all else is then looked for there: but not a stand-in.
    let settings = if edges.people_are_real() && edges.leave_a_stand_in(consumer) {
        format!(" --consumer-env {}", args.data.join(format!("{consumer}.env")).display())
    } else {
        data(args)
    };
    format!("real: look for yourself, e.g. `usher reconcile {consumer}{settings}`{stays}")
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
    add(text, format_args!("    usher dlq show {} {sequence_number}{}", consumer.name(), data(args)));
}

/// What names the run's folder on another command line, unless that finds it by itself.
fn data(args: &UpArgs) -> String {
    match args.data.as_os_str() == LAST_RUN {
        true => String::new(),
        false => format!(" --data {}", args.data.display()),
    }
}

fn add(text: &mut String, line: Arguments<'_>) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        up: UpArgs,
    }

    fn args(more: &[&str]) -> UpArgs {
        Line::parse_from(["up"].iter().chain(more)).up
    }

    fn said(name: &'static str, edges: &[Edge], more: &[&str]) -> String {
        let mut text = String::new();
        let row = Row { name, done: 3, dead_lettered: 1, ..Row::default() };
        own_words(&mut text, &[row], &args(more), &edges.iter().copied().collect());
        text
    }

    #[test]
    fn of_what_is_real_it_says_where_to_look() {
        let stripe = said("billing", &[Edge::Stripe], &["--keep"]);
        assert_eq!(
            stripe,
            "billing          3  done, 1 dead-lettered, by its own count; real: look for yourself, e.g. \
             `usher reconcile billing`\n"
        );
        assert!(said("billing", &[Edge::Stripe], &[]).contains("(--keep)"), "nobody can be asked any more");
        assert!(said("webhook", &[Edge::Webhook], &[]).contains("at its receiver"), "reconcile can't ask it");
        assert!(said("loyalty", &[Edge::Stripe], &[]).contains("the stand-ins know nothing of it"));
    }

    #[test]
    fn with_a_real_tenant_the_settings_for_a_stand_in_are_those_of_the_run() {
        let email = said("email", &[Edge::Entra], &[]);
        assert!(email.contains("`usher reconcile email --consumer-env .usher/last/email.env`"), "{email}");
        let billing = said("billing", &[Edge::Entra, Edge::Stripe], &[]);
        assert!(billing.contains("`usher reconcile billing`\n"), "{billing}");
        assert!(said("upn", &[Edge::Entra], &[]).contains("`usher reconcile upn`"));
    }

    #[test]
    fn a_vendor_is_proposed_to_be_broken_that_a_stand_in_takes_the_place_of() {
        let proposed = |edges: &[Edge]| {
            let edges: Edges = edges.iter().copied().collect();
            while_it_stays(&Verdict::default(), &Addresses::default(), &args(&[]), &edges)
        };
        assert!(proposed(&[]).contains("usher sandbox break stripe\n"));
        assert!(proposed(&[Edge::Stripe]).contains("usher sandbox break mailchimp\n"));
        assert!(!proposed(&TO_BREAK).contains("sandbox"));
    }
}
