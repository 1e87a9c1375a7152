//! The file: its format, its version, and the lock that keeps a second broker out.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, ErrorCode};

use super::StoreError;

/// Marks the file as ours ("USHR").
const APPLICATION_ID: i64 = 0x5553_4852;
/// The format written here.
const VERSION: i64 = 1;
/// A broker that was just told to stop may still be flushing: that takes well under this.
const PREDECESSOR: Duration = Duration::from_secs(2);

/// One payload serves all copies of a message; a copy is a row of `message`. `last_sequence` outlives the
/// messages, so that a sequence number is never given out twice.
const FORMAT: &str = "
    CREATE TABLE queue (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE COLLATE NOCASE,
        last_sequence INTEGER NOT NULL DEFAULT 0
    );
    CREATE TABLE payload (id INTEGER PRIMARY KEY, encoded BLOB NOT NULL);
    CREATE TABLE message (
        queue INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        payload INTEGER NOT NULL,
        size INTEGER NOT NULL,
        enqueued_at INTEGER NOT NULL,
        expires_at INTEGER,
        delivery_count INTEGER NOT NULL DEFAULT 0,
        dead_reason TEXT,
        dead_description TEXT,
        dead_source TEXT,
        PRIMARY KEY (queue, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE remembered (
        entity TEXT NOT NULL,
        message_id TEXT NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (entity, message_id)
    ) WITHOUT ROWID;
    CREATE INDEX remembered_until ON remembered (until);
";

/// Opens the file, alone, and makes it if it is new.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    let database = Connection::open(path)?;
    prepare(&database).map_err(|error| match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            StoreError::InUse { path: path.to_owned() }
        }
        Some(ErrorCode::NotADatabase) => StoreError::Foreign { path: path.to_owned() },
        _ => StoreError::Sqlite(error),
    })?;
    check_format(&database, path)?;
    Ok(database)
}

/// The exclusive mode takes the file's lock with the first write and keeps it until the process ends, however
/// it ends. `FULL` syncs the log with every commit: that is what a ticket promises.
fn prepare(database: &Connection) -> rusqlite::Result<()> {
    database.busy_timeout(PREDECESSOR)?;
    database.set_prepared_statement_cache_capacity(32);
    database.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.pragma_update(None, "journal_size_limit", 64 << 20)?;
    database.execute_batch("BEGIN IMMEDIATE; COMMIT")
}

fn check_format(database: &Connection, path: &Path) -> Result<(), StoreError> {
    let number = |pragma: &str| database.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let tables: i64 = database.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (number("application_id")?, number("user_version")?) {
        (0, 0) if tables == 0 => Ok(create(database)?),
        (APPLICATION_ID, VERSION) => Ok(()),
        (APPLICATION_ID, found) => Err(StoreError::Newer { path: path.to_owned(), found, known: VERSION }),
        _ => Err(StoreError::Foreign { path: path.to_owned() }),
    }
}

/// In one transaction: a crash half-way leaves an empty file, which is made anew.
fn create(database: &Connection) -> rusqlite::Result<()> {
    database.execute_batch(&format!(
        "BEGIN; {FORMAT} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {VERSION}; COMMIT"
    ))
}
