//! What only a network, a key or a process can do to the adapter.

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tempfile::TempDir;
use usher_bus::{Bus, BusError, BusSettings, Renewal, ServiceBus, Settlement};

use crate::{
    broker::{Broker, settings_for, tls_settings_for},
    messages::{is_quiet, message, messages, next, receive, within},
    proxy::Proxy,
    world::billing,
};

fn connect(settings: &BusSettings) -> ServiceBus {
    ServiceBus::connect(settings, None).unwrap()
}

#[tokio::test]
async fn a_wrong_key_is_refused_at_once() {
    let broker = Broker::start().await;
    let bus = connect(&settings_for(broker.address, "wrong", &[]));
    for refused in [
        within(bus.publisher("signups")).await.map(drop),
        within(bus.receiver(&billing("signups"))).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert!(matches!(error, BusError::Unauthorized { .. }), "{error:?}");
        assert!(!error.to_string().contains("wrong"), "{error}");
    }
}

#[tokio::test]
async fn an_unreachable_broker_is_reported_in_time() {
    let mut broker = Broker::start().await;
    broker.kill().await;
    let since = Instant::now();
    let error = connect(&broker.settings()).receiver(&billing("signups")).await.map(drop).unwrap_err();
    assert!(matches!(&error, BusError::Unavailable(why) if why.contains("127.0.0.1")), "{error:?}");
    assert!(since.elapsed() < Duration::from_secs(12), "{:?}", since.elapsed());
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_broker_is_killed_under_load() {
    const BATCHES: usize = 40;
    let mut broker = Broker::start().await;
    let bus = connect(&broker.settings());
    let publisher = bus.publisher("once").await.unwrap();
    let publishing = tokio::spawn(async move {
        for batch in messages(BATCHES * 50).chunks(50) {
            publisher.publish(batch.to_vec()).await.unwrap();
        }
    });
    let receiver = bus.receiver(&billing("once")).await.unwrap();
    within(async { while receiver.peek(0, 1).await.unwrap().is_empty() {} }).await;
    broker.kill().await;
    broker.restart().await;
    tokio::time::timeout(Duration::from_secs(60), publishing).await.unwrap().unwrap();

    let mut ids = BTreeSet::new();
    receiver.add_credit(100);
    for _ in 0..BATCHES * 50 {
        let delivery = next(&*receiver).await;
        assert!(ids.insert(delivery.message.id), "doubled");
        within(receiver.settle(delivery.lock, Settlement::Complete)).await.unwrap();
        receiver.add_credit(1);
    }
    assert!(is_quiet(&*receiver).await, "one too many");
}

#[tokio::test]
async fn receiving_goes_on_after_a_restart_with_the_credit_given_before() {
    let mut broker = Broker::start().await;
    let bus = connect(&broker.settings());
    let receiver = bus.receiver(&billing("signups")).await.unwrap();
    receiver.add_credit(2);
    broker.kill().await;
    broker.restart().await;
    bus.publisher("signups").await.unwrap().publish(messages(3)).await.unwrap();
    next(&*receiver).await;
    next(&*receiver).await;
    assert!(is_quiet(&*receiver).await, "credit is a bound across connections, too");
}

#[tokio::test]
async fn credit_can_be_given_and_withdrawn_while_the_broker_is_away() {
    let mut broker = Broker::start().await;
    let bus = connect(&broker.settings());
    let receiver = bus.receiver(&billing("signups")).await.unwrap();
    broker.kill().await;
    receiver.add_credit(5);
    assert!(within(receiver.withdraw_credit()).await.unwrap().is_empty());
    broker.restart().await;
    bus.publisher("signups").await.unwrap().publish(messages(2)).await.unwrap();
    assert!(is_quiet(&*receiver).await);
    receive(&*receiver).await;
}

#[tokio::test]
async fn what_was_held_when_the_connection_broke_can_be_renewed_and_settled_on_the_next() {
    let broker = Broker::start().await;
    let proxy = Proxy::before(broker.address).await;
    let bus = connect(&settings_for(proxy.address, "SAS_KEY_VALUE", &[]));
    bus.publisher("signups").await.unwrap().publish(messages(4)).await.unwrap();
    let receiver = bus.receiver(&billing("signups")).await.unwrap();
    let mut locks = Vec::new();
    for _ in 0..3 {
        locks.push(receive(&*receiver).await.lock);
    }
    proxy.cut();

    let dead_letter = Settlement::DeadLetter { reason: "Refused".into(), description: "status 400".into() };
    within(receiver.settle(locks[0], Settlement::Complete)).await.unwrap();
    within(receiver.settle(locks[1], dead_letter)).await.unwrap();
    assert!(matches!(
        within(receiver.renew(&locks)).await.unwrap()[..],
        [Renewal::Lost, Renewal::Lost, Renewal::Held(_)]
    ));
    within(receiver.settle(locks[2], Settlement::Abandon)).await.unwrap();
    assert_eq!(within(receiver.settle(locks[0], Settlement::Complete)).await, Err(BusError::LockLost));

    let left = within(receiver.peek(0, 10)).await.unwrap();
    let left: Vec<_> =
        left.iter().map(|peeked| (peeked.message.id.as_str(), peeked.delivery_count)).collect();
    assert_eq!(left, [("m-00002", 1), ("m-00003", 0)]);
    let dead = receive(&*bus.receiver(&billing("signups").dead_letters()).await.unwrap()).await;
    assert_eq!(dead.message.dead_letter(), (Some("Refused"), Some("status 400")));
}

#[tokio::test]
async fn credit_withdrawn_again_and_again_under_load_stays_a_bound_and_loses_nothing() {
    const COUNT: usize = 600;
    let broker = Broker::start().await;
    let bus = connect(&broker.settings());
    let receiver = bus.receiver(&billing("signups")).await.unwrap();
    bus.publisher("signups").await.unwrap().publish(messages(COUNT)).await.unwrap();

    let mut ids = BTreeSet::new();
    while ids.len() < COUNT {
        receiver.add_credit(7);
        let mut arrived = vec![next(&*receiver).await];
        arrived.extend(within(receiver.withdraw_credit()).await.unwrap());
        assert!(arrived.len() <= 7, "{} arrived under a credit of 7", arrived.len());
        for delivery in arrived {
            assert_eq!(delivery.delivery_count, 0);
            within(receiver.settle(delivery.lock, Settlement::Complete)).await.unwrap();
            assert!(ids.insert(delivery.message.id));
        }
    }
}

#[tokio::test]
async fn amqp_travels_inside_websockets_with_and_without_tls() {
    let websockets = ["--servicebus-transport", "websockets"];
    let broker = Broker::start().await;
    there_and_back(&connect(&settings_for(broker.address, "SAS_KEY_VALUE", &websockets))).await;

    let certificate = Certificate::for_this_machine();
    let broker = Broker::start_with(&certificate.flags()).await;
    let settings = tls_settings_for(broker.address, &websockets);
    there_and_back(&ServiceBus::connect(&settings, Some(&certificate.chain)).unwrap()).await;
}

#[tokio::test]
async fn tls_is_trusted_by_the_extra_ca_and_by_nothing_less() {
    let (ours, other) = (Certificate::for_this_machine(), Certificate::for_this_machine());
    let broker = Broker::start_with(&ours.flags()).await;
    let settings = tls_settings_for(broker.address, &[]);
    there_and_back(&ServiceBus::connect(&settings, Some(&ours.chain)).unwrap()).await;

    let bus = ServiceBus::connect(&settings, Some(&other.chain)).unwrap();
    let error = within(bus.publisher("signups")).await.map(drop).unwrap_err();
    assert!(matches!(&error, BusError::Unavailable(why) if why.contains("certificate")), "{error:?}");
}

/// A certificate for `localhost` that signs itself, and its key, in files.
struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    _home: TempDir,
}

