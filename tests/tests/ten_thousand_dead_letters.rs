//! A dead-letter queue that has grown while nobody looked: the tools stay quick and small.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{fs, time::Duration};

use tokio::time::sleep;
use usher_bus::{Bus, Message};
use usher_tests::processes::{Options, Output, Program, World};

const LETTERS: usize = 10_000;
const BATCH: usize = 100;
/// About as long as an event: a page of so many is larger than a message may be.
const BODY: usize = 1200;
/// The most memory that the command line may ever have held, in KiB.
const MOST_KIB: u64 = 64 * 1024;

/// Runs it to its end; returns what it said and the most memory that it was seen to have held, in KiB.
async fn run_measured(program: &Program) -> (Output, u64) {
    let mut process = program.spawn();
    let status = format!("/proc/{}/status", process.id());
    let mut most = 0;
    while process.runs() {
        most = high_water(&fs::read_to_string(&status).unwrap_or_default()).unwrap_or(most);
        sleep(Duration::from_millis(1)).await;
    }
    let ended = process.ended().await;
    (process.output(ended), most)
}

/// The kernel's own high-water mark: it only ever grows, so the last one seen is the highest seen.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[tokio::test]
async fn ten_thousand_dead_letters_are_listed_and_shown_in_bounded_memory() {
    let world = World::start(Options::default()).await;
    let billing = world.billing().with("CONCURRENCY", "64").start().await;
    let publisher = world.bus().publisher("user-signups").await.unwrap();
    for from in (0..LETTERS).step_by(BATCH) {
        let batch =
            (from..from + BATCH).map(|n| Message::new(format!("m{n}"), format!("{:BODY$}", "not an event")));
        publisher.publish(batch.collect()).await.unwrap();
    }
    world.counts(&billing, "all are dead letters", |it| it.of("dead_lettered") == LETTERS as u64).await;

    let (listed, memory) = run_measured(&world.usher(["dlq", "list", "billing", "--limit", "50"])).await;
    assert_eq!(listed.code, Some(0), "{}", listed.stderr);
    let lines = listed.stdout.lines().filter(|line| line.contains("consumer=billing")).count();
    assert_eq!(lines, 50);
    assert!(
        listed.stdout.contains(&format!("{LETTERS} in billing's dead-letter queue")),
        "{}",
        listed.stdout
    );
    assert!((1..MOST_KIB).contains(&memory), "{memory} KiB");

    let (all, memory) =
        run_measured(&world.usher(["dlq", "list", "billing", "--limit", "20000", "--json"])).await;
    assert_eq!(all.stdout.lines().count(), LETTERS);
    assert!((1..MOST_KIB).contains(&memory), "{memory} KiB");

    let last: serde_json::Value = serde_json::from_str(all.stdout.lines().last().unwrap()).unwrap();
    let number = last["sequenceNumber"].to_string();
    let (shown, memory) = run_measured(&world.usher(["dlq", "show", "billing", &number])).await;
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    assert!(shown.stdout.contains(last["eventId"].as_str().unwrap()), "{}", shown.stdout);
    assert!((1..MOST_KIB).contains(&memory), "{memory} KiB");
}
