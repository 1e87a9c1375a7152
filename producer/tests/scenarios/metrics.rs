//! How late a sign-up was published is measured once, by the poll that found it.

use std::time::Duration;

use usher_sandbox::NewSignUp;
use usher_service::{Health, Metrics};
use usher_telemetry::Meters;

use crate::world::{MINUTE, World};

const HOUR: Duration = Duration::from_secs(3600);

/// A world whose producer is measured, and where that can be read.
fn measured() -> (World, Meters) {
    let mut world = World::new(|_| {});
    let meters = Meters::apart();
    world.health = Health::new().with_metrics(Metrics::on(meters.clone()));
    (world, meters)
}

/// The value of a series of the delay's histogram.
fn delay(meters: &Meters, series: &str) -> f64 {
    let (text, series) = (meters.text().unwrap(), format!("usher_signup_publish_delay_seconds_{series} "));
    let line = text.lines().find_map(|line| line.strip_prefix(&series));
    line.unwrap_or_else(|| panic!("no {series}: {text}")).parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_sweep_publishes_again_and_measures_nothing_again() {
    let (world, meters) = measured();
    let mut producer = world.producer().await;
    world.coming_sign_ups(40, 20 * HOUR);
    world.run(&mut producer, 26 * HOUR).await;
    assert_eq!(world.count("sweeps"), 1);
    assert!(world.topic.users().values().any(|times| *times > 1), "the sweep published some again");
    assert_eq!(delay(&meters, "count"), 40.0);
    assert_eq!(delay(&meters, "bucket{le=\"60\"}"), 40.0, "a poll comes every half minute");
}

#[tokio::test(start_paused = true)]
async fn the_time_that_the_log_takes_and_the_time_without_a_producer_are_part_of_it() {
    let (world, meters) = measured();
    let mut producer = world.producer().await;
    world.run(&mut producer, MINUTE).await;
    let late = Some(10 * MINUTE + Duration::from_secs(1));
    world.sandbox.sign_up(NewSignUp { audit_latency: late, ..NewSignUp::default() });
    world.run(&mut producer, 30 * MINUTE).await;
    drop(producer);
    world.sandbox.sign_up(NewSignUp::default());
    tokio::time::sleep(5 * HOUR).await;
    world.run(&mut world.producer().await, MINUTE).await;

    assert_eq!(delay(&meters, "count"), 2.0);
    assert_eq!(delay(&meters, "bucket{le=\"600\"}"), 0.0);
    assert_eq!(delay(&meters, "bucket{le=\"900\"}"), 1.0, "a little more than ten minutes");
    assert_eq!(delay(&meters, "bucket{le=\"10800\"}"), 1.0);
    assert_eq!(delay(&meters, "bucket{le=\"21600\"}"), 2.0);
}
