use std::{fs, path::Path, sync::Arc, time::Duration};

use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use usher_broker::{MemoryBus, topology::Topology};
use usher_bus::{Bus, Entity, Message};
use usher_clock::Clock;
use usher_http::FailureClass;
use usher_service::{Health, Shutdown};
use usher_subscriber::{Limits, Subscriber};

use super::*;

const NAME: &str = __Pascal__::NAME;
/// Long enough for a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(20);

/// Somebody has signed up; what is left out here, an event may leave out too.
fn sign_up() -> Event {
    let data = serde_json::from_value(json!({
        "tenantId": "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d", "userId": "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d",
        "displayName": "Ada Lovelace", "email": "ada@example.com", "emailVerified": true, "identityProviders": [],
        "signedUpAt": "2026-03-01T09:30:00Z", "attributes": {}, "audit": { "id": "Directory_1" },
    }));
    Event::new(data.unwrap())
}

fn consumer(folder: &Path) -> __Pascal__ {
    let (tenant_id, folder) = (sign_up().data.tenant_id, Folder::new(folder.to_owned()));
    __Pascal__ { tenant_id, folder }
}

fn notes(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).into_iter().flatten();
    files.map(|file| fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

/// A folder that can't be made: a file is in its place.
fn no_folder(home: &TempDir) -> __Pascal__ {
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    consumer(&file)
}

#[tokio::test]
async fn a_sign_up_is_noted_once_however_often_it_comes_and_without_anything_personal() {
    let home = tempfile::tempdir().unwrap();
    let consumer = consumer(home.path());
    for _ in 0..3 {
        assert_eq!(consumer.handle(&sign_up()).await, Outcome::Done);
    }
    let notes = notes(home.path());
    assert_eq!(notes.len(), 1);
    assert!(notes[0].contains(&sign_up().data.user_id.to_string()), "{notes:?}");
    assert!(!notes[0].contains("Ada") && !notes[0].contains('@'), "{notes:?}");
}

#[tokio::test]
async fn whether_a_note_is_there_can_be_told() {
    let home = tempfile::tempdir().unwrap();
    let consumer = consumer(home.path());
    assert_eq!(consumer.presence(&sign_up()).await, Ok(Presence::Missing("no-note")));
    consumer.handle(&sign_up()).await;
    assert_eq!(consumer.presence(&sign_up()).await, Ok(Presence::Present));
}

#[tokio::test]
async fn without_a_folder_nobody_can_be_served_and_the_probe_names_the_setting() {
    let home = tempfile::tempdir().unwrap();
    let consumer = no_folder(&home);
    let outcome = consumer.handle(&sign_up()).await;
    assert!(matches!(outcome, Outcome::Unavailable { vendor: VENDOR, .. }), "{outcome:?}");
    let down = consumer.probe().await.unwrap_err();
    assert_eq!((down.setting, down.failure.class), (FOLDER, FailureClass::Unreachable));
}

/// The runtime between the handler and a broker in memory, whose topology is the one that `usher up` has.
#[tokio::test]
async fn a_sign_up_on_the_topic_arrives_and_is_completed() {
    let home = tempfile::tempdir().unwrap();
    let bus = MemoryBus::new(&Topology::usher(), Clock::system());
    let subscription = Entity::subscription("user-signups", NAME);
    let receiver = bus.receiver(&subscription).await.unwrap();
    let handler = Arc::new(consumer(home.path()));
    let (limits, health, shutdown) = (Limits::default(), Health::new(), Shutdown::new());
    let clock = Clock::system();
    let subscriber = Subscriber::new(NAME, handler, receiver, limits, None, clock, health.clone());

    let event = sign_up();
    let message = Message::new(event.id.to_string(), event.to_json());
    bus.publisher("user-signups").await.unwrap().publish(vec![message]).await.unwrap();
    let (ended, ()) = tokio::join!(subscriber.run(shutdown.clone()), async {
        let deadline = Instant::now() + PATIENCE;
        while health.status().counts.get("done") != Some(&1) {
            assert!(Instant::now() < deadline, "{:?}", health.status());
            sleep(Duration::from_millis(10)).await;
        }
        shutdown.request();
    });

    assert_eq!(ended, Ok(()));
    assert_eq!(notes(home.path()).len(), 1);
    assert_eq!(bus.counts(&subscription).unwrap().total, 0, "nothing is left in the subscription");
}
