//! What is measured of deliveries: each once, by how it ended.

use std::time::Duration;

use usher_http::{Failure, FailureClass};
use usher_service::{Health, Metrics};
use usher_subscriber::Outcome;
use usher_telemetry::Meters;

use crate::bench::{Answer, Bench, done, reject, retry};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A bench that is measured, and where that can be read.
async fn measured() -> (Bench, Meters) {
    let mut bench = Bench::new().await;
    let meters = Meters::apart();
    bench.health = Health::new().with_metrics(Metrics::on(meters.clone()));
    (bench, meters)
}

/// The value of a metric, `labels` behind the consumer's; `None` if it is not there.
fn sample(meters: &Meters, name: &str, labels: &str) -> Option<f64> {
    let text = meters.text().unwrap();
    let series = format!("{name}{{consumer=\"billing\"{labels}}} ");
    let line = text.lines().find_map(|line| line.strip_prefix(&series));
    line.map(|value| value.parse().unwrap())
}

#[tokio::test(start_paused = true)]
async fn each_delivery_counts_once_by_how_it_ended_and_why() {
    let (bench, meters) = measured().await;
    let users = bench.sign_ups(5).await;
    bench.destination.answers(users[1], [Answer::Outcome(Outcome::Skipped("user-gone"))]);
    bench.destination.answers(users[2], [reject()]);
    bench.destination.answers(users[3], [retry(), done()]);
    bench.destination.passes_over(users[4]);
    let running = bench.start().await;
    bench.until_empty(HOUR).await;
    running.stop().await;

    let counted = |labels| sample(&meters, "usher_deliveries_total", labels);
    assert_eq!(counted(",outcome=\"done\""), Some(2.0));
    assert_eq!(counted(",outcome=\"skipped\",reason=\"user-gone\""), Some(1.0));
    assert_eq!(counted(",outcome=\"skipped\",reason=\"no-consent\""), Some(1.0));
    assert_eq!(counted(",outcome=\"dead_lettered\",reason=\"VendorRejected\""), Some(1.0));
    assert_eq!(counted(",outcome=\"retried\",reason=\"server-error\""), Some(1.0));
    assert_eq!(sample(&meters, "usher_dead_letters_made_total", ""), Some(1.0));
}

#[tokio::test(start_paused = true)]
async fn an_effect_is_as_late_as_it_was_since_the_sign_up_and_a_dead_letter_is_none() {
    let (bench, meters) = measured().await;
    let users = bench.sign_ups(3).await;
    bench.destination.answers(users[2], [reject()]);
    tokio::time::sleep(4 * MINUTE).await;
    let running = bench.start().await;
    bench.until_empty(MINUTE).await;
    running.stop().await;

    let delay = |part, labels| sample(&meters, &format!("usher_signup_effect_delay_seconds_{part}"), labels);
    assert_eq!(delay("count", ",outcome=\"done\""), Some(2.0));
    assert_eq!(delay("bucket", ",outcome=\"done\",le=\"180\""), Some(0.0));
    assert_eq!(delay("bucket", ",outcome=\"done\",le=\"300\""), Some(2.0));
    assert_eq!(delay("count", ",outcome=\"dead_lettered\""), None);
}

#[tokio::test(start_paused = true)]
async fn what_was_given_back_in_an_outage_still_grows_old_and_the_circuit_shows() {
    let (bench, meters) = measured().await;
    let (age, is_open) = ("usher_messages_oldest_age_seconds", "usher_circuit_open");
    let running = bench.start().await;
    bench.destination.goes_down(Failure::named(FailureClass::Unreachable, "no connection"));
    bench.sign_ups(20).await;
    tokio::time::sleep(HOUR).await;
    assert_eq!((bench.count("oldest_seconds"), sample(&meters, is_open, "")), (0, Some(1.0)));
    let oldest = sample(&meters, age, "").unwrap();
    assert!((3_600.0..3_700.0).contains(&oldest), "{oldest}");
    let released = ",outcome=\"released\",reason=\"circuit-open\"";
    assert!(sample(&meters, "usher_deliveries_total", released) >= Some(1.0));

    bench.destination.comes_back();
    bench.until_empty(5 * MINUTE).await;
    running.stop().await;
    assert_eq!((sample(&meters, age, ""), sample(&meters, is_open, "")), (Some(0.0), Some(0.0)));
    assert_eq!(sample(&meters, "usher_deliveries_total", ",outcome=\"done\""), Some(20.0));
}
