//! `usher up` as anybody runs it: all services as processes, a number of sign-ups through all seven consumers, and
//! afterwards the dead letters that it left.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::time::Duration;

use tempfile::TempDir;
use usher_tests::processes::{Output, Program};

/// With chaos a killed consumer's locks are waited for, which last a minute, and a call that hangs, which lasts two.
const WITH_CHAOS: Duration = Duration::from_secs(6 * 60);

fn usher(home: &TempDir, line: &str) -> Program {
    Program::new("usher", home.path()).args(line.split_whitespace())
}

fn is_green(output: &Output) {
    assert_eq!(output.code, Some(0), "{}{}", output.stdout, output.stderr);
    assert!(output.stdout.contains("Every effect shows exactly once."), "{}", output.stdout);
}

#[tokio::test]
async fn a_run_takes_every_sign_up_through_all_seven_and_leaves_its_dead_letters_to_be_looked_at() {
    let home = tempfile::tempdir().unwrap();
    let up = usher(&home, "up --signups 20 --rate 10 --seed 7").run().await;
    is_green(&up);
    for said in [
        "billing         19  have one Stripe customer",
        "birthrights     20  have the groups and app roles of the rules",
        "upn             20  have a readable user principal name",
        "on the Mailchimp list and welcomed once",
        "  did not agree to mail",
        "  1  had left the list before",
        "crm             19  have one Salesforce contact",
        "sql             20  have one row in the table",
        "webhook         20  are known to the webhook's receiver, each by one id",
    ] {
        assert!(up.stdout.contains(said), "{said}: {}", up.stdout);
    }
    for (consumer, letters, reason) in [
        ("billing", 1, "StripeRejected"),
        ("email", 1, "MailchimpRejected"),
        ("birthrights", 0, ""),
        ("upn", 0, ""),
        ("crm", 1, "SalesforceRejected"),
        ("sql", 0, ""),
        ("webhook", 0, ""),
    ] {
        let listed = usher(&home, &format!("dlq list {consumer}")).run().await;
        let counts = format!("{letters} in {consumer}'s dead-letter queue");
        assert!(listed.stdout.contains(&counts) && listed.stdout.contains(reason), "{}", listed.stdout);
    }
    traces_can_be_seen(&home, &up).await;
}

/// The summary says where one sign-up can be seen, and there all seven are done with it.
async fn traces_can_be_seen(home: &TempDir, up: &Output) {
    let (_, example) = up.stdout.split_once("One sign-up through all services: usher trace ").unwrap();
    let trace = usher(home, &format!("trace {}", example.lines().next().unwrap())).run().await;
    assert!(trace.code == Some(0) && trace.stdout.contains("; 7 done after "), "{trace:?}");
    let listed = usher(home, "trace --limit 100").run().await;
    assert!(listed.stdout.lines().count() > 20, "{}", listed.stdout);
    for reason in ["StripeRejected", "MailchimpRejected", "SalesforceRejected"] {
        assert!(listed.stdout.contains(&format!("6 done, 1 dead-lettered ({}", refuses(reason))), "{reason}");
    }
}

/// Who gives this reason, and the reason, as a list of sign-ups has it.
fn refuses(reason: &str) -> String {
    let consumer = match reason {
        "StripeRejected" => "billing",
        "MailchimpRejected" => "email",
        _ => "crm",
    };
    format!("{consumer}: {reason})")
}

#[tokio::test]
async fn a_run_with_chaos_ends_as_well() {
    let home = tempfile::tempdir().unwrap();
    let up = usher(&home, "up --signups 40 --rate 4 --chaos --seed 7").run_within(WITH_CHAOS).await;
    is_green(&up);
    assert!(up.stdout.contains("Chaos of seed 7: "), "{}", up.stdout);
    assert!(!up.stdout.contains(" no kills") && !up.stdout.contains(": 0 calls"), "{}", up.stdout);
}
