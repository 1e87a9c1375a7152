use std::collections::BTreeMap;

use super::bench::*;
use crate::{
    machine::{Change, SendError, Target},
    rules::Filter,
};

const GOLD: &str = "signups/Subscriptions/gold";
const ALL: &str = "signups/Subscriptions/all";

fn gold() -> Filter {
    Filter::sql("tier = 'gold'").unwrap()
}

fn of_tier(payload: &'static str, tier: &str) -> crate::machine::NewMessage<&'static str> {
    let mut message = message(payload);
    message.facets.properties = BTreeMap::from([("tier".to_owned(), tier.into())]);
    message
}

#[test]
fn a_topic_gives_each_subscription_what_its_rules_want() {
    let mut bench = Bench::new(&topic(&[("all", &[]), ("gold", &[gold()])]));
    bench
        .try_send("signups", vec![message("plain"), of_tier("rich", "gold"), of_tier("poor", "tin")])
        .unwrap();
    assert_eq!(bench.drain(ALL), ["plain", "rich", "poor"]);
    assert_eq!(bench.drain(GOLD), ["rich"]);
}

#[test]
fn several_matching_rules_still_make_one_copy() {
    let mut bench = Bench::new(&topic(&[("gold", &[Filter::Nothing, gold(), Filter::Everything])]));
    bench.send("signups", of_tier("rich", "gold"));
    assert_eq!(bench.drain(GOLD), ["rich"]);
}

#[test]
fn subscriptions_count_and_settle_on_their_own() {
    let mut bench = Bench::new(&topic(&[("all", &[]), ("gold", &[gold()])]));
    bench.try_send("signups", vec![of_tier("poor", "tin"), of_tier("rich", "gold")]).unwrap();
    assert_eq!(bench.receive(GOLD).sequence_number, 1);
    bench.dead_letter(ALL);
    let letter = bench.receive("signups/subscriptions/ALL/$deadletterqueue");
    assert_eq!(letter.dead_letter.unwrap().source, ALL);
    assert_eq!(bench.counts(GOLD).locked, 1);
}

#[test]
fn all_copies_of_a_message_share_a_group() {
    let mut bench = Bench::new(&topic(&[("a", &[]), ("b", &[])]));
    bench.try_send("signups", vec![message("x"), message("y")]).unwrap();
    let group = |change: Change<_>| match change {
        Change::Added { group, .. } => group,
        other => panic!("{other:?}"),
    };
    let groups: Vec<_> = bench.machine.take_changes().into_iter().map(group).collect();
    assert_eq!(groups, [1, 1, 2, 2]);
}

#[test]
fn every_copy_counts_against_the_topics_quota() {
    let mut topology = topic(&[("a", &[]), ("b", &[])]);
    topology.topics[0].intake.max_bytes = 399;
    let mut bench = Bench::new(&topology);
    bench.send("signups", message("x"));
    assert_eq!(bench.try_send("signups", vec![message("y")]), Err(SendError::Full));
    bench.drain("signups/Subscriptions/a");
    bench.send("signups", message("y"));
}

#[test]
fn a_topic_is_sent_to_and_its_subscriptions_are_received_from() {
    let mut bench = Bench::new(&topic(&[("all", &[])]));
    assert!(matches!(bench.machine.find("Signups"), Some(Target::Topic(_))));
    assert_eq!(bench.try_send(ALL, vec![message("a")]), Err(SendError::NotSendable));
    assert_eq!(bench.machine.find("signups/$DeadLetterQueue"), None);
}
