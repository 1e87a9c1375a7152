//! Dead letters of billing's that any replay can do: of users who are no more, for whom there is nothing to do.

use std::time::Duration;

use time::OffsetDateTime;
use usher_bus::{Bus, Message};
use usher_event::{Audit, Event, UserSignedUp, property};
use usher_sandbox::TENANT_ID;
use usher_tests::processes::World;
use uuid::Uuid;

/// How many messages are sent together.
const BATCH: usize = 500;

/// The sign-up of a user whom nobody knows, an hour ago, with a body that is longer by `padding`.
pub(crate) fn event(user: usize, padding: usize) -> Event {
    Event::new(UserSignedUp {
        tenant_id: TENANT_ID,
        user_id: Uuid::from_u128(0xdead_0000 + user as u128),
        display_name: Some("Ada Lovelace".into()),
        given_name: None,
        surname: None,
        email: Some("ada@example.com".into()),
        email_verified: true,
        identity_providers: vec![],
        signed_up_at: OffsetDateTime::now_utc() - Duration::from_secs(3600),
        app_id: None,
        attributes: [("padding".to_owned(), "x".repeat(padding).into())].into(),
        audit: Audit { id: "Directory_1".into(), correlation_id: None },
    })
}

/// For billing alone: other subscriptions would fill up.
fn message(event: &Event) -> Message {
    Message::new(event.id.to_string(), event.to_json())
        .with_property(property::TENANT_ID, event.data.tenant_id.to_string())
        .with_property(property::REPLAY_TO, "billing")
}

/// Has billing refuse so many sign-ups, for being too old; a replay with the usual settings does not mind.
pub(crate) async fn dead(world: &World, count: usize, padding: usize) {
    let mut billing = world.billing().with("MAX_EVENT_AGE", "1s").with("CONCURRENCY", "64").start().await;
    let publisher = world.bus().publisher("user-signups").await.unwrap();
    for from in (0..count).step_by(BATCH) {
        let batch = (from..count.min(from + BATCH)).map(|user| message(&event(user, padding)));
        publisher.publish(batch.collect()).await.unwrap();
    }
    let mut letters = 0;
    while letters < count as u64 {
        let more = |counts: &usher_tests::processes::Counts| counts.of("dead_lettered") > letters;
        letters = world.counts(&billing, "more dead letters", more).await.of("dead_lettered");
    }
    assert_eq!(billing.terminate().await.code, Some(0));
}
