//! One vendor can't be reached for an hour: the others' work goes on, nothing is dead-lettered, and on its return all
//! is caught up soon, and without a herd.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{process::Command, time::Duration};

use usher_sandbox::{Judged, Vendor};
use usher_tests::simulation::{Hour, outage};

/// As many sign-ups an hour as two or three writes for each leave room for in the minute after Graph's return, at 18
/// writes a second, with half of that minute for the poll that notices it.
const WITHIN_A_MINUTE: usize = 180;
/// More than Graph's quota can make up for within a minute.
const MANY: usize = 1_000;
const MINUTE: Duration = Duration::from_secs(60);
/// What the quotas are, in calls or writes a second, and by how many they may be overrun in a single second: by as
/// many as one batch writes.
const GRAPH_WRITES: u64 = 20;
const STRIPE_CALLS: u64 = 100;
const ONE_BATCH: u64 = 4;
/// What crm keeps to by itself, and the token and the probe beside it.
const SALESFORCE_CALLS: u64 = 10 + 3;
/// What webhook keeps to by itself: a tenth of a second's share may come at once, and a probe beside it.
const WEBHOOK_CALLS: u64 = 50 + 5 + 1;
/// A database states no quota; this is what sixteen at once come to if all answers are as quick as any.
const DATABASE_CALLS: u64 = 16 * 20;
/// How many calls a probe makes at most of a vendor that is down: one, and two quick retries.
const ONE_PROBE: u64 = 3;
/// How many calls there is time for in the first second if they come one at first and then ever more at once: ten at
/// once from the beginning would be more than sixty.
const FIRST_SECOND: u64 = 25;
/// The same for a consumer that makes one call for a sign-up: sixteen at once from the beginning would be more than three
/// hundred.
const FIRST_SECOND_OF_SQL: u64 = 80;

/// Whom an outage leaves alone. Without Graph nobody sees who signs up: there it is nobody.
fn unaffected(vendor: Vendor) -> impl Iterator<Item = Judged> {
    let waits_for_it = move |consumer: &Judged| match vendor {
        Vendor::Stripe => *consumer == Judged::Billing,
        Vendor::Mailchimp => *consumer == Judged::Email,
        Vendor::Salesforce => *consumer == Judged::Crm,
        Vendor::Database => *consumer == Judged::Sql,
        Vendor::Webhook => *consumer == Judged::Webhook,
        Vendor::Graph | Vendor::Login => true,
    };
    Judged::ALL.into_iter().filter(move |consumer| !waits_for_it(consumer))
}

fn most_behind(hour: &Hour, consumer: Judged) -> usize {
    hour.samples.iter().map(|sample| sample.behind[&consumer]).max().unwrap()
}

/// What holds whoever is down and however many sign up.
fn play(vendor: Vendor, sign_ups_an_hour: usize) -> Hour {
    let hour = outage(vendor, sign_ups_an_hour).unwrap();
    println!("{vendor:?}, {sign_ups_an_hour} an hour: caught up after {:?}", hour.caught_up_after);
    assert_eq!(hour.dead_letters, 0);
    // A poll comes every half minute: no more than a minute's sign-ups are ever underway where nothing is wrong.
    for consumer in unaffected(vendor) {
        let most = most_behind(&hour, consumer);
        assert!(most <= sign_ups_an_hour / 60 + 3, "{consumer:?} fell behind by {most}");
    }
    let fell_behind = Judged::ALL.map(|consumer| most_behind(&hour, consumer)).into_iter().max().unwrap();
    assert!(fell_behind * 3 > sign_ups_an_hour, "an outage that nobody felt: {fell_behind}");
    left_alone_while_down(&hour);
    no_herd(&hour);
    hour
}

/// Once its outage is known, a vendor gets nothing but probes: two or three calls now and then from each who needs it.
fn left_alone_while_down(hour: &Hour) {
    let known = (Hour::FROM + MINUTE).as_secs()..Hour::UNTIL.as_secs();
    for consumer in Judged::ALL {
        let calls = hour.traffic.by_second(consumer.name(), hour.vendor);
        let most = calls.range(known.clone()).map(|(_, calls)| calls.made).max().unwrap_or_default();
        assert!(most <= 2 * ONE_PROBE, "{consumer:?} made {most} calls in a second");
    }
}

