use usher_bus::Settlement;

use super::bench::*;
use crate::machine::{DeadLetter, SendError, SettleError};

#[test]
fn a_dead_letter_keeps_its_place_and_says_why() {
    let mut bench = Bench::queue(|_| {});
    bench.try_send(WORK, vec![message("a"), message("b")]).unwrap();
    let first = bench.receive(WORK);
    bench.wait(seconds(1));
    bench.settle(WORK, first.token, dead("StripeRefused")).unwrap();
    let letter = bench.receive(DEAD);
    assert_eq!((letter.payload, letter.sequence_number, letter.enqueued_at), ("a", 1, first.enqueued_at));
    let expected = DeadLetter {
        reason: "StripeRefused".to_owned(),
        description: "400 email_invalid".to_owned(),
        source: WORK.to_owned(),
    };
    assert_eq!(letter.dead_letter, Some(expected));
    assert_eq!(bench.drain(WORK), ["b"]);
}

#[test]
fn past_the_delivery_limit_the_broker_dead_letters() {
    let mut bench = Bench::queue(|queue| queue.delivery.max_delivery_count = 3);
    bench.send(WORK, message("poison"));
    for failed in 0..2 {
        let locked = bench.receive(WORK);
        assert_eq!(locked.delivery_count, failed);
        bench.settle(WORK, locked.token, Settlement::Abandon).unwrap();
    }
    bench.receive(WORK);
    bench.wait(LOCK);
    assert!(bench.try_receive(WORK).is_none());
    let letter = bench.receive(DEAD);
    assert_eq!(letter.dead_letter.map(|why| why.reason).as_deref(), Some("MaxDeliveryCountExceeded"));
    assert_eq!(letter.delivery_count, 3);
}

#[test]
fn a_dead_letter_put_back_stays_however_often_it_fails() {
    let mut bench = Bench::queue(|queue| queue.delivery.max_delivery_count = 1);
    bench.send(WORK, message("a"));
    bench.dead_letter(WORK);
    for failed in 0..5 {
        let locked = bench.receive(DEAD);
        assert_eq!(locked.delivery_count, failed);
        bench.settle(DEAD, locked.token, Settlement::Abandon).unwrap();
    }
    bench.receive(DEAD);
    bench.wait(LOCK);
    assert_eq!(bench.drain(DEAD), ["a"]);
}

#[test]
fn a_dead_letter_does_not_expire() {
    let mut bench = Bench::queue(|queue| queue.delivery.default_time_to_live = Some(seconds(10)));
    bench.send(WORK, message("a"));
    bench.dead_letter(WORK);
    bench.wait(seconds(3600));
    assert_eq!(bench.peek(DEAD, 0, 10).len(), 1);
    let token = bench.receive(DEAD).token;
    bench.settle(DEAD, token, Settlement::Release).unwrap();
    assert_eq!(bench.drain(DEAD), ["a"]);
}

#[test]
fn a_dead_letter_cant_be_dead_lettered_again_and_stays_locked() {
    let mut bench = Bench::queue(|_| {});
    bench.send(WORK, message("a"));
    bench.dead_letter(WORK);
    let token = bench.receive(DEAD).token;
    assert_eq!(bench.settle(DEAD, token, dead("Again")), Err(SettleError::AlreadyDead));
    bench.settle(DEAD, token, Settlement::Complete).unwrap();
    assert_eq!(bench.counts(DEAD).total, 0);
}

#[test]
fn dead_letters_count_against_the_quota() {
    let mut bench = Bench::queue(|queue| queue.intake.max_bytes = 250);
    bench.try_send(WORK, vec![message("a"), message("b")]).unwrap();
    bench.dead_letter(WORK);
    bench.dead_letter(WORK);
    assert_eq!(bench.try_send(WORK, vec![message("c")]), Err(SendError::Full));
    assert_eq!(bench.drain(DEAD).len(), 2);
    bench.send(WORK, message("c"));
}

#[test]
fn a_batch_that_does_not_fit_is_refused_whole() {
    let mut bench = Bench::queue(|queue| {
        queue.intake.max_bytes = 250;
        queue.intake.duplicate_window = Some(seconds(60));
    });
    let batch = || ["a", "b", "c"].map(message).to_vec();
    assert_eq!(bench.try_send(WORK, batch()), Err(SendError::Full));
    assert_eq!(bench.counts(WORK).total, 0);
    assert!(bench.machine.take_changes().is_empty());
    bench.send(WORK, message("a"));
    assert_eq!(bench.counts(WORK).total, 1, "a refused message is not remembered as a duplicate");
}
