//! The brokers that the suite runs against, both with the same topics.

use std::sync::Arc;

use usher_broker::{MemoryBus, topology::Topology};
use usher_bus::{Bus, Entity, Publisher, Receiver, ServiceBus};
use usher_clock::Clock;

use crate::broker::Broker;

/// The topics, in the file format of Microsoft's emulator. Each has the one subscription `billing`.
pub(crate) const TOPOLOGY: &str = r#"{ "UserConfig": { "Namespaces": [ { "Name": "test", "Topics": [
    { "Name": "signups", "Subscriptions": [ { "Name": "billing", "Properties": { "LockDuration": "PT1M" } } ] },
    { "Name": "brief", "Subscriptions": [ { "Name": "billing", "Properties": { "LockDuration": "PT1S" } } ] },
    { "Name": "strict", "Subscriptions": [ { "Name": "billing", "Properties": { "MaxDeliveryCount": 2 } } ] },
    { "Name": "once",
      "Properties": { "RequiresDuplicateDetection": true, "DuplicateDetectionHistoryTimeWindow": "PT1H" },
      "Subscriptions": [ { "Name": "billing", "Properties": { "LockDuration": "PT1M" } } ] }
] } ] } }"#;

/// A bus, and what it needs to live.
pub(crate) struct World {
    pub(crate) bus: Arc<dyn Bus>,
    _broker: Option<Broker>,
}

/// The adapter, connected to a broker process of its own.
pub(crate) async fn over_the_wire() -> World {
    let broker = Broker::start().await;
    let bus = ServiceBus::connect(&broker.settings(), None).expect("the settings are right");
    World { bus: Arc::new(bus), _broker: Some(broker) }
}

/// The state machine in this process.
pub(crate) fn in_memory() -> World {
    let topology = Topology::from_emulator_config(TOPOLOGY).expect("the topology is well-formed");
    World { bus: Arc::new(MemoryBus::new(&topology, Clock::system())), _broker: None }
}

/// The subscription of a topic.
pub(crate) fn billing(topic: &str) -> Entity {
    Entity::subscription(topic, "billing")
}

impl World {
    /// A publisher on the topic and a receiver on its subscription.
    pub(crate) async fn open(&self, topic: &str) -> (Arc<dyn Publisher>, Arc<dyn Receiver>) {
        let publisher = self.bus.publisher(topic).await.expect("the topic is there");
        let receiver = self.bus.receiver(&billing(topic)).await.expect("the subscription is there");
        (publisher, receiver)
    }

    /// A receiver on the dead-letter queue.
    pub(crate) async fn dead_letters(&self, topic: &str) -> Arc<dyn Receiver> {
        self.bus.receiver(&billing(topic).dead_letters()).await.expect("the dead-letter queue is there")
    }
}