/// Who waits for a vendor begins with one attempt, and makes more as they succeed.
fn begins_slowly(hour: &Hour, consumer: Judged, most: u64) {
    let after = hour.traffic.by_second(consumer.name(), hour.vendor).split_off(&Hour::UNTIL.as_secs());
    let first = after.values().find(|calls| calls.writes > 0).unwrap();
    assert!(first.made <= most, "{consumer:?} began with {first:?}");
}

/// No second after the return brings more than the quota; nothing is answered with "too many".
fn no_herd(hour: &Hour) {
    for consumer in Judged::ALL {
        for vendor in Vendor::ALL {
            let after = hour.traffic.by_second(consumer.name(), vendor).split_off(&Hour::UNTIL.as_secs());
            let most = match vendor {
                Vendor::Graph => after.values().map(|calls| calls.writes).max(),
                _ => after.values().map(|calls| calls.made).max(),
            };
            let quota = match vendor {
                Vendor::Graph => GRAPH_WRITES + ONE_BATCH,
                // Mailchimp counts connections, of which the stand-in lets no more than ten in.
                Vendor::Stripe | Vendor::Mailchimp => STRIPE_CALLS,
                Vendor::Salesforce => SALESFORCE_CALLS,
                Vendor::Database => DATABASE_CALLS,
                Vendor::Webhook => WEBHOOK_CALLS,
                Vendor::Login => 1,
            };
            assert!(most.unwrap_or_default() <= quota, "{consumer:?} to {vendor:?}: {most:?} in a second");
            let throttled: u64 = after.values().map(|calls| calls.throttled).sum();
            assert_eq!(throttled, 0, "{consumer:?} to {vendor:?}");
        }
    }
}

#[test]
fn without_stripe_billing_waits_and_catches_up_within_a_minute() {
    let hour = play(Vendor::Stripe, WITHIN_A_MINUTE);
    assert!(hour.caught_up_after <= MINUTE);
    begins_slowly(&hour, Judged::Billing, FIRST_SECOND);
}

#[test]
fn without_mailchimp_email_waits_and_catches_up_within_a_minute() {
    for sign_ups_an_hour in [WITHIN_A_MINUTE, MANY] {
        let hour = play(Vendor::Mailchimp, sign_ups_an_hour);
        assert!(hour.caught_up_after <= MINUTE);
        begins_slowly(&hour, Judged::Email, FIRST_SECOND);
    }
}

#[test]
fn without_salesforce_crm_waits_and_catches_up_at_its_own_pace() {
    let hour = play(Vendor::Salesforce, WITHIN_A_MINUTE);
    assert!(hour.caught_up_after <= MINUTE);
    begins_slowly(&hour, Judged::Crm, FIRST_SECOND);
    let its_pace_takes = Duration::from_secs(MANY as u64 / 10);
    assert!(play(Vendor::Salesforce, MANY).caught_up_after <= MINUTE + its_pace_takes);
}

#[test]
fn without_the_database_or_the_webhooks_receiver_sql_and_webhook_wait_and_catch_up_within_a_minute() {
    // Webhook's own pace is as slow as its beginning.
    for (vendor, consumer, first_second) in [
        (Vendor::Database, Judged::Sql, FIRST_SECOND_OF_SQL),
        (Vendor::Webhook, Judged::Webhook, WEBHOOK_CALLS),
    ] {
        let hour = play(vendor, WITHIN_A_MINUTE);
        assert!(hour.caught_up_after <= MINUTE, "{vendor:?}");
        begins_slowly(&hour, consumer, first_second);
    }
}

#[test]
fn without_graph_everybody_waits_and_catches_up_within_a_minute() {
    assert!(play(Vendor::Graph, WITHIN_A_MINUTE).caught_up_after <= MINUTE);
}

/// Billing writes once for a sign-up, birthrights two or three times.
#[test]
fn a_thousand_an_hour_are_caught_up_as_fast_as_graphs_quota_lets_them() {
    for (vendor, writes) in [(Vendor::Stripe, MANY), (Vendor::Graph, MANY * 5 / 2)] {
        let quota_takes = Duration::from_secs(writes as u64 / 18);
        assert!(play(vendor, MANY).caught_up_after <= MINUTE + quota_takes, "{vendor:?}");
    }
}

#[test]
fn the_plot_in_the_docs_is_what_the_command_makes() {
    let made = Command::new(env!("CARGO_BIN_EXE_usher-outage-plot")).output().unwrap();
    let kept = include_str!("../../docs/outage.svg");
    assert!(
        made.status.success() && made.stdout == kept.as_bytes(),
        "make plot, and look at what has changed"
    );
}
