use std::time::Duration;

use time::macros::datetime;
use tokio::time::timeout;
use usher_bus::PropertyValue;

use super::*;

fn bus() -> MemoryBus {
    MemoryBus::new(&Topology::usher(), Clock::starting_at(datetime!(2026-01-01 00:00 UTC)))
}

fn billing() -> Entity {
    Entity::subscription("user-signups", "billing")
}

async fn publish(bus: &MemoryBus, id: &str) {
    bus.publisher("user-signups")
        .await
        .unwrap()
        .publish(vec![Message::new(id, id.to_owned())])
        .await
        .unwrap();
}

async fn receiver(bus: &MemoryBus, credit: u32) -> Arc<dyn Receiver> {
    let receiver = bus.receiver(&billing()).await.unwrap();
    receiver.add_credit(credit);
    receiver
}

/// Whether nothing arrives for as long as a lock could matter. Costs no real time.
async fn stays_idle(receiver: &Arc<dyn Receiver>, wait: Duration) -> bool {
    timeout(wait, receiver.next()).await.is_err()
}

const MOMENT: Duration = Duration::from_millis(10);
const LOCK: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_message_arrives_as_it_was_sent() {
    let bus = bus();
    let sent = Message {
        subject: Some("UserSignedUp".to_owned()),
        content_type: Some("application/cloudevents+json".to_owned()),
        ..Message::new("m1", "body").with_property("traceparent", "00-x")
    };
    let publisher = bus.publisher("user-signups").await.unwrap();
    publisher.publish(vec![sent.clone()]).await.unwrap();
    let delivery = receiver(&bus, 1).await.next().await.unwrap();
    assert_eq!(delivery.message, sent);
    assert_eq!((delivery.sequence_number, delivery.delivery_count, delivery.locked_for), (1, 0, LOCK));
    assert_eq!(delivery.enqueued_at, datetime!(2026-01-01 00:00 UTC));
}

#[tokio::test(start_paused = true)]
async fn a_receiver_gets_no_more_than_its_credit() {
    let bus = bus();
    for id in ["a", "b", "c"] {
        publish(&bus, id).await;
    }
    let receiver = receiver(&bus, 2).await;
    receiver.next().await.unwrap();
    receiver.next().await.unwrap();
    assert!(stays_idle(&receiver, MOMENT).await);
    receiver.add_credit(1);
    assert_eq!(receiver.next().await.unwrap().message.id, "c");
}

#[tokio::test(start_paused = true)]
async fn credit_that_was_withdrawn_delivers_nothing() {
    let bus = bus();
    let receiver = receiver(&bus, 5).await;
    assert!(receiver.withdraw_credit().await.unwrap().is_empty());
    publish(&bus, "a").await;
    assert!(stays_idle(&receiver, MOMENT).await);
    assert_eq!(bus.counts(&billing()).unwrap().available, 1);
}

