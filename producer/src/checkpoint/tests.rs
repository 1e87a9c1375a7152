use time::macros::datetime;

use super::*;
use crate::StartFrom;

const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
const HOUR: Duration = Duration::from_secs(3600);
const TENANT: Uuid = Uuid::from_u128(1);

fn policy(start_from: Option<StartFrom>) -> Policy {
    Policy { start_from, ..Policy::new(TENANT, []) }
}

fn sign_up(user: u128, at: OffsetDateTime) -> SignUp {
    let entry_id = format!("Directory_{user}");
    SignUp { user_id: Uuid::from_u128(user), at, entry_id, correlation_id: None, app_id: None, seen_at: None }
}

fn checkpoint() -> Checkpoint {
    Checkpoint::first(&policy(Some(StartFrom::Now)), NOON).unwrap()
}

async fn open(
    store: &dyn CheckpointStore,
    start_from: Option<StartFrom>,
) -> Result<Checkpoint, CheckpointError> {
    Checkpoint::open(store, &policy(start_from), NOON).await
}

fn file() -> (tempfile::TempDir, FileCheckpoint) {
    let folder = tempfile::tempdir().unwrap();
    let store = FileCheckpoint::new(folder.path().join("checkpoint.json"));
    (folder, store)
}

#[tokio::test]
async fn a_missing_checkpoint_is_not_a_first_run() {
    let (_folder, store) = file();
    assert_eq!(open(&store, None).await, Err(CheckpointError::Missing));
    let first = open(&store, Some(StartFrom::Ago(HOUR))).await.unwrap();
    assert_eq!(first.watermark, NOON - HOUR);
    assert_eq!(open(&store, Some(StartFrom::At(NOON + HOUR))).await, Err(CheckpointError::Future));
}

#[tokio::test]
async fn what_was_saved_is_read_back_whole_and_beats_start_from() {
    let (folder, store) = file();
    let mut saved = checkpoint();
    saved.settle(&sign_up(2, NOON));
    saved.wait_for(sign_up(3, NOON));
    store.save(&checkpoint()).await.unwrap();
    store.save(&saved).await.unwrap();
    assert_eq!(open(&store, Some(StartFrom::Ago(HOUR))).await, Ok(saved));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "no half-written file is left");
}

#[tokio::test]
async fn a_damaged_foreign_or_newer_checkpoint_says_what_to_do() {
    let (folder, store) = file();
    let path = folder.path().join("checkpoint.json");
    let problem = async |json: &[u8]| {
        std::fs::write(&path, json).unwrap();
        open(&store, Some(StartFrom::Now)).await.unwrap_err()
    };
    let whole = checkpoint().to_json();
    let text = String::from_utf8(whole.clone()).unwrap();
    assert!(matches!(problem(&whole[..whole.len() / 2]).await, CheckpointError::Corrupt { .. }));
    assert!(matches!(problem(b"").await, CheckpointError::Corrupt { .. }));
    let other = Uuid::from_u128(9);
    let foreign = text.replace(&TENANT.to_string(), &other.to_string());
    assert_eq!(problem(foreign.as_bytes()).await, CheckpointError::OtherTenant { found: other });
    assert_eq!(problem(br#"{"version":2,"anything":1}"#).await, CheckpointError::Newer { found: 2 });
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let store = FileCheckpoint::new("/nowhere/checkpoint.json".into());
    let problem = store.save(&checkpoint()).await.unwrap_err();
    assert_eq!(problem.to_string(), "/nowhere/checkpoint.json can't be written: entity not found");
}

#[test]
fn ids_are_kept_for_as_long_as_the_window_reaches_back() {
    let mut checkpoint = checkpoint();
    checkpoint.settle(&sign_up(2, NOON));
    checkpoint.settle(&sign_up(3, NOON + HOUR / 2));
    checkpoint.advance(NOON + HOUR, HOUR);
    assert_eq!(checkpoint.settled.len(), 2);
    checkpoint.advance(NOON + HOUR + HOUR / 4, HOUR);
    assert_eq!(checkpoint.settled.len(), 1);
}
