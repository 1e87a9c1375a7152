//! Writing changes down, as many as there are in one transaction.

use std::{collections::BTreeMap, sync::mpsc};

use bytes::Bytes;
use rusqlite::{Connection, params};
use usher_clock::Clock;

use super::{Ticket, snapshot::Known};
use crate::machine::{Change, DeadLetter, Millis, QueueId, Remembered};

/// The most changes in one transaction: what waits longer than this many would be answered late.
const MOST_CHANGES: usize = 8192;
/// How many ids may be remembered before those whose time has passed are looked for.
const FORGET_EVERY: u32 = 10_000;

/// The open file and what must be known to write to it.
#[derive(Debug)]
pub(super) struct Journal {
    database: Connection,
    known: Known,
    clock: Clock,
    /// Sequence numbers given out in this transaction, the highest of each queue.
    sequences: BTreeMap<i64, i64>,
    remembered: u32,
}

impl Journal {
    /// Goes on with an open file. Payloads that no message needs any more are dropped.
    pub(super) fn new(database: Connection, known: Known, clock: Clock) -> rusqlite::Result<Self> {
        database.execute("DELETE FROM payload WHERE id NOT IN (SELECT payload FROM message)", [])?;
        Ok(Self { database, known, clock, sequences: BTreeMap::new(), remembered: 0 })
    }

    /// Writes `first` and everything that waits behind it; on disk when it returns.
    pub(super) fn commit(
        &mut self,
        first: (Ticket, Vec<Change<Bytes>>),
        waiting: &mpsc::Receiver<(Ticket, Vec<Change<Bytes>>)>,
    ) -> rusqlite::Result<Ticket> {
        self.database.execute_batch("BEGIN IMMEDIATE")?;
        let (mut ticket, mut written) = (first.0, 0);
        let mut next = Some(first);
        while let Some((up_to, changes)) = next {
            ticket = up_to;
            written += changes.len();
            changes.into_iter().try_for_each(|change| self.write(change))?;
            next = if written < MOST_CHANGES { waiting.try_recv().ok() } else { None };
        }
        self.write_sequences()?;
        self.database.execute_batch("COMMIT")?;
        Ok(ticket)
    }

    fn write(&mut self, change: Change<Bytes>) -> rusqlite::Result<()> {
        match change {
            Change::Added { queue, sequence_number, enqueued_at, expires_at, size, payload, group } => {
                let payload = self.share(group, &payload)?;
                self.add(queue, sequence_number, payload, size, enqueued_at, expires_at)
            }
            Change::Moved { from, to, sequence_number, dead_letter } => {
                self.move_to(from, to, sequence_number, &dead_letter)
            }
            Change::Counted { queue, sequence_number, delivery_count } => {
                self.count(queue, sequence_number, delivery_count)
            }
            Change::Removed { queue, sequence_number } => self.remove(queue, sequence_number),
            Change::Remembered(id) => self.remember(&id),
        }
    }

    /// The row of the payload; written with the first of its copies.
    fn share(&mut self, group: u64, encoded: &[u8]) -> rusqlite::Result<i64> {
        let id = group.cast_signed();
        let copies = self.known.copies.entry(id).or_default();
        *copies += 1;
        if *copies == 1 {
            let mut insert =
                self.database.prepare_cached("INSERT INTO payload (id, encoded) VALUES (?, ?)")?;
            insert.execute(params![id, encoded])?;
        }
        Ok(id)
    }

    fn add(
        &mut self,
        queue: QueueId,
        sequence: i64,
        payload: i64,
        size: usize,
        enqueued_at: Millis,
        expires_at: Option<Millis>,
    ) -> rusqlite::Result<()> {
        let row = self.row(queue);
        let size = size.cast_signed();
        let mut insert = self.database.prepare_cached(
            "INSERT INTO message (queue, sequence, payload, size, enqueued_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
        )?;
        insert.execute(params![row, sequence, payload, size, enqueued_at.0, expires_at.map(|at| at.0)])?;
        let highest = self.sequences.entry(row).or_default();
        *highest = sequence.max(*highest);
        Ok(())
    }

    fn move_to(&self, from: QueueId, to: QueueId, sequence: i64, why: &DeadLetter) -> rusqlite::Result<()> {
        let mut update = self.database.prepare_cached(
            "UPDATE message SET queue = ?, dead_reason = ?, dead_description = ?, dead_source = ?
             WHERE queue = ? AND sequence = ?",
        )?;
        let (from, to) = (self.row(from), self.row(to));
        one_row(update.execute(params![to, why.reason, why.description, why.source, from, sequence])?)
    }

    fn count(&self, queue: QueueId, sequence: i64, deliveries: u32) -> rusqlite::Result<()> {
        let mut update = self
            .database
            .prepare_cached("UPDATE message SET delivery_count = ? WHERE queue = ? AND sequence = ?")?;
        one_row(update.execute(params![deliveries, self.row(queue), sequence])?)
    }

    fn remove(&mut self, queue: QueueId, sequence: i64) -> rusqlite::Result<()> {
        let payload = {
            let mut delete = self
                .database
                .prepare_cached("DELETE FROM message WHERE queue = ? AND sequence = ? RETURNING payload")?;
            delete.query_row(params![self.row(queue), sequence], |row| row.get::<_, i64>(0))?
        };
        self.release(payload)
    }

    /// The payload goes with the last of its copies.
    fn release(&mut self, payload: i64) -> rusqlite::Result<()> {
        let copies = self.known.copies.entry(payload).or_default();
        *copies = copies.saturating_sub(1);
        if *copies == 0 {
            self.known.copies.remove(&payload);
            self.database.prepare_cached("DELETE FROM payload WHERE id = ?")?.execute([payload])?;
        }
        Ok(())
    }

    fn remember(&mut self, id: &Remembered) -> rusqlite::Result<()> {
        self.database
            .prepare_cached("INSERT OR REPLACE INTO remembered (entity, message_id, until) VALUES (?, ?, ?)")?
            .execute(params![id.entity, id.message_id, id.until.0])?;
        self.remembered += 1;
        if self.remembered.is_multiple_of(FORGET_EVERY) { self.forget() } else { Ok(()) }
    }

    /// Drops the ids whose time has passed, so that the file stops growing while the broker runs for weeks.
    fn forget(&self) -> rusqlite::Result<()> {
        let now = Millis::from(self.clock.now());
        self.database.execute("DELETE FROM remembered WHERE until <= ?", [now.0]).map(drop)
    }

    fn write_sequences(&mut self) -> rusqlite::Result<()> {
        let mut update = self.database.prepare_cached("UPDATE queue SET last_sequence = ? WHERE id = ?")?;
        while let Some((row, highest)) = self.sequences.pop_first() {
            update.execute([highest, row])?;
        }
        Ok(())
    }

    fn row(&self, queue: QueueId) -> i64 {
        *self.known.rows.get(&queue).expect("the store was opened with every queue of the machine")
    }
}

/// The machine names only messages that are there: another count means that disk and machine differ.
fn one_row(changed: usize) -> rusqlite::Result<()> {
    if changed == 1 { Ok(()) } else { Err(rusqlite::Error::StatementChangedRows(changed)) }
}