/// What a receiver gets that began to wait before `act`, and within a moment of it.
async fn while_waiting(receiver: &Arc<dyn Receiver>, act: impl Future<Output = ()>) -> Delivery {
    let waits = tokio::spawn({
        let receiver = Arc::clone(receiver);
        async move { receiver.next().await }
    });
    tokio::task::yield_now().await;
    act.await;
    timeout(MOMENT, waits).await.unwrap().unwrap().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receiver_is_woken_by_a_message() {
    let bus = bus();
    let receiver = receiver(&bus, 1).await;
    assert_eq!(while_waiting(&receiver, publish(&bus, "a")).await.message.id, "a");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receiver_is_woken_by_credit() {
    let bus = bus();
    publish(&bus, "a").await;
    let receiver = receiver(&bus, 0).await;
    assert_eq!(while_waiting(&receiver, async { receiver.add_credit(1) }).await.message.id, "a");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_receiver_gets_what_another_lets_run_out() {
    let bus = bus();
    publish(&bus, "a").await;
    // It waits before the lock exists, so that the deadline comes up while it sleeps.
    let (waiting, holder) = (receiver(&bus, 1).await, receiver(&bus, 1).await);
    let held = holder.next().await.unwrap();
    let before = tokio::time::Instant::now();
    let got = waiting.next().await.unwrap();
    assert_eq!(before.elapsed(), LOCK);
    assert_eq!((got.message.id.as_str(), got.delivery_count), ("a", 1));
    assert_eq!(holder.settle(held.lock, Settlement::Complete).await, Err(BusError::LockLost));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_that_comes_up_while_a_receiver_sleeps_wakes_it() {
    let bus = bus();
    let sleeper = receiver(&bus, 2).await;
    let woken = tokio::spawn({
        let letters = bus.receiver(&billing().dead_letters()).await.unwrap();
        letters.add_credit(1);
        async move { letters.next().await }
    });
    tokio::task::yield_now().await;
    publish(&bus, "a").await;
    for _ in 0..10 {
        sleeper.next().await.unwrap();
        sleeper.add_credit(1);
    }
    // The tenth lock runs out with nobody but the dead letters' receiver watching.
    let letter = timeout(LOCK + MOMENT, woken).await.unwrap().unwrap().unwrap();
    assert_eq!(letter.message.dead_letter().0, Some("MaxDeliveryCountExceeded"));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_next_loses_nothing() {
    let bus = bus();
    let receiver = receiver(&bus, 1).await;
    for round in 0..20 {
        assert!(stays_idle(&receiver, MOMENT).await, "round {round}");
    }
    publish(&bus, "a").await;
    assert_eq!(receiver.next().await.unwrap().message.id, "a");
}

#[tokio::test(start_paused = true)]
async fn settlements_and_renewals_reach_the_broker() {
    let bus = bus();
    publish(&bus, "a").await;
    let receiver = receiver(&bus, 10).await;
    let first = receiver.next().await.unwrap();
    receiver.settle(first.lock, Settlement::Release).await.unwrap();
    let second = receiver.next().await.unwrap();
    receiver.settle(second.lock, Settlement::Abandon).await.unwrap();
    let third = receiver.next().await.unwrap();
    assert_eq!((second.delivery_count, third.delivery_count), (0, 1));
    tokio::time::sleep(LOCK / 2).await;
    assert_eq!(
        receiver.renew(&[third.lock, first.lock]).await.unwrap(),
        [Renewal::Held(LOCK), Renewal::Lost]
    );
    receiver.settle(third.lock, Settlement::Complete).await.unwrap();
    assert_eq!(bus.counts(&billing()).unwrap(), Counts::default());
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_carries_its_reason_as_properties() {
    let bus = bus();
    publish(&bus, "a").await;
    let receiver = receiver(&bus, 1).await;
    let (reason, description) = ("StripeRefused".to_owned(), "400 email_invalid".to_owned());
    let delivery = receiver.next().await.unwrap();
    receiver.settle(delivery.lock, Settlement::DeadLetter { reason, description }).await.unwrap();
    let letters = bus.receiver(&billing().dead_letters()).await.unwrap();
    let seen = letters.peek(0, 10).await.unwrap();
    assert_eq!(seen[0].message.dead_letter(), (Some("StripeRefused"), Some("400 email_invalid")));
    letters.add_credit(1);
    let again = Settlement::DeadLetter { reason: String::new(), description: String::new() };
    let letter = letters.next().await.unwrap();
    assert!(matches!(letters.settle(letter.lock, again).await, Err(BusError::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn what_the_broker_refuses_is_named() {
    let bus = bus();
    let error = bus.receiver(&Entity::subscription("user-signups", "nobody")).await.err();
    assert_eq!(error, Some(BusError::NotFound { entity: "user-signups/Subscriptions/nobody".to_owned() }));
    assert!(bus.publisher("nowhere").await.is_err());
    let publisher = bus.publisher("user-signups").await.unwrap();
    let large = Message::new("m", vec![0; 300 << 10]);
    assert_eq!(publisher.publish(vec![large]).await, Err(BusError::TooLarge));
    let topic = Message::new("m", "").with_property("n", PropertyValue::Integer(1));
    let subscription = bus.publisher(&billing().to_string()).await.unwrap();
    assert!(matches!(subscription.publish(vec![topic]).await, Err(BusError::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn closing_ends_what_waits_on_this_connection_only() {
    let bus = bus();
    let other = bus.connect();
    let receiver = receiver(&bus, 1).await;
    let publisher = bus.publisher("user-signups").await.unwrap();
    let (waited, ()) = tokio::join!(receiver.next(), bus.close());
    assert_eq!(waited.err(), Some(BusError::Closed));
    assert_eq!(publisher.publish(Vec::new()).await, Err(BusError::Closed));
    assert_eq!(bus.publisher("user-signups").await.err(), Some(BusError::Closed));
    publish(&other, "a").await;
    assert_eq!(other.counts(&billing()).unwrap().available, 1);
}
