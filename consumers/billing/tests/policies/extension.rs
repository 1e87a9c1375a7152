//! The customer's id in an open extension too.

use usher_billing::Existing;
use usher_event::Event;
use usher_sandbox::{FaultKind, Verdict};
use usher_subscriber::Outcome;

use crate::world::{EXTENSION, World, ada};

const SET: &str = "graph.set_extension";

fn world() -> World {
    let mut world = World::new(Existing::Create);
    world.settings.stripe_open_extension = Some(EXTENSION.to_owned());
    world
}

/// What the ledger says, which looks into the extension.
fn verdict(world: &World, event: &Event) -> Verdict {
    world.sandbox.effects().of(event.data.user_id).unwrap().billing
}

#[tokio::test(start_paused = true)]
async fn it_says_what_the_attribute_says_however_often_it_is_written() {
    let world = world();
    let event = world.sign_up(ada()).await;
    for _ in 0..3 {
        assert_eq!(world.deliver(&event).await, Outcome::Done);
        assert_eq!(verdict(&world, &event), Verdict::Exact);
    }
    assert!(world.calls(SET) >= 3, "made once, and changed to the same after that");
    assert_eq!(world.calls("graph.patch_user"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_the_setting_nothing_is_written() {
    let world = World::new(Existing::Create);
    let event = world.sign_up(ada()).await;
    assert_eq!(world.deliver(&event).await, Outcome::Done);
    assert_eq!((world.calls(SET), verdict(&world, &event)), (0, Verdict::Pending));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_dies_before_it_is_written_leaves_it_to_the_next_delivery() {
    for kind in [FaultKind::Hang, FaultKind::HangAfter] {
        let world = world();
        let event = world.sign_up(ada()).await;
        world.deliver_and_die(&event, SET, kind).await;
        assert!(world.on_user(&event).await.is_some(), "the attribute comes first");
        assert_eq!(world.deliver(&event).await, Outcome::Done);
        assert_eq!(verdict(&world, &event), Verdict::Exact, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn two_deliveries_at_once_make_one() {
    let world = world();
    let event = world.sign_up(ada()).await;
    let (one, other) = (world.billing(), world.billing());
    let both = tokio::join!(world.deliver_to(&one, &event), world.deliver_to(&other, &event));
    assert_eq!(both, (Outcome::Done, Outcome::Done));
    assert_eq!(verdict(&world, &event), Verdict::Exact);
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_the_moment_is_tried_again() {
    for status in [409, 429, 503] {
        let world = world();
        let event = world.sign_up(ada()).await;
        world.fail_next(SET, FaultKind::Status(status));
        assert_eq!(world.deliver(&event).await, Outcome::Done, "{status}");
        assert_eq!(verdict(&world, &event), Verdict::Exact, "{status}");
    }
}
