//! What Usher needs, as the deployment makes it in Azure, for this broker.

use std::time::Duration;

use serde_json::Value;

use super::{DeliverySpec, IntakeSpec, SubscriptionSpec, TopicSpec, Topology};
use crate::rules::Filter;

const TOPIC: &str = "user-signups";

/// The consumers, each of which has a subscription of its own name: the list that the command line and the deployment
/// read too.
const CONSUMERS: &str = include_str!("../../../../infra/consumers.json");

/// As long as Service Bus allows: within it the producer may publish a sign-up twice.
const DUPLICATE_WINDOW: Duration = Duration::from_hours(7 * 24);

const LOCK_DURATION: Duration = Duration::from_mins(1);

/// Bounds crashes, not retries: those are the consumer's own business.
const MAX_DELIVERY_COUNT: u32 = 10;

impl Topology {
    /// The topic `user-signups` and a subscription for each consumer.
    pub fn usher() -> Self {
        let topic = TopicSpec {
            name: TOPIC.to_owned(),
            intake: IntakeSpec { duplicate_window: Some(DUPLICATE_WINDOW), ..IntakeSpec::default() },
            default_time_to_live: None,
            subscriptions: consumers().iter().map(|name| subscription(name)).collect(),
        };
        Self { queues: Vec::new(), topics: vec![topic] }
    }
}

fn consumers() -> Vec<String> {
    let list: Vec<Value> = serde_json::from_str(CONSUMERS).expect("a test reads the list");
    list.iter().filter_map(|entry| entry["name"].as_str().map(str::to_owned)).collect()
}

/// A subscription that gets every sign-up, and of the corrected copies (`replayTo`) those meant for it.
fn subscription(consumer: &str) -> SubscriptionSpec {
    let rule = Filter::sql(&format!("replayTo IS NULL OR replayTo = '{consumer}'"));
    SubscriptionSpec {
        name: consumer.to_owned(),
        delivery: DeliverySpec {
            lock_duration: LOCK_DURATION,
            max_delivery_count: MAX_DELIVERY_COUNT,
            ..DeliverySpec::default()
        },
        rules: vec![rule.expect("the rule is well-formed for every consumer's name, which a test proves")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_consumer_of_the_list_has_a_subscription_in_its_order() {
        let Topology { topics, .. } = Topology::usher();
        let names: Vec<_> = topics[0].subscriptions.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, consumers());
        assert!(names.starts_with(&["billing", "email", "birthrights", "upn"]), "{names:?}");
    }
}
