use usher_bus::Settlement;

use super::bench::*;
use crate::machine::{LockLost, Machine, SendError, SettleError};

/// Writes all that happened to a disk, and starts a new machine from it.
fn restart(bench: &mut Bench, topology: &crate::topology::Topology) {
    let mut disk = Disk::new();
    disk.write(bench.machine.take_changes());
    bench.machine = Machine::new(topology, 2);
    bench.machine.restore(disk.0);
}

#[test]
fn a_restart_keeps_messages_counts_and_dead_letters() {
    let topology = queue(|_| {});
    let mut bench = Bench::new(&topology);
    bench.try_send(WORK, ["a", "b", "c"].map(message).into()).unwrap();
    bench.dead_letter(WORK);
    let token = bench.receive(WORK).token;
    bench.settle(WORK, token, Settlement::Abandon).unwrap();
    restart(&mut bench, &topology);
    let kept: Vec<_> = bench.peek(WORK, 0, 10).iter().map(|one| (one.payload, one.delivery_count)).collect();
    assert_eq!(kept, [("b", 1), ("c", 0)]);
    assert_eq!(bench.receive(DEAD).dead_letter.unwrap().reason, "Refused");
}

#[test]
fn a_restart_frees_locks_without_counting_a_delivery() {
    let topology = queue(|_| {});
    let mut bench = Bench::new(&topology);
    bench.send(WORK, message("a"));
    let token = bench.receive(WORK).token;
    restart(&mut bench, &topology);
    let again = bench.receive(WORK);
    assert_eq!(again.delivery_count, 0);
    assert_ne!(again.token, token);
    assert_eq!(bench.settle(WORK, token, Settlement::Complete), Err(SettleError::LockLost(LockLost)));
}

#[test]
fn sequence_numbers_never_go_back() {
    let topology = queue(|_| {});
    let mut bench = Bench::new(&topology);
    bench.try_send(WORK, ["a", "b"].map(message).into()).unwrap();
    bench.drain(WORK);
    restart(&mut bench, &topology);
    bench.send(WORK, message("c"));
    assert_eq!(bench.receive(WORK).sequence_number, 3);
}

#[test]
fn a_restart_remembers_ids_quota_and_expiry() {
    let topology = queue(|queue| {
        queue.intake.duplicate_window = Some(seconds(300));
        queue.intake.max_bytes = 200;
    });
    let mut bench = Bench::new(&topology);
    bench.try_send(WORK, vec![message_for("a", seconds(10)), message("b")]).unwrap();
    restart(&mut bench, &topology);
    assert!(bench.machine.available(bench.id(WORK)));
    bench.send(WORK, message("a"));
    assert_eq!(bench.try_send(WORK, vec![message("c")]), Err(SendError::Full));
    bench.wait(seconds(10));
    bench.send(WORK, message("c"));
    assert_eq!(bench.drain(WORK), ["b", "c"]);
}
