//! What can be wrong with a file.

use std::{fs, path::Path};

use usher_http::FailureClass;
use usher_subscriber::{Handler, Outcome};

use crate::people::{FIRST, ada, event, sql};

fn url(file: &Path, mode: &str) -> String {
    format!("sqlite://{}{mode}", file.display())
}

/// The setting to mend, and the code.
async fn refusal(url: &str) -> (&'static str, String) {
    let sql = sql(url, "signups", FIRST);
    let outcome = sql.handle(&event(ada())).await;
    assert!(matches!(outcome, Outcome::Unavailable { .. }), "{outcome:?}");
    let down = sql.probe().await.unwrap_err();
    assert_eq!(down.failure.class, FailureClass::Unauthorized, "{down}");
    (down.setting, down.failure.code.unwrap())
}

#[tokio::test]
async fn a_file_that_can_only_be_read_is_a_setting_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("signups.db");
    assert_eq!(sql(&url(&file, ""), "signups", FIRST).handle(&event(ada())).await, Outcome::Done);
    // By its URL: whoever runs tests as root may write to any file.
    assert_eq!(refusal(&url(&file, "?mode=ro")).await, ("SQL_DATABASE_URL", "sqlite-8".to_owned()));
}

#[tokio::test]
async fn a_place_where_no_file_can_be_is_a_setting_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("nowhere/signups.db");
    assert_eq!(refusal(&url(&missing, "")).await, ("SQL_DATABASE_URL", "sqlite-14".to_owned()));
    let unmade = folder.path().join("signups.db");
    assert_eq!(refusal(&url(&unmade, "?mode=rw")).await, ("SQL_DATABASE_URL", "sqlite-14".to_owned()));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.txt");
    let notes = "Not a database. ".repeat(100);
    fs::write(&file, &notes).unwrap();
    assert_eq!(refusal(&url(&file, "")).await, ("SQL_DATABASE_URL", "sqlite-26".to_owned()));
    assert_eq!(fs::read_to_string(&file).unwrap(), notes);
}

#[tokio::test]
async fn a_table_of_somebody_elses_is_a_setting_to_mend() {
    let folder = tempfile::tempdir().unwrap();
    let url = url(&folder.path().join("signups.db"), "");
    crate::database::Database::sqlite(&url).run("CREATE TABLE signups (id INTEGER PRIMARY KEY)").await;
    let (setting, code) = refusal(&url).await;
    assert_eq!(setting, "SQL_TABLE");
    assert!(code.starts_with("sqlite-1 ("), "{code}");
}
