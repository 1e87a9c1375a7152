//! Many histories under simulated time. A red one says how to replay it: `make simulate SEED=n`.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU64, Ordering},
    thread::{available_parallelism, scope},
    time::Duration,
};

use usher_billing::Existing;
use usher_sandbox::{Judged, Vendor};
use usher_tests::simulation::{Options, Report, run};

/// How many seeds are tried unless `USHER_SEEDS` says otherwise: what two cores do in about a minute.
const SEEDS: u64 = 1_000;

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty());
    text.map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

/// Runs the histories of all seeds on all cores; returns the reports of the green ones.
fn all(seeds: std::ops::Range<u64>, options: impl Fn(u64) -> Options + Sync) -> Vec<Report> {
    let next = AtomicU64::new(seeds.start);
    let work = || {
        let mut results = vec![];
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return results;
            }
            results.push((seed, run(&options(seed))));
        }
    };
    let results: Vec<_> = scope(|threads| {
        let cores = available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..cores).map(|_| threads.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let red: Vec<_> = results
        .iter()
        .filter_map(|(seed, result)| Some(format!("make simulate SEED={seed}   {}", result.as_ref().err()?)))
        .collect();
    assert!(red.is_empty(), "{} of {} red:\n{}", red.len(), results.len(), red.join("\n"));
    results.into_iter().filter_map(|(_, result)| result.ok()).collect()
}

#[test]
fn all_histories_leave_each_effect_once_or_one_dead_letter_for_each_sign_up() {
    let reports = all(0..setting("USHER_SEEDS").unwrap_or(SEEDS), Options::of);
    // The histories must be worth their name: faults hit, and lead to every kind of ending.
    let faults: u64 = reports.iter().map(|report| report.faults).sum();
    let reasons: BTreeSet<_> =
        reports.iter().flat_map(|r| &r.dead_letters).map(|(reason, _)| reason.as_str()).collect();
    println!("{} histories, {faults} faults, dead letters by reason: {reasons:?}", reports.len());
    assert!(faults > reports.len() as u64);
    let refusals = BTreeSet::from(["StripeRejected", "MailchimpRejected", "SalesforceRejected"]);
    assert!(reasons.is_superset(&refusals), "{reasons:?}");
}

#[test]
fn one_seed_replays_with_its_options_printed() {
    let options = Options::of(setting("USHER_SEED").unwrap_or(7));
    println!("{options:#?}");
    let report = run(&options).unwrap_or_else(|problem| panic!("{problem}"));
    println!("{report:#?}");
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in 0..10 {
        assert_eq!(run(&Options::of(seed)), run(&Options::of(seed)), "seed {seed}");
    }
}

#[test]
fn an_hours_outage_of_any_vendor_dead_letters_nothing() {
    for vendor in Vendor::ALL {
        let outage = Some((vendor, Duration::from_secs(120)));
        let reports = all(0..5, |seed| Options { outage, ..Options::quiet(seed, 40) });
        for report in reports {
            assert_eq!(report.dead_letters, [], "{vendor:?}");
            assert!(report.quiet_after > 3600, "{vendor:?}");
        }
    }
}

#[test]
fn entries_up_to_45_minutes_late_and_out_of_order_are_all_published_once() {
    let reports = all(0..20, |seed| Options { stragglers: 0.5, ..Options::quiet(seed, 40) });
    for report in reports {
        assert_eq!(report.counts["producer"]["published"], 40, "{report:?}");
        for consumer in Judged::ALL.map(Judged::name) {
            assert_eq!(report.counts[consumer]["received"], 40, "{consumer}");
        }
    }
}

#[test]
fn whoever_was_a_customer_before_is_left_alone_linked_or_refused_whatever_fails() {
    for stripe_existing in [Existing::Create, Existing::Link, Existing::Reject] {
        let known = |seed| Options {
            existing_customers: 0.7,
            stripe_existing,
            open_extension: true,
            http_faults: 0.2,
            late_calls: 0.1,
            bus_faults: 0.1,
            faults_for: Duration::from_secs(1800),
            consumer_deaths: Judged::ALL.map(|consumer| (consumer, vec![vec![60], vec![90]])).into(),
            ..Options::quiet(seed, 20)
        };
        all(0..5, known);
    }
}

/// They race for one name, on replicas that are behind, and answers are lost after their effect: nobody gets a second
/// name for that, and no two the same.
#[test]
fn forty_namesakes_at_one_moment_get_one_name_each() {
    let race = |seed| Options {
        namesakes: 40,
        read_lag: Duration::from_secs(60),
        write_moment: Duration::from_secs(2),
        http_faults: 0.2,
        late_calls: 0.1,
        bus_faults: 0.1,
        faults_for: Duration::from_secs(1800),
        consumer_deaths: Judged::ALL.map(|consumer| (consumer, vec![vec![60], vec![90]])).into(),
        ..Options::quiet(seed, 0)
    };
    for report in all(0..5, race) {
        let renamed = report.ledger.iter().filter(|line| line.contains("upn_changes: 1")).count();
        assert!(renamed > 10, "many are, before anything is replayed: {renamed}");
    }
}
