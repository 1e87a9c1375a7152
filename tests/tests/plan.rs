//! What `usher plan` reckons is what simulated sign-ups ask, and what docs/capacity.md shows is what it prints.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use serde_json::Value;
use usher_sandbox::{EmailExpected, Judged, Vendor};
use usher_tests::{
    binary,
    simulation::{Absorbed, burst},
};

/// Enough that a token more or less does not show.
const SIGN_UPS: usize = 2_000;
const DOCUMENT: &str = include_str!("../../docs/capacity.md");

fn plan(arguments: &[&str]) -> String {
    let output = Command::new(binary("usher")).arg("plan").args(arguments).output().unwrap();
    assert!(output.status.code().is_some_and(|code| code <= 1), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn vendor_of(consumer: Judged) -> Vendor {
    match consumer {
        Judged::Billing => Vendor::Stripe,
        Judged::Email => Vendor::Mailchimp,
        Judged::Crm => Vendor::Salesforce,
        Judged::Sql => Vendor::Database,
        Judged::Webhook => Vendor::Webhook,
        Judged::Birthrights | Judged::Upn => Vendor::Graph,
    }
}

/// Groups and app roles, for each sign-up.
fn birthrights(absorbed: &Absorbed) -> f64 {
    let lines = &absorbed.effects.sign_ups;
    let expected = lines.iter().map(|line| &line.birthrights.expected);
    let granted: usize = expected.map(|it| it.groups.len() + it.app_roles.len()).sum();
    granted as f64 / SIGN_UPS as f64
}

/// Those for whom a consumer has anything to do.
fn acted_on(absorbed: &Absorbed, consumer: Judged) -> f64 {
    let lines = absorbed.effects.sign_ups.iter();
    let counts = |email: EmailExpected| consumer != Judged::Email || email != EmailExpected::NoConsent;
    lines.filter(|line| counts(line.email.expected)).count() as f64
}

#[test]
fn a_sign_up_asks_of_each_system_what_the_plan_says_and_a_burst_takes_as_long() {
    let absorbed = burst(SIGN_UPS, false).unwrap();
    let (sign_ups, birthrights) = (SIGN_UPS.to_string(), birthrights(&absorbed).to_string());
    let plan = plan(&[
        "--signups-per-day",
        &sign_ups,
        "--stripe-mode",
        "test",
        "--birthrights",
        &birthrights,
        "--json",
    ]);
    let plan: Value = serde_json::from_str(&plan).unwrap();
    let planned = plan["calls_per_signup"].as_array().unwrap();
    for consumer in Judged::ALL {
        let planned = planned.iter().find(|calls| calls["consumer"] == consumer.name()).unwrap();
        let sign_ups = acted_on(&absorbed, consumer);
        let seen = |vendor| absorbed.calls[&(consumer, vendor)];
        is_about(consumer, "graph", seen(Vendor::Graph).made as f64 / sign_ups, planned);
        is_about(consumer, "graph_writes", seen(Vendor::Graph).writes as f64 / sign_ups, planned);
        if vendor_of(consumer) != Vendor::Graph {
            is_about(consumer, "vendor", seen(vendor_of(consumer)).made as f64 / sign_ups, planned);
        }
    }
    let (took, reckoned) = (absorbed.took.as_secs_f64(), plan["at_once_seconds"].as_f64().unwrap());
    println!("a burst of {SIGN_UPS}: {took:.0} s, and {reckoned:.0} s by the plan");
    assert!((took / reckoned - 1.0).abs() < 0.15, "took {took} s, and {reckoned} s by the plan");
}

fn is_about(consumer: Judged, what: &str, seen: f64, planned: &Value) {
    let planned = planned[what].as_f64().unwrap();
    println!("{consumer:?} {what}: {seen:.3} seen, {planned:.3} planned");
    // More than is needed would be as wrong a plan as less.
    assert!(
        seen <= 1.05 * planned && seen >= 0.9 * planned,
        "{consumer:?} {what}: {seen} seen, {planned} planned"
    );
}

#[test]
fn the_document_shows_what_the_command_prints() {
    for arguments in [
        &["--signups-per-day", "100"][..],
        &["--signups-per-day", "10000"],
        &["--signups-per-day", "10000000"],
    ] {
        let printed = plan(arguments);
        let command = format!("usher plan {}", arguments.join(" "));
        assert!(DOCUMENT.contains(&command), "{command}");
        assert!(DOCUMENT.contains(&printed), "put what `{command}` prints into docs/capacity.md:\n{printed}");
    }
}
