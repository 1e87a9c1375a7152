//! The storage is away for a while.

use usher_tests::processes::eventually;

use crate::Stage;

#[tokio::test]
async fn while_the_storage_is_away_the_producer_is_not_ready_its_watermark_stays_and_then_it_goes_on() {
    let Some(mut stage) = Stage::set().await else { return };
    let producer = stage.producer().start().await;
    let _billing = stage.world.billing().start().await;
    stage.world.control.sign_up().await;
    stage.all_is_well(1).await;

    stage.azurite.stop().await;
    stage.world.control.sign_up().await;
    let why = eventually("it is not ready", async || {
        let (status, why) = stage.readiness(&producer).await;
        (status == 503).then_some(why)
    });
    let why = why.await;
    assert!(why.contains("checkpoint: ") && why.contains("no answer"), "{why}");
    assert!(!why.contains("sig="), "{why}");
    let reached = stage.world.counts(&producer, "it counts", |_| true).await.of("watermark");
    let counts = stage.stands_by(&producer).await;
    assert_eq!(counts.of("watermark"), reached, "what is not on record was not reached");
    assert_eq!(stage.readiness(&producer).await.0, 503, "nor could it take over");

    stage.azurite.restart().await;

    stage.works(&producer).await;
    stage.all_is_well(2).await;
    eventually("it is ready", async || (stage.readiness(&producer).await.0 == 200).then_some(())).await;
    let moved = |counts: &usher_tests::processes::Counts| counts.of("watermark") > reached;
    stage.world.counts(&producer, "the watermark moves", moved).await;
}
