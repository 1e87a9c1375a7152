//! The rows of the SQLite file that the consumer writes to.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags};

use super::Row;

/// How long to wait for a commit to end; a consumer's takes milliseconds.
const BUSY: Duration = Duration::from_secs(1);
/// Where the consumer puts them unless it is told otherwise.
const SELECT: &str =
    "SELECT user_id, email, display_name, given_name, surname, signed_up_at FROM signups ORDER BY user_id";

/// The rows. What can't be read now isn't there now: the file is made by the consumer's first call, the table by its
/// second, and what a killed consumer left half-done is undone by its next.
pub(crate) fn rows_of_file(path: &Path) -> Vec<Row> {
    read(path).unwrap_or_default()
}

fn read(path: &Path) -> rusqlite::Result<Vec<Row>> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    connection.busy_timeout(BUSY)?;
    let mut statement = connection.prepare(SELECT)?;
    let rows = statement.query_map([], |row| {
        Ok(Row {
            user_id: row.get(0)?,
            email: row.get(1)?,
            display_name: row.get(2)?,
            given_name: row.get(3)?,
            surname: row.get(4)?,
            signed_up_at: row.get(5)?,
        })
    })?;
    rows.collect()
}
