use usher_bus::Settlement;

use super::bench::*;
use crate::machine::Change;

#[test]
fn an_expired_message_is_neither_delivered_nor_seen() {
    let mut bench = Bench::queue(|_| {});
    bench.send(WORK, message_for("a", seconds(10)));
    bench.wait(seconds(10));
    assert!(bench.peek(WORK, 0, 10).is_empty(), "even before the machine was told the time");
    assert!(bench.try_receive(WORK).is_none());
    assert_eq!((bench.counts(WORK).total, bench.counts(DEAD).total), (0, 0));
}

#[test]
fn an_expired_message_is_dead_lettered_where_the_queue_says_so() {
    let mut bench = Bench::queue(|queue| queue.delivery.dead_letter_on_expiry = true);
    bench.send(WORK, message_for("a", seconds(10)));
    assert_eq!(bench.machine.next_deadline(), Some(bench.now.plus(seconds(10))));
    bench.wait(seconds(10));
    let reason = bench.receive(DEAD).dead_letter.map(|why| why.reason);
    assert_eq!(reason.as_deref(), Some("TTLExpiredException"));
}

#[test]
fn the_shortest_time_to_live_wins() {
    let mut topology = topic(&[("brief", &[]), ("long", &[])]);
    topology.topics[0].default_time_to_live = Some(seconds(100));
    topology.topics[0].subscriptions[0].delivery.default_time_to_live = Some(seconds(50));
    let mut bench = Bench::new(&topology);
    let lives = |bench: &mut Bench| {
        let until = |change| match change {
            Change::Added { enqueued_at, expires_at, .. } => {
                expires_at.map(|at| enqueued_at.until(at).as_secs())
            }
            other => panic!("{other:?}"),
        };
        bench.machine.take_changes().into_iter().map(until).collect::<Vec<_>>()
    };
    for (asked, expected) in [(10, [10, 10]), (70, [50, 70]), (1000, [50, 100])] {
        bench.send("signups", message_for("a", seconds(asked)));
        assert_eq!(lives(&mut bench), expected.map(Some), "{asked}");
    }
}

#[test]
fn a_message_that_expires_under_its_lock_can_still_be_completed() {
    let mut bench = Bench::queue(|_| {});
    bench.send(WORK, message_for("a", seconds(10)));
    let token = bench.receive(WORK).token;
    bench.wait(seconds(20));
    assert_eq!(bench.peek(WORK, 0, 10).len(), 1);
    bench.settle(WORK, token, Settlement::Complete).unwrap();
    assert_eq!(bench.machine.next_deadline(), None);
}

#[test]
fn a_message_that_expired_under_its_lock_does_not_come_back() {
    for back in [Settlement::Abandon, Settlement::Release] {
        let mut bench = Bench::queue(|queue| queue.delivery.dead_letter_on_expiry = true);
        bench.send(WORK, message_for("a", seconds(10)));
        let token = bench.receive(WORK).token;
        bench.wait(seconds(20));
        bench.settle(WORK, token, back.clone()).unwrap();
        assert_eq!((bench.counts(WORK).total, bench.counts(DEAD).available), (0, 1), "{back:?}");
    }
}

#[test]
fn an_expired_message_gives_its_bytes_back() {
    let mut bench = Bench::queue(|queue| queue.intake.max_bytes = 100);
    bench.send(WORK, message_for("a", seconds(10)));
    bench.wait(seconds(10));
    bench.send(WORK, message("b"));
    assert_eq!(bench.drain(WORK), ["b"]);
}
