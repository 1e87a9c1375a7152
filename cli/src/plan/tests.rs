use clap::Parser;

use super::*;

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    plan: PlanArgs,
}

fn args(more: &[&str]) -> PlanArgs {
    let mut args =
        Cli::try_parse_from([&["usher-plan"], more].concat()).map_err(|e| e.to_string()).unwrap().plan;
    if args.consumers.is_empty() {
        args.consumers = Consumer::all();
    }
    args
}

fn limits(more: &[&str]) -> Limits {
    let args = args(more);
    let demand = Demand::of(&args);
    Limits::of(&args, &demand)
}

fn used(limits: &Limits, name: &str) -> f64 {
    limits.0.iter().find(|limit| limit.name == name).unwrap().used
}

#[test]
fn at_as_many_sign_ups_as_a_limit_is_enough_for_it_is_used_up() {
    for limit in limits(&["--signups-per-day", "10000"]).0 {
        let at_its_end = limits(&["--signups-per-day", &format!("{:.0}", limit.enough_for)]);
        assert!((used(&at_its_end, limit.name) - 1.0).abs() < 0.001, "{limit:?}");
    }
}

#[test]
fn the_busiest_hour_counts_where_a_limit_is_one_of_the_moment() {
    let even = limits(&["--signups-per-day", "100000", "--busiest-hour", "5"]);
    let campaign = limits(&["--signups-per-day", "100000", "--busiest-hour", "50"]);
    assert!((used(&campaign, "Stripe") / used(&even, "Stripe") - 10.0).abs() < 0.01);
    assert_eq!(used(&campaign, "Salesforce, a day"), used(&even, "Salesforce, a day"));
}

#[test]
fn a_consumer_that_does_not_run_takes_nothing() {
    let limits = limits(&["--signups-per-day", "100", "--consumers", "email"]);
    let names: Vec<_> = limits.0.iter().map(|limit| limit.name).collect();
    assert!(
        names.contains(&"Mailchimp") && !names.contains(&"Stripe") && !names.contains(&"Graph, upn"),
        "{names:?}"
    );
}

#[test]
fn a_plan_that_does_not_hold_says_which_limit_is_first_and_ends_with_no() {
    let args = args(&["--signups-per-day", "10000000"]);
    let demand = Demand::of(&args);
    let report = Report { limits: Limits::of(&args, &demand), demand, args: &args };
    let text = report.as_text();
    assert!(text.contains("Hit first: "), "{text}");
    assert!(report.verdict().unwrap_err().to_string().contains("does not hold"));
}

#[test]
fn nonsense_is_refused() {
    for wrong in
        [["--busiest-hour", "0"], ["--busiest-hour", "101"], ["--call-takes", "-1"], ["--overlap", "NaN"]]
    {
        let line = [&["usher-plan", "--signups-per-day", "1"][..], &wrong].concat();
        assert!(Cli::try_parse_from(line).is_err(), "{wrong:?}");
    }
}
