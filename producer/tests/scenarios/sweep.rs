//! Once a day, six days are looked at again.

use std::time::Duration;

use usher_sandbox::{NewSignUp, Sandbox};
use uuid::Uuid;

use crate::world::{MINUTE, World, once};

const HOUR: Duration = Duration::from_secs(3600);
/// The usual interval.
const POLL_EVERY: Duration = Duration::from_secs(30);

fn very_late(sandbox: &Sandbox) -> Uuid {
    sandbox.sign_up(NewSignUp { audit_latency: Some(5 * HOUR), ..NewSignUp::default() })
}

#[tokio::test(start_paused = true)]
async fn who_shows_later_than_any_overlap_is_found_by_the_sweep() {
    let world = World::new(|_| {});
    let mut producer = world.producer().await;
    let user = very_late(&world.sandbox);
    world.run(&mut producer, 23 * HOUR).await;
    assert!(world.topic.messages().is_empty(), "the polls look back no further than an hour");
    world.run(&mut producer, 2 * HOUR).await;
    assert_eq!(world.topic.users(), once([user]));
    assert_eq!(world.count("sweeps"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_sweeps_nobody_looks_again() {
    let mut world = World::new(|_| {});
    world.policy.sweep_every = None;
    let mut producer = world.producer().await;
    very_late(&world.sandbox);
    world.run(&mut producer, 50 * HOUR).await;
    assert!(world.topic.messages().is_empty());
    assert_eq!(world.count("sweeps"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_sweep_of_many_pages_makes_no_poll_wait_and_keeps_within_the_quota() {
    let world = World::new(|settings| settings.audit.page_size = 20);
    let mut producer = world.producer().await;
    world.coming_sign_ups(400, 20 * HOUR);
    world.run(&mut producer, 26 * HOUR).await;
    assert_eq!(world.count("sweeps"), 1);
    let polls = 26 * HOUR.as_secs() / POLL_EVERY.as_secs();
    assert!(world.count("polls") >= polls - 2, "{} of {polls}", world.count("polls"));
    let throttled = world.log.all().iter().filter(|(_, status)| *status == 429).count();
    assert_eq!(throttled, 0);
    assert_eq!(world.topic.users().len(), 400);
    assert!(world.topic.users().values().all(|times| *times <= 3), "by its poll, and by the sweep");
}

#[tokio::test(start_paused = true)]
async fn a_sweep_goes_on_after_a_restart() {
    let world = World::new(|settings| settings.audit.page_size = 20);
    world.coming_sign_ups(400, 20 * HOUR);
    world.run(&mut world.producer().await, 24 * HOUR).await;
    for _ in 0..3 {
        world.run(&mut world.producer().await, 4 * MINUTE).await;
    }
    world.run(&mut world.producer().await, HOUR).await;
    assert_eq!(world.count("sweeps"), 1);
    assert!(world.topic.users().values().all(|times| *times <= 5), "slices are not begun for ever");
}
