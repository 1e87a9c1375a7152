//! A dead-letter queue that has grown while nobody looked: the tools stay small, however many letters there are.
//! `make letters` has a million.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod letters;

use std::{env, fs, os::unix::fs::PermissionsExt, time::Duration};

use letters::dead;
use serde_json::Value;
use tokio::time::{Instant, sleep};
use usher_tests::processes::{Options, Output, Program, World, peek_all};

/// So many unless `USHER_LETTERS` says otherwise.
const LETTERS: usize = 10_000;
/// Where there are no more, a page of them is larger than a message may be.
const PADDING: usize = 600;
/// The most memory that a command may ever have held, in KiB.
const MOST_KIB: u64 = 64 * 1024;
/// How many letters a command gets through in a second, at least.
const A_SECOND: usize = 200;

fn how_many() -> usize {
    env::var("USHER_LETTERS").ok().and_then(|it| it.parse().ok()).unwrap_or(LETTERS)
}

/// Runs it to its end; returns what it said and the most memory that it was seen to have held, in KiB.
async fn run_measured(program: &Program) -> (Output, u64) {
    let mut process = program.spawn();
    let status = format!("/proc/{}/status", process.id());
    let deadline = Instant::now() + Duration::from_secs(60 + (how_many() / A_SECOND) as u64);
    let mut most = 0;
    while process.runs() {
        assert!(Instant::now() < deadline, "still runs: {}", process.stderr());
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

/// Runs a command of `usher dlq` that must succeed without having held much.
async fn small(world: &World, line: &[&str]) -> Output {
    let began = Instant::now();
    let (output, memory) = run_measured(&world.usher(["dlq"].iter().chain(line).copied())).await;
    println!("{}: {memory} KiB, {:?}", line.join(" "), began.elapsed());
    assert_eq!(output.code, Some(0), "{line:?}: {}", output.stderr);
    assert!((1..MOST_KIB).contains(&memory), "{line:?}: {memory} KiB");
    output
}

fn last(output: &Output) -> Value {
    serde_json::from_str(output.stdout.lines().last().unwrap()).unwrap()
}

#[tokio::test]
async fn very_many_dead_letters_are_looked_at_and_dealt_with_in_bounded_memory() {
    let count = how_many();
    let world = World::start(Options::default()).await;
    dead(&world, count, if count > LETTERS { 0 } else { PADDING }).await;

    let listed = small(&world, &["list", "billing", "--limit", "50"]).await;
    assert_eq!(listed.stdout.lines().filter(|line| line.contains("consumer=billing")).count(), 50);
    assert!(listed.stdout.contains("in billing's dead-letter queue"), "{}", listed.stdout);
    let all = small(&world, &["list", "billing", "--limit", "2000000", "--json"]).await;
    assert_eq!(all.stdout.lines().count(), count);

    let number = last(&all)["sequenceNumber"].to_string();
    let shown = small(&world, &["show", "billing", &number]).await;
    assert!(shown.stdout.contains(last(&all)["eventId"].as_str().unwrap()), "{}", shown.stdout);

    let groups = small(&world, &["group", "billing", "--json"]).await;
    assert_eq!((last(&groups)["count"].as_u64(), groups.stdout.lines().count()), (Some(count as u64), 1));

    let file = world.home().join("letters.jsonl");
    small(&world, &["export", "billing", &file.display().to_string()]).await;
    assert_eq!(fs::read_to_string(&file).unwrap().lines().count(), count);
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let half = (count / 2).to_string();
    let until_half = format!("..{half}");
    let older = ["expire", "billing", "--older-than", "1ms", "--seq", &until_half, "--yes", "--json"];
    let expired = small(&world, &older).await;
    assert_eq!(last(&expired)["done"].as_u64(), Some(count as u64 / 2));
    // Dead letters come in the order of their numbers, so it never had to hold what it was not to remove.
    assert_eq!(last(&expired)["ended"], "at-the-end");

    let replayed = small(&world, &["replay", "billing", "--json"]).await;
    assert_eq!(last(&replayed)["done"].as_u64(), Some((count - count / 2) as u64));
    assert!(peek_all(&*world.dead_letters().await).await.is_empty());
}
