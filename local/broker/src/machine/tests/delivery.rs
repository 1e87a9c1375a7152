use usher_bus::Settlement;

use super::bench::*;
use crate::machine::{Counts, LockLost, SendError, SettleError, Target};

#[test]
fn messages_are_delivered_in_the_order_in_which_they_came() {
    let mut bench = Bench::queue(|_| {});
    bench.try_send(WORK, vec![message("a"), message("b")]).unwrap();
    bench.send(WORK, message("c"));
    let numbers: Vec<_> = bench.peek(WORK, 0, 10).iter().map(|seen| seen.sequence_number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(bench.drain(WORK), ["a", "b", "c"]);
}

#[test]
fn a_locked_message_is_hidden_from_receivers_but_seen_by_peek() {
    let mut bench = Bench::queue(|_| {});
    bench.send(WORK, message("a"));
    let locked = bench.receive(WORK);
    assert_eq!(locked.locked_until, bench.now.plus(LOCK));
    assert!(bench.try_receive(WORK).is_none());
    assert_eq!(bench.peek(WORK, 0, 10)[0].locked_until, Some(locked.locked_until));
    assert_eq!(bench.counts(WORK), Counts { available: 0, locked: 1, total: 1 });
}

#[test]
fn a_lock_that_runs_out_counts_a_delivery() {
    let mut bench = Bench::queue(|_| {});
    bench.send(WORK, message("a"));
    assert_eq!(bench.receive(WORK).delivery_count, 0);
    bench.wait(LOCK);
    assert_eq!(bench.receive(WORK).delivery_count, 1);
}

#[test]
fn nothing_can_be_done_under_a_lost_lock() {
    let mut bench = Bench::queue(|_| {});
    bench.send(WORK, message("a"));
    let token = bench.receive(WORK).token;
    bench.wait(LOCK);
    assert_eq!(bench.settle(WORK, token, Settlement::Complete), Err(SettleError::LockLost(LockLost)));
    assert_eq!(bench.renew(WORK, token), Err(LockLost));
    assert_eq!(bench.counts(WORK).available, 1);
}

#[test]
fn a_lock_is_good_for_its_own_queue_and_for_one_settlement() {
    let mut bench = Bench::queue(|_| {});
    bench.send(WORK, message("a"));
    let token = bench.receive(WORK).token;
    assert_eq!(bench.settle(DEAD, token, Settlement::Complete), Err(SettleError::LockLost(LockLost)));
    bench.settle(WORK, token, Settlement::Complete).unwrap();
    assert_eq!(bench.settle(WORK, token, Settlement::Complete), Err(SettleError::LockLost(LockLost)));
}

#[test]
fn a_renewed_lock_lasts_a_lock_duration_from_the_renewal() {
    let mut bench = Bench::queue(|_| {});
    bench.send(WORK, message("a"));
    let token = bench.receive(WORK).token;
    bench.wait(seconds(50));
    assert_eq!(bench.renew(WORK, token), Ok(bench.now.plus(LOCK)));
    bench.wait(seconds(59));
    assert!(bench.try_receive(WORK).is_none());
    bench.settle(WORK, token, Settlement::Complete).unwrap();
    assert_eq!(bench.counts(WORK).total, 0);
}

#[test]
fn an_abandoned_message_goes_back_to_its_place_and_counts() {
    let mut bench = Bench::queue(|_| {});
    bench.try_send(WORK, vec![message("a"), message("b")]).unwrap();
    let token = bench.receive(WORK).token;
    bench.settle(WORK, token, Settlement::Abandon).unwrap();
    let again = bench.receive(WORK);
    assert_eq!((again.payload, again.delivery_count), ("a", 1));
    assert_ne!(again.token, token);
}

#[test]
fn a_released_message_goes_back_to_its_place_and_costs_nothing() {
    let mut bench = Bench::queue(|_| {});
    bench.try_send(WORK, vec![message("a"), message("b")]).unwrap();
    for _ in 0..20 {
        let locked = bench.receive(WORK);
        assert_eq!((locked.payload, locked.delivery_count), ("a", 0));
        bench.settle(WORK, locked.token, Settlement::Release).unwrap();
    }
}

#[test]
fn a_message_that_is_taken_is_gone() {
    let mut bench = Bench::queue(|_| {});
    bench.send(WORK, message("a"));
    let taken = bench.machine.take(bench.id(WORK), bench.now).unwrap();
    assert_eq!(taken.payload, "a");
    assert_eq!(bench.counts(WORK), Counts::default());
    assert_eq!(bench.machine.next_deadline(), None);
}

#[test]
fn peek_pages_by_sequence_number() {
    let mut bench = Bench::queue(|_| {});
    bench.try_send(WORK, ["a", "b", "c", "d"].map(message).into()).unwrap();
    let page = |from, most| bench.peek(WORK, from, most).iter().map(|seen| seen.payload).collect::<Vec<_>>();
    assert_eq!(page(0, 2), ["a", "b"]);
    assert_eq!(page(3, 9), ["c", "d"]);
    assert!(page(5, 9).is_empty());
}

#[test]
fn a_message_over_the_limit_refuses_the_whole_batch() {
    let mut bench = Bench::queue(|_| {});
    let mut largest = message("large");
    largest.facets.size = 256 << 10;
    bench.send(WORK, largest.clone());
    largest.facets.size += 1;
    assert_eq!(bench.try_send(WORK, vec![message("a"), largest]), Err(SendError::TooLarge));
    assert_eq!(bench.counts(WORK).total, 1);
}

#[test]
fn nothing_can_be_sent_to_a_dead_letter_queue() {
    let mut bench = Bench::queue(|_| {});
    assert_eq!(bench.try_send(DEAD, vec![message("a")]), Err(SendError::NotSendable));
}

#[test]
fn addresses_are_found_in_every_spelling() {
    let bench = Bench::queue(|_| {});
    let work = Target::Queue(bench.id(WORK));
    for address in
        ["work", "WORK", "/Work/", "amqp://localhost/work", "sb://ns.servicebus.windows.net:5671/Work"]
    {
        assert_eq!(bench.machine.find(address), Some(work), "{address}");
    }
    assert_eq!(bench.machine.find("work/$deadletterqueue"), Some(Target::Queue(bench.id(DEAD))));
    for address in ["", "nowhere", "work/", "amqp://work", "work/$management"] {
        assert_eq!(bench.machine.find(address) == Some(work), address == "work/", "{address}");
    }
    let names: Vec<_> = bench.machine.queues().map(|(_, name)| name).collect();
    assert_eq!(names, [WORK, DEAD]);
}

#[test]
fn a_queue_that_gains_a_message_is_woken() {
    let mut bench = Bench::queue(|_| {});
    let (work, dead) = (bench.id(WORK), bench.id(DEAD));
    assert!(bench.machine.take_woken().is_empty());
    bench.send(WORK, message("a"));
    assert_eq!(bench.machine.take_woken(), [work]);
    assert!(bench.machine.available(work));
    let token = bench.receive(WORK).token;
    assert!(bench.machine.take_woken().is_empty());
    bench.settle(WORK, token, Settlement::Release).unwrap();
    assert_eq!(bench.machine.take_woken(), [work]);
    bench.dead_letter(WORK);
    assert_eq!(bench.machine.take_woken(), [dead]);
}
