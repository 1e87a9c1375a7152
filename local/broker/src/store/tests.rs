use bytes::Bytes;
use tempfile::TempDir;
use time::macros::datetime;
use usher_clock::Clock;

use super::{FILE, Store, StoreError, Ticket};
use crate::machine::{Change, DeadLetter, Machine, Millis, QueueId, Remembered, Restored, Stored};
use crate::topology::{QueueSpec, Topology};

/// A directory, and a store in it that can be closed and opened again.
struct Disk {
    directory: TempDir,
    queues: Vec<(QueueId, String)>,
}

impl Disk {
    /// With the queues `work` and `other`, each with its dead-letter queue.
    fn new() -> Self {
        let queue = |name: &str| QueueSpec {
            name: name.to_owned(),
            intake: Default::default(),
            delivery: Default::default(),
        };
        let topology = Topology { queues: vec![queue("work"), queue("other")], topics: Vec::new() };
        let machine = Machine::<Bytes>::new(&topology, 0);
        let queues = machine.queues().map(|(id, name)| (id, name.to_owned())).collect();
        Self { directory: tempfile::tempdir().unwrap(), queues }
    }

    fn open(&self) -> (Store, Restored<Bytes>) {
        self.try_open().unwrap()
    }

    fn try_open(&self) -> Result<(Store, Restored<Bytes>), StoreError> {
        let clock = Clock::starting_at(datetime!(2026-01-01 00:00 UTC));
        Store::open(self.directory.path(), &self.queues, clock)
    }

    /// Writes the changes, closes, and reads back.
    async fn after(&self, changes: Vec<Change<Bytes>>) -> Restored<Bytes> {
        let (mut store, _) = self.open();
        let ticket = store.append(changes);
        written(&store, ticket).await;
        drop(store);
        self.open().1
    }

    fn id(&self, name: &str) -> QueueId {
        self.queues.iter().find(|(_, other)| other == name).unwrap().0
    }

    fn added(&self, queue: &str, sequence_number: i64, group: u64) -> Change<Bytes> {
        Change::Added {
            queue: self.id(queue),
            sequence_number,
            enqueued_at: Millis(10),
            expires_at: Some(Millis(20)),
            size: 4,
            payload: Bytes::from(format!("m{group}")),
            group,
        }
    }

    fn payloads_on_disk(&self) -> i64 {
        let database = rusqlite::Connection::open(self.directory.path().join(FILE)).unwrap();
        database.query_row("SELECT count(*) FROM payload", [], |row| row.get(0)).unwrap()
    }
}

async fn written(store: &Store, ticket: Ticket) {
    let mut progress = store.progress();
    let progress =
        progress.wait_for(|progress| progress.covers(ticket) || progress.failed.is_some()).await.unwrap();
    assert!(progress.failed.is_none(), "{progress:?}");
}

#[tokio::test]
async fn a_message_comes_back_as_it_was_written() {
    let disk = Disk::new();
    let restored = disk.after(vec![disk.added("work", 1, 7)]).await;
    let expected = Stored {
        queue: disk.id("work"),
        sequence_number: 1,
        enqueued_at: Millis(10),
        expires_at: Some(Millis(20)),
        delivery_count: 0,
        size: 4,
        payload: Bytes::from("m7"),
        dead_letter: None,
    };
    assert_eq!(restored.messages, vec![expected]);
    assert_eq!(restored.last_group, 7);
}

#[tokio::test]
async fn failures_and_the_way_to_the_dead_letters_come_back_too() {
    let disk = Disk::new();
    let (from, to) = (disk.id("work"), disk.id("work/$DeadLetterQueue"));
    let why = DeadLetter { reason: "R".to_owned(), description: String::new(), source: "work".to_owned() };
    let restored = disk
        .after(vec![
            disk.added("work", 1, 1),
            Change::Counted { queue: from, sequence_number: 1, delivery_count: 3 },
            Change::Moved { from, to, sequence_number: 1, dead_letter: why.clone() },
        ])
        .await;
    let [message] = restored.messages.as_slice() else { panic!("{restored:?}") };
    assert_eq!((message.queue, message.delivery_count, message.dead_letter.as_ref()), (to, 3, Some(&why)));
}

