//! Two producers on one blob.

use std::time::{Duration, Instant};

use usher_tests::processes::eventually;

use crate::Stage;

/// What the documentation promises of a producer that was killed, and of one that was stopped; on a machine that does
/// something else as well.
const AFTER_A_KILL: Duration = Duration::from_secs(60);
const AFTER_A_STOP: Duration = Duration::from_secs(20);

#[tokio::test]
async fn of_two_one_works_and_when_it_is_killed_the_other_takes_over_within_a_minute_and_nothing_is_doubled()
{
    const SIGN_UPS: usize = 60;
    let Some(stage) = Stage::set().await else { return };
    let mut first = stage.producer().start().await;
    stage.works(&first).await;
    let second = stage.producer().start().await;
    stage.stands_by(&second).await;
    assert_eq!(stage.readiness(&second).await.0, 200, "an orchestrator takes it for well");
    let _billing = stage.world.billing().start().await;
    stage.sign_ups(SIGN_UPS, 2).await;
    eventually("some are served", async || {
        (stage.world.control.effects().await.totals.exact > 10).then_some(())
    })
    .await;

    first.kill().await;
    let killed = Instant::now();
    let counts = stage.works(&second).await;

    assert!(killed.elapsed() < AFTER_A_KILL, "{:?}", killed.elapsed());
    assert_eq!(counts.of("standby"), 0);
    stage.all_is_well(SIGN_UPS).await;
    let published = stage.world.counts(&second, "it published", |counts| counts.of("published") > 0).await;
    assert!(published.of("published") < SIGN_UPS as u64, "both had their part");
}

#[tokio::test]
async fn one_that_is_stopped_gives_the_lease_back_and_the_other_takes_over_at_once() {
    let Some(stage) = Stage::set().await else { return };
    let mut first = stage.producer().start().await;
    stage.works(&first).await;
    let second = stage.producer().start().await;
    stage.stands_by(&second).await;
    let _billing = stage.world.billing().start().await;

    let stopped = first.terminate().await;
    let since = Instant::now();
    stage.world.control.sign_up().await;

    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    stage.works(&second).await;
    assert!(since.elapsed() < AFTER_A_STOP, "{:?}", since.elapsed());
    stage.all_is_well(1).await;
}

#[tokio::test]
async fn when_both_are_killed_and_the_storage_starts_anew_a_third_goes_on_where_they_were() {
    let Some(mut stage) = Stage::set().await else { return };
    let mut first = stage.producer().start().await;
    stage.works(&first).await;
    let mut second = stage.producer().start().await;
    stage.stands_by(&second).await;
    let _billing = stage.world.billing().start().await;
    let known = stage.world.control.sign_up().await;
    stage.all_is_well(1).await;
    eventually("it is on record", async || {
        stage.checkpoint().await.is_some_and(|text| text.contains(&known.to_string())).then_some(())
    })
    .await;

    first.kill().await;
    second.kill().await;
    stage.world.control.sign_up().await;
    stage.azurite.stop().await;
    stage.azurite.restart().await;
    // Nobody says where to start: it is no first run.
    let third = stage.producer().without("START_FROM").start().await;

    stage.works(&third).await;
    stage.all_is_well(2).await;
    let counts = stage.world.counts(&third, "it published", |counts| counts.of("published") > 0).await;
    assert_eq!(counts.of("published"), 1, "what is on record is not repeated");
}
