//! Two producers on one machine and one file: the second finds out before it does anything.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;

use usher_tests::processes::{Options, World, eventually};

#[tokio::test]
async fn the_second_on_one_file_ends_with_69_and_the_first_works_on() {
    let world = World::start(Options::default()).await;
    let mut first = world.producer().start().await;
    let _billing = world.billing().start().await;

    let second = world.producer().run().await;
    assert_eq!((second.code, second.stdout.as_str()), (Some(69), ""), "{second:?}");
    assert!(second.stderr.contains("CHECKPOINT: is another producer's"), "{second:?}");
    let job = world.producer().args(["--once"]).run().await;
    assert_eq!(job.code, Some(0), "a cron job beside a producer is no failure: {job:?}");
    assert!(job.stdout.contains("another producer works"), "{job:?}");

    let user = world.control.sign_up().await;
    eventually("it works on", async || world.control.shows_each_effect_once(1).await.then_some(())).await;
    // However it ends, the lock ends with it.
    first.kill().await;
    let job = world.producer().args(["--once"]).run().await;
    assert_eq!((job.code, job.stdout.as_str()), (Some(0), ""), "{job:?}");
    assert!(fs::read_to_string(world.checkpoint()).unwrap().contains(&user.to_string()));
}

#[tokio::test]
async fn a_backfill_has_a_record_of_its_own_and_runs_beside_the_producer() {
    let world = World::start(Options::default()).await;
    let producer = world.producer().start().await;
    let output = world.producer().args(["backfill", "--since", "1h"]).run().await;
    assert_eq!(output.code, Some(0), "{output:?}");
    world.counts(&producer, "it works on", |counts| counts.of("polls") > 0).await;
}