#[tokio::test]
async fn copies_share_one_payload_which_goes_with_the_last_of_them() {
    let disk = Disk::new();
    let removed = |queue| Change::Removed { queue: disk.id(queue), sequence_number: 1 };
    disk.after(vec![disk.added("work", 1, 1), disk.added("other", 1, 1)]).await;
    assert_eq!(disk.payloads_on_disk(), 1);
    disk.after(vec![removed("work")]).await;
    assert_eq!(disk.payloads_on_disk(), 1);
    let restored = disk.after(vec![removed("other")]).await;
    assert_eq!((disk.payloads_on_disk(), restored.messages), (0, vec![]));
}

#[tokio::test]
async fn a_sequence_number_is_remembered_when_its_message_is_gone() {
    let disk = Disk::new();
    let queue = disk.id("work");
    let restored =
        disk.after(vec![disk.added("work", 41, 1), Change::Removed { queue, sequence_number: 41 }]).await;
    assert!(restored.sequence_numbers.contains(&(queue, 41)));
}

#[tokio::test]
async fn ids_are_remembered_until_their_time_has_passed() {
    let disk = Disk::new();
    let now = Millis::from(datetime!(2026-01-01 00:00 UTC));
    let id = |name: &str, until| Remembered { entity: "work".to_owned(), message_id: name.to_owned(), until };
    let (fresh, stale) = (id("fresh", Millis(now.0 + 1)), id("stale", now));
    let restored = disk.after(vec![Change::Remembered(fresh.clone()), Change::Remembered(stale)]).await;
    assert_eq!(restored.remembered, vec![fresh]);
}

#[tokio::test]
async fn a_queue_that_is_not_configured_any_more_keeps_its_messages() {
    let mut disk = Disk::new();
    let all = disk.queues.clone();
    disk.after(vec![disk.added("work", 1, 1), disk.added("other", 1, 2)]).await;
    disk.queues.retain(|(_, name)| !name.starts_with("other"));
    assert_eq!(disk.open().1.messages.len(), 1);
    disk.queues = all;
    assert_eq!(disk.open().1.messages.len(), 2);
}

#[test]
fn a_second_broker_is_kept_out_and_told_why() {
    let disk = Disk::new();
    let (_first, _) = disk.open();
    assert!(matches!(disk.try_open(), Err(StoreError::InUse { .. })));
}

#[test]
fn a_file_of_something_else_and_one_of_a_newer_broker_are_left_alone() {
    let disk = Disk::new();
    let path = disk.directory.path().join(FILE);
    std::fs::write(&path, "not a database, but long enough to have a header of the size that one has")
        .unwrap();
    assert!(matches!(disk.try_open(), Err(StoreError::Foreign { .. })));
    std::fs::remove_file(&path).unwrap();
    drop(disk.open());
    rusqlite::Connection::open(&path).unwrap().pragma_update(None, "user_version", 2).unwrap();
    assert!(matches!(disk.try_open(), Err(StoreError::Newer { found: 2, .. })));
}

#[tokio::test]
async fn a_write_that_fails_is_never_covered() {
    let disk = Disk::new();
    let (mut store, _) = disk.open();
    let nowhere = Change::Removed { queue: disk.id("work"), sequence_number: 99 };
    let ticket = store.append(vec![nowhere]);
    let mut progress = store.progress();
    progress.wait_for(|progress| progress.failed.is_some()).await.unwrap();
    let later = store.append(vec![disk.added("work", 1, 1)]);
    assert!(!progress.borrow().covers(ticket) && !progress.borrow().covers(later));
}
