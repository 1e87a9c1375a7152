//! What runs beside a producer, or in its place: a cron job, a backfill, the doctor.

use serde_json::Value;
use usher_sandbox::{PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET};

use crate::{BLOB, CONTAINER, Stage};

#[tokio::test]
async fn a_cron_job_beside_a_producer_has_nothing_to_do_and_alone_it_does_its_work_and_gives_the_lease_back()
{
    let Some(stage) = Stage::set().await else { return };
    let mut producer = stage.producer().start().await;
    stage.works(&producer).await;

    let beside = stage.producer().args(["--once"]).run().await;
    assert_eq!(beside.code, Some(0), "{beside:?}");
    assert!(beside.stdout.contains("another producer works"), "{beside:?}");

    producer.terminate().await;
    let _billing = stage.world.billing().start().await;
    for sign_ups in 1..=2 {
        stage.world.control.sign_up().await;
        let job = stage.producer().args(["--once"]).run().await;
        assert_eq!((job.code, job.stdout.as_str()), (Some(0), ""), "{job:?}");
        stage.all_is_well(sign_ups).await;
    }
}

#[tokio::test]
async fn a_backfill_has_its_record_in_a_blob_beside_and_leaves_the_checkpoint_alone() {
    let Some(stage) = Stage::set().await else { return };
    stage.world.control.sign_up().await;
    let backfill = stage.producer().args(["backfill", "--since", "1h"]);

    for _ in 0..2 {
        let output = backfill.run().await;
        assert_eq!(output.code, Some(0), "{output:?}");
    }
    let restarted = stage.producer().args(["backfill", "--since", "1h", "--restart"]).run().await;
    assert_eq!(restarted.code, Some(0), "{restarted:?}");

    assert_eq!(stage.checkpoint().await, None);
    let record = stage.azurite.get(CONTAINER, &format!("{BLOB}.backfill")).await;
    assert!(record.is_some_and(|record| record.contains("watermark")));
    let _billing = stage.world.billing().start().await;
    stage.all_is_well(1).await;
}

#[tokio::test]
async fn the_doctor_sees_the_checkpoint_and_whether_somebody_works_with_it() {
    let Some(stage) = Stage::set().await else { return };
    let mut producer = stage.producer().start().await;
    stage.works(&producer).await;
    assert!(lease(&stage).await.starts_with("taken"));
    producer.terminate().await;
    assert!(lease(&stage).await.starts_with("free"));
}

/// What the doctor finds of the lease; nothing must be wrong.
async fn lease(stage: &Stage) -> String {
    let settings = stage
        .producer()
        .with("ENTRA_CLIENT_ID", PRODUCER_CLIENT_ID.to_string())
        .with("ENTRA_CLIENT_SECRET", PRODUCER_CLIENT_SECRET);
    let output = settings.renamed("usher").args(["doctor", "producer", "--json"]).run().await;
    let report: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    let findings = report["findings"].as_array().unwrap();
    let of = |check: &str| findings.iter().find(|finding| finding["check"] == check).cloned();
    assert_eq!(of("checkpoint").unwrap()["state"], "ok", "{findings:#?}");
    let lease = of("lease").unwrap();
    assert_eq!(lease["state"], "ok", "{lease:#}");
    lease["what"].as_str().unwrap().to_owned()
}
