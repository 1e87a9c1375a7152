//! From the audit log to the topic, against the stand-in of Entra.

use std::time::Duration;

use crate::world::{MINUTE, START, World, once};
use tokio::time::Instant;
use usher_bus::{BusError, PropertyValue};
use usher_event::EventId;
use usher_producer::Held;
use usher_sandbox::{
    AuditLatency, Call, Crowd, Expected, FaultKind, Kind, NewSignUp, TENANT_ID, Target,
    marketing_consent_attribute,
};
use uuid::Uuid;

#[tokio::test(start_paused = true)]
async fn late_and_disordered_entries_are_each_published_once() {
    let world = World::new(|settings| {
        settings.audit.latency =
            AuditLatency { stragglers: 0.2, straggler_max: MINUTE * 45, ..AuditLatency::default() };
        settings.replication_lag = Duration::ZERO..=MINUTE;
    });
    let mut producer = world.producer().await;
    world.sandbox.generate(&Crowd::of(150).over(MINUTE * 60));
    world.run(&mut producer, MINUTE * 130).await;

    let effects = world.sandbox.effects().sign_ups;
    let of = |expected| {
        effects.iter().filter(move |effect| effect.expected == expected).map(|effect| effect.user_id)
    };
    let mut published = world.topic.users();
    of(Expected::AtMostOne).for_each(|short_lived| assert!(published.remove(&short_lived).unwrap_or(1) == 1));
    assert_eq!(published, once(of(Expected::One)));
    assert!(world.not_ready().is_empty());
    assert_eq!(world.count("waiting_for_user"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_publish_and_checkpoint_repeats_with_the_same_id() {
    let world = World::new(|_| {});
    let mut producer = world.producer().await;
    let user = world.sandbox.sign_up(NewSignUp::default());
    world.disk.set_broken(true);
    assert!(matches!(producer.poll_once().await, Err(Held::Checkpoint(_))));
    assert_eq!(world.not_ready(), ["checkpoint"]);
    drop(producer);

    world.disk.set_broken(false);
    world.producer().await.poll_once().await.unwrap();
    let ids: Vec<_> = world.topic.messages().into_iter().map(|message| message.id).collect();
    let id = EventId::of(TENANT_ID, user).to_string();
    assert_eq!(ids, [id.clone(), id]);

    world.producer().await.poll_once().await.unwrap();
    assert_eq!(world.topic.messages().len(), 2, "what is on record is not repeated");
    assert_eq!(world.count("repeated"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_user_not_yet_readable_is_waited_for_and_holds_up_nobody() {
    let world = World::new(|_| {});
    let mut producer = world.producer().await;
    let slow = NewSignUp { replication_lag: Some(MINUTE), ..NewSignUp::default() };
    let slow = world.sandbox.sign_up(slow);
    let quick = world.sandbox.sign_up(NewSignUp::default());
    producer.poll_once().await.unwrap();
    assert_eq!(world.topic.users(), once([quick]));
    assert_eq!(world.count("waiting_for_user"), 1);
    drop(producer);

    let mut next = world.producer().await;
    world.run(&mut next, MINUTE * 3).await;
    assert_eq!(world.topic.users(), once([quick, slow]));
    assert_eq!(world.count("waiting_for_user"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_user_who_never_becomes_readable_counts_as_gone_after_fifteen_minutes() {
    let world = World::new(|_| {});
    let mut producer = world.producer().await;
    world.sandbox.sign_up(NewSignUp { deleted_after: Some(Duration::ZERO), ..NewSignUp::default() });
    world.run(&mut producer, MINUTE * 14).await;
    assert_eq!((world.count("waiting_for_user"), world.count("gone")), (1, 0));
    world.run(&mut producer, MINUTE * 4).await;
    assert_eq!((world.count("waiting_for_user"), world.count("gone")), (0, 1));
    world.run(&mut producer, MINUTE * 30).await;
    assert_eq!(world.count("gone"), 1, "and stays so");
    assert!(world.topic.messages().is_empty() && world.not_ready().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_full_topic_holds_the_watermark_until_it_takes_messages_again() {
    let world = World::new(|_| {});
    let mut producer = world.producer().await;
    let user = world.sandbox.sign_up(NewSignUp::default());
    world.topic.set_room(0);
    world.run(&mut producer, MINUTE * 90).await;
    assert_eq!(world.count("watermark"), START.unix_timestamp().unsigned_abs());
    assert_eq!(world.not_ready(), ["bus"]);

    world.topic.set_room(usize::MAX);
    world.run(&mut producer, MINUTE).await;
    assert_eq!(world.topic.users(), once([user]));
    assert!(world.count("watermark") >= START.unix_timestamp().unsigned_abs() + 90 * 60);
    assert!(world.not_ready().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_long_page_is_handed_on_in_groups_each_on_record_before_the_next() {
    let world = World::new(|settings| settings.audit.page_size = 999);
    let users = world.sandbox.generate(&Crowd { bystanders: 0, short_lived: 0, ..Crowd::of(450) });
    world.topic.set_room(1);
    assert!(matches!(world.producer().await.poll_once().await, Err(Held::Bus(BusError::Full))));
    assert_eq!(world.topic.messages().len(), 200);

    world.topic.set_room(usize::MAX);
    world.producer().await.poll_once().await.unwrap();
    assert_eq!(world.topic.users(), once(users));
    assert_eq!(world.count("repeated"), 200, "what is on record is not repeated");
}

#[tokio::test(start_paused = true)]
async fn many_pages_are_read_through_throttling_without_starting_over() {
    let world = World::new(|settings| settings.audit.page_size = 20);
    let mut producer = world.producer().await;
    let users = world.sandbox.generate(&Crowd { bystanders: 0, short_lived: 0, ..Crowd::of(300) });
    producer.poll_once().await.unwrap();
    assert_eq!(world.topic.users(), once(users));
    assert_eq!(world.count("seen"), 300);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_hangs_does_not_hold_up_the_end() {
    let world = World::new(|_| {});
    let mut producer = world.producer().await;
    world.sandbox.faults().next(Target::Call(Call::ListAudits), 1, FaultKind::Hang);
    let start = Instant::now();
    world.run(&mut producer, Duration::from_secs(1)).await;
    assert!(start.elapsed() <= Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_throttled_user_is_published_a_little_later() {
    let world = World::new(|_| {});
    let mut producer = world.producer().await;
    let users = world.sandbox.generate(&Crowd { bystanders: 0, short_lived: 0, ..Crowd::of(5) });
    for kind in [FaultKind::Status(429), FaultKind::Status(500), FaultKind::Status(401)] {
        world.sandbox.faults().next(Target::Call(Call::GetUser), 1, kind);
    }
    producer.poll_once().await.unwrap();
    assert_eq!(world.topic.users().len(), 2);
    assert_eq!(world.not_ready(), ["users"], "the one of the 401");
    world.run(&mut producer, MINUTE * 2).await;
    assert_eq!(world.topic.users(), once(users));
    assert!(world.not_ready().is_empty());
}

#[tokio::test(start_paused = true)]
async fn nobody_is_welcomed_who_did_not_sign_up_and_wrong_actors_show() {
    let world = World::new(|_| {});
    let mut producer = world.producer().await;
    for kind in [Kind::AdminMade, Kind::OtherApp, Kind::Failed] {
        world.sandbox.sign_up(NewSignUp { kind, ..NewSignUp::default() });
    }
    producer.poll_once().await.unwrap();
    assert!(world.topic.messages().is_empty());
    assert_eq!((world.count("seen"), world.count("passed_over")), (3, 3));
    assert_eq!(world.not_ready(), ["sign-ups"]);

    world.sandbox.sign_up(NewSignUp::default());
    producer.poll_once().await.unwrap();
    assert!(world.not_ready().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_event_tells_what_is_allowed_and_the_checkpoint_nothing_personal() {
    let mut world = World::new(|_| {});
    let consent = marketing_consent_attribute();
    world.policy.attributes = vec![consent.clone()];
    let mut producer = world.producer().await;
    let somebody = |email: &str, identity_provider: Option<&str>| NewSignUp {
        email: Some(email.to_owned()),
        display_name: Some("Ada".to_owned()),
        marketing_consent: Some(true),
        identity_provider: identity_provider.map(str::to_owned),
        replication_lag: (email == "late@example.com").then_some(MINUTE),
        ..NewSignUp::default()
    };
    let local = world.sandbox.sign_up(somebody("ada@example.com", None));
    let social = world.sandbox.sign_up(somebody("bob@example.com", Some("google.com")));
    world.sandbox.sign_up(somebody("late@example.com", None));
    producer.poll_once().await.unwrap();

    let find =
        |user: Uuid| world.topic.events().into_iter().find(|event| event.data.user_id == user).unwrap().data;
    let ada = find(local);
    assert_eq!((ada.email.as_deref(), ada.email_verified), (Some("ada@example.com"), true));
    assert_eq!(ada.display_name.as_deref(), Some("Ada"));
    assert_eq!(ada.attributes.keys().collect::<Vec<_>>(), [&consent]);
    assert_eq!(ada.signed_up_at, START);
    assert!(!find(social).email_verified, "what a social provider says proves nothing");

    let message = &world.topic.messages()[0];
    assert_eq!(message.subject.as_deref(), Some("UserSignedUp"));
    assert_eq!(message.content_type.as_deref(), Some("application/cloudevents+json"));
    assert_eq!(message.text_property("eventType"), Some("usher.user-signed-up.v1"));
    assert_eq!(message.properties["tenantId"], PropertyValue::Text(TENANT_ID.to_string()));

    let record = world.disk.text().await;
    assert_eq!(world.count("waiting_for_user"), 1);
    for personal in ["ada", "bob", "late", "Ada", "example.com"] {
        assert!(!record.contains(personal), "{personal} in {record}");
    }
}
