//! Reading back, on start, what the last life of the broker left on disk.

use std::collections::BTreeMap;

use bytes::Bytes;
use rusqlite::{Connection, Row, params};

use crate::machine::{DeadLetter, Millis, QueueId, Remembered, Restored, Stored};

/// What the journal needs to know to go on writing.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// The row of each queue.
    pub(super) rows: BTreeMap<QueueId, i64>,
    /// How many messages share each payload. Those of queues that are no longer served count too.
    pub(super) copies: BTreeMap<i64, u32>,
}

/// Reads everything that the given queues hold, and forgets the ids whose time has passed.
pub(super) fn read(
    database: &Connection,
    queues: &[(QueueId, String)],
    now: Millis,
) -> rusqlite::Result<(Restored<Bytes>, Known)> {
    let mut restored = Restored::default();
    let mut known = Known { copies: copies(database)?, ..Known::default() };
    let payloads = payloads(database)?;
    for (queue, name) in queues {
        let (row, last_sequence) = queue_row(database, name)?;
        known.rows.insert(*queue, row);
        restored.sequence_numbers.push((*queue, last_sequence));
        restored.messages.append(&mut messages(database, *queue, row, &payloads)?);
    }
    restored.remembered = remembered(database, now)?;
    restored.last_group = payloads.keys().next_back().map_or(0, |id| id.cast_unsigned());
    warn_of_others(database, &known)?;
    Ok((restored, known))
}

fn copies(database: &Connection) -> rusqlite::Result<BTreeMap<i64, u32>> {
    database
        .prepare("SELECT payload, count(*) FROM message GROUP BY payload")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

/// Copies of one message share their bytes in memory, as they do on disk.
fn payloads(database: &Connection) -> rusqlite::Result<BTreeMap<i64, Bytes>> {
    database
        .prepare("SELECT id, encoded FROM payload")?
        .query_map([], |row| Ok((row.get(0)?, Bytes::from(row.get::<_, Vec<u8>>(1)?))))?
        .collect()
}

fn queue_row(database: &Connection, name: &str) -> rusqlite::Result<(i64, i64)> {
    database.execute("INSERT OR IGNORE INTO queue (name) VALUES (?)", [name])?;
    database.query_row("SELECT id, last_sequence FROM queue WHERE name = ?", [name], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })
}

fn messages(
    database: &Connection,
    queue: QueueId,
    row: i64,
    payloads: &BTreeMap<i64, Bytes>,
) -> rusqlite::Result<Vec<Stored<Bytes>>> {
    database
        .prepare(
            "SELECT sequence, payload, size, enqueued_at, expires_at, delivery_count,
                    dead_reason, dead_description, dead_source
             FROM message WHERE queue = ? ORDER BY sequence",
        )?
        .query_map([row], |row| stored(row, queue, payloads))?
        .collect()
}

fn stored(row: &Row<'_>, queue: QueueId, payloads: &BTreeMap<i64, Bytes>) -> rusqlite::Result<Stored<Bytes>> {
    Ok(Stored {
        queue,
        sequence_number: row.get(0)?,
        payload: payloads.get(&row.get(1)?).cloned().ok_or(rusqlite::Error::QueryReturnedNoRows)?,
        size: row.get::<_, isize>(2)?.cast_unsigned(),
        enqueued_at: Millis(row.get(3)?),
        expires_at: row.get::<_, Option<i64>>(4)?.map(Millis),
        delivery_count: row.get(5)?,
        dead_letter: dead_letter(row)?,
    })
}

fn dead_letter(row: &Row<'_>) -> rusqlite::Result<Option<DeadLetter>> {
    let Some(reason) = row.get(6)? else { return Ok(None) };
    Ok(Some(DeadLetter { reason, description: row.get(7)?, source: row.get(8)? }))
}

fn remembered(database: &Connection, now: Millis) -> rusqlite::Result<Vec<Remembered>> {
    database.execute("DELETE FROM remembered WHERE until <= ?", [now.0])?;
    database
        .prepare("SELECT entity, message_id, until FROM remembered ORDER BY until")?
        .query_map([], |row| {
            Ok(Remembered { entity: row.get(0)?, message_id: row.get(1)?, until: Millis(row.get(2)?) })
        })?
        .collect()
}

/// A queue that left the configuration keeps its messages, in case that was a slip; but somebody should know.
fn warn_of_others(database: &Connection, known: &Known) -> rusqlite::Result<()> {
    let mut others = database.prepare(
        "SELECT queue.name, count(*), queue.id FROM queue JOIN message ON message.queue = queue.id GROUP BY queue.id",
    )?;
    let mut rows = others.query(params![])?;
    while let Some(row) = rows.next()? {
        let (name, messages, id): (String, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        if !known.rows.values().any(|served| *served == id) {
            tracing::warn!(queue = name, messages, "messages are kept for a queue that is not configured");
        }
    }
    Ok(())
}