impl Certificate {
    fn for_this_machine() -> Self {
        let home = tempfile::tempdir().unwrap();
        let (chain, key) = (home.path().join("cert.pem"), home.path().join("key.pem"));
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(&chain, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        Self { chain, key, _home: home }
    }

    fn flags(&self) -> [&str; 4] {
        ["--tls-cert", self.chain.to_str().unwrap(), "--tls-key", self.key.to_str().unwrap()]
    }
}

async fn there_and_back(bus: &ServiceBus) {
    let publisher = within(bus.publisher("signups")).await.unwrap();
    let receiver = within(bus.receiver(&billing("signups"))).await.unwrap();
    let large = usher_bus::Message::new("large", vec![7; 200_000]);
    within(publisher.publish(vec![message("a"), large.clone()])).await.unwrap();
    receiver.add_credit(2);
    for expected in [message("a"), large] {
        let delivery = next(&*receiver).await;
        assert_eq!(delivery.message, expected);
        within(receiver.settle(delivery.lock, Settlement::Complete)).await.unwrap();
    }
}

#[tokio::test]
async fn a_message_beyond_the_limit_is_too_large() {
    let broker = Broker::start().await;
    let bus = connect(&broker.settings());
    let publisher = bus.publisher("signups").await.unwrap();
    let huge = usher_bus::Message::new("huge", vec![7; 120 << 20]);
    assert_eq!(within(publisher.publish(vec![huge])).await, Err(BusError::TooLarge));
    within(publisher.publish(vec![message("a")])).await.unwrap();
}

#[tokio::test]
async fn neither_closing_nor_dropping_leaves_a_task_behind() {
    let mut broker = Broker::start().await;
    let alive = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = alive();
    for polite in [true, false] {
        let bus = connect(&broker.settings());
        let publisher = bus.publisher("signups").await.unwrap();
        let receiver = bus.receiver(&billing("signups")).await.unwrap();
        receiver.add_credit(1);
        if polite {
            within(bus.close()).await;
        }
        drop((bus, publisher, receiver));
        within(async {
            while alive() > before {
                tokio::time::sleep(Duration::from_millis(5)).await
            }
        })
        .await;
    }
    broker.kill().await;
}

#[tokio::test]
async fn settlements_and_publications_may_run_side_by_side() {
    const EACH: usize = 100;
    let broker = Broker::start().await;
    let bus = Arc::new(connect(&broker.settings()));
    let publisher = bus.publisher("signups").await.unwrap();
    let receiver = bus.receiver(&billing("signups")).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let publisher = publisher.clone();
        tasks.spawn(async move {
            for number in 0..EACH {
                publisher.publish(vec![message(&format!("{writer}-{number}"))]).await.unwrap();
            }
        });
    }
    receiver.add_credit(20);
    for _ in 0..4 * EACH {
        let delivery = next(&*receiver).await;
        let receiver = receiver.clone();
        tasks.spawn(async move {
            receiver.settle(delivery.lock, Settlement::Complete).await.unwrap();
            receiver.add_credit(1);
        });
    }
    within(tasks.join_all()).await;
    assert!(within(receiver.peek(0, 1)).await.unwrap().is_empty());
}
