use super::bench::*;
use crate::{
    machine::{Change, Millis, Remembered},
    rules::Filter,
};

fn once() -> Bench {
    Bench::queue(|queue| queue.intake.duplicate_window = Some(seconds(300)))
}

#[test]
fn a_repeated_message_id_is_swallowed_even_after_the_first_is_gone() {
    let mut bench = once();
    bench.send(WORK, message("a"));
    assert_eq!(bench.drain(WORK), ["a"]);
    bench.send(WORK, message("a"));
    bench.send(WORK, message("b"));
    assert_eq!(bench.drain(WORK), ["b"]);
}

#[test]
fn a_repeat_within_one_batch_is_swallowed() {
    let mut bench = once();
    bench.try_send(WORK, ["a", "b", "a"].map(message).into()).unwrap();
    assert_eq!(bench.drain(WORK), ["a", "b"]);
}

#[test]
fn ids_that_differ_in_case_are_different() {
    let mut bench = once();
    bench.try_send(WORK, ["a", "A"].map(message).into()).unwrap();
    assert_eq!(bench.drain(WORK), ["a", "A"]);
}

#[test]
fn the_window_opens_with_the_first_and_is_not_prolonged() {
    let mut bench = once();
    bench.send(WORK, message("a"));
    bench.wait(seconds(299));
    bench.send(WORK, message("a"));
    bench.wait(seconds(1));
    bench.send(WORK, message("a"));
    assert_eq!(bench.drain(WORK), ["a", "a"]);
}

#[test]
fn messages_without_an_id_are_never_repeats() {
    let mut bench = once();
    let mut anonymous = message("a");
    anonymous.facets.message_id = None;
    bench.try_send(WORK, vec![anonymous.clone(), anonymous]).unwrap();
    assert_eq!(bench.drain(WORK), ["a", "a"]);
}

#[test]
fn without_duplicate_detection_every_copy_counts() {
    let mut bench = Bench::queue(|_| {});
    bench.try_send(WORK, ["a", "a"].map(message).into()).unwrap();
    assert_eq!(bench.drain(WORK), ["a", "a"]);
}

#[test]
fn a_topic_remembers_an_id_that_no_subscription_wanted() {
    let mut topology = topic(&[("none", &[Filter::Nothing])]);
    topology.topics[0].intake.duplicate_window = Some(seconds(300));
    let mut bench = Bench::new(&topology);
    bench.send("signups", message("a"));
    bench.send("signups", message("a"));
    let remembered =
        Remembered { entity: "signups".to_owned(), message_id: "a".to_owned(), until: Millis(1_300_000) };
    assert_eq!(bench.machine.take_changes(), [Change::Remembered(remembered)]);
}
