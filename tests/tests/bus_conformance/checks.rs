//! What the port promises, check by check.

use std::time::Duration;

use time::macros::datetime;
use usher_bus::{BusError, Entity, Message, PropertyValue, Renewal, Settlement};
use uuid::Uuid;

use crate::{
    messages::{is_quiet, message, messages, next, receive, within},
    world::{World, billing},
};

fn dead_letter() -> Settlement {
    Settlement::DeadLetter { reason: "Refused".into(), description: "status 400".into() }
}

/// A message that uses all there is.
fn elaborate() -> Message {
    Message {
        subject: Some("UserSignedUp".into()),
        content_type: Some("application/cloudevents+json".into()),
        correlation_id: Some("c-1".into()),
        time_to_live: Some(Duration::from_secs(3600)),
        ..Message::new("m-1", &b"{\"name\":\"Zo\xc3\xab\"}"[..])
    }
    .with_property("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    .with_property("n", PropertyValue::Integer(-7))
    .with_property("f", PropertyValue::Float(1.5))
    .with_property("b", PropertyValue::Boolean(true))
    .with_property("u", PropertyValue::Uuid(Uuid::from_u128(5)))
    .with_property("t", PropertyValue::Time(datetime!(2026-01-02 03:04:05.678 UTC)))
}

pub(crate) async fn what_is_published_is_received_whole_and_completing_removes_it(world: &World) {
    let (publisher, receiver) = world.open("signups").await;
    within(publisher.publish(vec![elaborate()])).await.unwrap();

    let delivery = receive(&*receiver).await;
    assert_eq!(delivery.message, elaborate());
    assert_eq!(delivery.delivery_count, 0);
    assert!(delivery.sequence_number > 0);
    let locked_for = delivery.locked_for;
    assert!(locked_for > Duration::from_secs(50) && locked_for <= Duration::from_secs(60), "{locked_for:?}");

    within(receiver.settle(delivery.lock, Settlement::Complete)).await.unwrap();
    assert!(within(receiver.peek(0, 10)).await.unwrap().is_empty());
}

pub(crate) async fn a_large_batch_arrives_once_and_in_order(world: &World) {
    const COUNT: usize = 2000;
    let (publisher, receiver) = world.open("signups").await;
    within(publisher.publish(messages(COUNT))).await.unwrap();

    receiver.add_credit(50);
    let mut last = 0;
    for expected in messages(COUNT) {
        let delivery = next(&*receiver).await;
        assert_eq!(delivery.message, expected);
        assert!(delivery.sequence_number > last);
        last = delivery.sequence_number;
        within(receiver.settle(delivery.lock, Settlement::Complete)).await.unwrap();
        receiver.add_credit(1);
    }
    assert!(is_quiet(&*receiver).await);
}

pub(crate) async fn a_duplicate_is_swallowed(world: &World) {
    let (publisher, receiver) = world.open("once").await;
    within(publisher.publish(vec![message("a"), message("a"), message("b")])).await.unwrap();
    within(publisher.publish(vec![message("b"), message("c")])).await.unwrap();

    let seen = within(receiver.peek(0, 10)).await.unwrap();
    let ids: Vec<_> = seen.iter().map(|peeked| peeked.message.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c"]);
}

pub(crate) async fn abandoning_counts_as_a_delivery(world: &World) {
    assert_eq!(count_after(world, Settlement::Abandon).await, 1);
}

pub(crate) async fn releasing_costs_no_delivery(world: &World) {
    assert_eq!(count_after(world, Settlement::Release).await, 0);
}

/// The delivery count with which a message comes back.
async fn count_after(world: &World, settlement: Settlement) -> u32 {
    let (publisher, receiver) = world.open("signups").await;
    within(publisher.publish(vec![message("a")])).await.unwrap();
    let first = receive(&*receiver).await;
    within(receiver.settle(first.lock, settlement)).await.unwrap();
    let second = receive(&*receiver).await;
    assert_eq!(second.message, first.message);
    assert_ne!(second.lock, first.lock);
    second.delivery_count
}

pub(crate) async fn an_expired_lock_counts_as_a_delivery_and_settling_under_it_is_an_error(world: &World) {
    let (publisher, receiver) = world.open("brief").await;
    within(publisher.publish(vec![message("a")])).await.unwrap();

    let first = receive(&*receiver).await;
    let second = receive(&*receiver).await; // comes once the first lock has run out
    assert_eq!((second.message.id.as_str(), second.delivery_count), ("a", 1));
    for settlement in [Settlement::Complete, Settlement::Abandon, Settlement::Release, dead_letter()] {
        assert_eq!(within(receiver.settle(first.lock, settlement)).await, Err(BusError::LockLost));
    }
}

pub(crate) async fn a_lock_settles_once(world: &World) {
    let (publisher, receiver) = world.open("signups").await;
    within(publisher.publish(vec![message("a")])).await.unwrap();
    let delivery = receive(&*receiver).await;
    within(receiver.settle(delivery.lock, Settlement::Complete)).await.unwrap();
    assert_eq!(within(receiver.settle(delivery.lock, Settlement::Complete)).await, Err(BusError::LockLost));
}

pub(crate) async fn a_renewed_lock_outlives_its_first_term(world: &World) {
    let (publisher, receiver) = world.open("brief").await;
    within(publisher.publish(vec![message("a")])).await.unwrap();
    let delivery = receive(&*receiver).await;

    receiver.add_credit(1);
    for _ in 0..8 {
        assert!(is_quiet(&*receiver).await, "a locked message is delivered to nobody");
        let renewed = within(receiver.renew(&[delivery.lock])).await.unwrap();
        assert!(
            matches!(renewed[..], [Renewal::Held(left)] if left <= Duration::from_secs(1)),
            "{renewed:?}"
        );
    }
    within(receiver.settle(delivery.lock, Settlement::Complete)).await.unwrap();
}

pub(crate) async fn renewing_many_locks_names_the_lost_one(world: &World) {
    let (publisher, receiver) = world.open("signups").await;
    within(publisher.publish(messages(5))).await.unwrap();
    let mut locks = Vec::new();
    for _ in 0..5 {
        locks.push(receive(&*receiver).await.lock);
    }
    within(receiver.settle(locks[3], Settlement::Complete)).await.unwrap();

    let renewals = within(receiver.renew(&locks)).await.unwrap();
    let lost: Vec<_> = renewals.iter().map(|renewal| *renewal == Renewal::Lost).collect();
    assert_eq!(lost, [false, false, false, true, false]);
    assert!(within(receiver.renew(&[])).await.unwrap().is_empty());
}

pub(crate) async fn credit_is_a_bound(world: &World) {
    let (publisher, receiver) = world.open("signups").await;
    within(publisher.publish(messages(10))).await.unwrap();
    assert!(is_quiet(&*receiver).await, "without credit nothing comes");

    receiver.add_credit(2);
    receiver.add_credit(1);
    for _ in 0..3 {
        next(&*receiver).await;
    }
    assert!(is_quiet(&*receiver).await, "nothing comes beyond the credit");
    receive(&*receiver).await;
    assert!(is_quiet(&*receiver).await);
}

pub(crate) async fn withdrawn_credit_brings_nothing(world: &World) {
    let (publisher, receiver) = world.open("signups").await;
    receiver.add_credit(5);
    assert!(within(receiver.withdraw_credit()).await.unwrap().is_empty());
    assert!(within(receiver.withdraw_credit()).await.unwrap().is_empty(), "and again, with none outstanding");

    within(publisher.publish(messages(3))).await.unwrap();
    assert!(is_quiet(&*receiver).await);
    receive(&*receiver).await;
    assert!(is_quiet(&*receiver).await, "only new credit counts");
}

pub(crate) async fn withdrawing_credit_loses_nothing_that_had_arrived(world: &World) {
    let (publisher, receiver) = world.open("signups").await;
    within(publisher.publish(messages(4))).await.unwrap();
    receiver.add_credit(3);
    let first = next(&*receiver).await;
    let mut held = within(receiver.withdraw_credit()).await.unwrap();
    assert!(held.len() <= 2);
    held.push(first);
    for delivery in held {
        within(receiver.settle(delivery.lock, Settlement::Release)).await.unwrap();
    }

    receiver.add_credit(4);
    let mut ids = Vec::new();
    for _ in 0..4 {
        let again = next(&*receiver).await;
        assert_eq!(again.delivery_count, 0);
        ids.push(again.message.id);
    }
    ids.sort();
    assert_eq!(ids, messages(4).into_iter().map(|message| message.id).collect::<Vec<_>>());
}

pub(crate) async fn peeking_shows_pages_and_locks_nothing(world: &World) {
    let (publisher, receiver) = world.open("signups").await;
    within(publisher.publish(messages(5))).await.unwrap();

    let (mut seen, mut from) = (Vec::new(), 0);
    loop {
        let page = within(receiver.peek(from, 2)).await.unwrap();
        let Some(last) = page.last() else { break };
        assert!(page.len() <= 2);
        from = last.sequence_number + 1;
        seen.extend(page.into_iter().map(|peeked| peeked.message));
    }
    assert_eq!(seen, messages(5));
    receiver.add_credit(5);
    for expected in messages(5) {
        assert_eq!(next(&*receiver).await.message, expected);
    }
}

pub(crate) async fn a_dead_letter_keeps_everything_and_gains_its_reason(world: &World) {
    let (publisher, receiver) = world.open("signups").await;
    within(publisher.publish(vec![elaborate()])).await.unwrap();
    let delivery = receive(&*receiver).await;
    within(receiver.settle(delivery.lock, dead_letter())).await.unwrap();
    assert!(within(receiver.peek(0, 1)).await.unwrap().is_empty(), "it left the subscription");

    let dead = receive(&*world.dead_letters("signups").await).await;
    assert_eq!(dead.message.dead_letter(), (Some("Refused"), Some("status 400")));
    let mut kept = dead.message;
    kept.properties.retain(|name, _| !name.starts_with("DeadLetter"));
    assert_eq!(kept, elaborate());
}

pub(crate) async fn too_many_failed_deliveries_dead_letter_a_message(world: &World) {
    let (publisher, receiver) = world.open("strict").await;
    within(publisher.publish(vec![message("a")])).await.unwrap();
    for expected in 0..2 {
        let delivery = receive(&*receiver).await;
        assert_eq!(delivery.delivery_count, expected);
        within(receiver.settle(delivery.lock, Settlement::Abandon)).await.unwrap();
    }
    let dead = receive(&*world.dead_letters("strict").await).await;
    assert_eq!(dead.message.dead_letter().0, Some("MaxDeliveryCountExceeded"));
}

pub(crate) async fn a_dead_letter_stays_until_it_is_completed(world: &World) {
    let (publisher, receiver) = world.open("strict").await;
    within(publisher.publish(vec![message("a")])).await.unwrap();
    let delivery = receive(&*receiver).await;
    within(receiver.settle(delivery.lock, dead_letter())).await.unwrap();

    let dead_letters = world.dead_letters("strict").await;
    for _ in 0..4 {
        let dead = receive(&*dead_letters).await; // more often than the delivery limit
        within(dead_letters.settle(dead.lock, Settlement::Abandon)).await.unwrap();
    }
    let dead = receive(&*dead_letters).await;
    let again = within(dead_letters.settle(dead.lock, dead_letter())).await;
    assert!(matches!(again, Err(BusError::Refused(_))), "nothing is dead-lettered from there: {again:?}");
    within(dead_letters.settle(dead.lock, Settlement::Complete)).await.unwrap();
    assert!(within(dead_letters.peek(0, 1)).await.unwrap().is_empty());
}

pub(crate) async fn an_unknown_topic_or_subscription_is_not_found(world: &World) {
    let error = within(world.bus.publisher("nowhere")).await.map(drop).unwrap_err();
    assert_eq!(error, BusError::NotFound { entity: "nowhere".into() });
    for unknown in [Entity::subscription("signups", "nobody"), billing("nowhere").dead_letters()] {
        let error = within(world.bus.receiver(&unknown)).await.map(drop).unwrap_err();
        assert_eq!(error, BusError::NotFound { entity: unknown.to_string() });
    }
}

pub(crate) async fn after_closing_everything_is_closed(world: &World) {
    let (publisher, receiver) = world.open("signups").await;
    let waiting = tokio::spawn({
        let receiver = receiver.clone();
        async move { receiver.next().await.map(drop) }
    });
    tokio::task::yield_now().await;
    within(world.bus.close()).await;

    assert_eq!(within(waiting).await.unwrap(), Err(BusError::Closed));
    assert_eq!(within(receiver.next()).await.map(drop), Err(BusError::Closed));
    assert_eq!(within(receiver.withdraw_credit()).await.map(drop), Err(BusError::Closed));
    assert_eq!(within(publisher.publish(vec![message("a")])).await, Err(BusError::Closed));
    assert_eq!(within(world.bus.publisher("signups")).await.map(drop), Err(BusError::Closed));
}
