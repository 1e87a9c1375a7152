//! What the broker must not forget, in one SQLite file.
//!
//! The state machine says what changed; the store writes it down on a thread of its own, everything that has
//! queued up in one transaction with one fsync (group commit), and tells how far it has come. Whoever has a
//! promise to keep (a send accepted, a message completed) waits for its [`Ticket`] before it answers.
//!
//! A write that fails ends the store for good: the machine in memory is then ahead of the disk, and only a
//! restart brings them together again. Nothing that waited is ever answered with a yes.

mod journal;
mod schema;
mod snapshot;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::watch;
use usher_clock::Clock;

use crate::machine::{Change, QueueId, Restored};
use journal::Journal;

/// The file in the data directory.
const FILE: &str = "broker.sqlite3";

/// A place in the journal: everything up to it is on disk once [`Progress::covers`] it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// How far the store has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    written: Ticket,
    /// Why nothing more is written, once that is so.
    pub(crate) failed: Option<Arc<StoreError>>,
}

impl Progress {
    /// Whether what was appended under this ticket is on disk.
    pub(crate) fn covers(&self, ticket: Ticket) -> bool {
        self.written >= ticket
    }
}

/// Why the store can't be opened, or no longer be written to.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The directory can't be made.
    #[error("{path} can't be created: {source}")]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another broker has the file open.
    #[error("{path} is in use by another broker")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is not a broker's file")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer broker.
    #[error("{path} has format {found}, and this broker knows formats up to {known}: use a newer broker")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The format it has.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// SQLite could not read or write: a full disk, a directory that may not be written, a broken file.
    #[error("the store can't be used: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

impl StoreError {
    /// Whether another directory or another broker is needed, rather than another try.
    pub fn is_setting(&self) -> bool {
        matches!(self, Self::Directory { .. } | Self::Foreign { .. } | Self::Newer { .. })
    }
}

/// The open store. Dropping it writes what is queued and waits for the thread to end.
#[derive(Debug)]
pub(crate) struct Store {
    inbox: Option<mpsc::Sender<(Ticket, Vec<Change<Bytes>>)>>,
    last: Ticket,
    progress: watch::Receiver<Progress>,
    thread: Option<JoinHandle<()>>,
}

impl Store {
    /// Opens the file in `directory`, makes it if it isn't there, and reads back what it holds for `queues`
    /// (identified by their canonical names; what other queues hold stays on disk untouched).
    ///
    /// # Errors
    /// As [`StoreError`] says.
    pub(crate) fn open(
        directory: &Path,
        queues: &[(QueueId, String)],
        clock: Clock,
    ) -> Result<(Self, Restored<Bytes>), StoreError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| StoreError::Directory { path: directory.to_owned(), source })?;
        let database = schema::open(&directory.join(FILE))?;
        let (restored, known) = snapshot::read(&database, queues, clock.now().into())?;
        Ok((Self::start(Journal::new(database, known, clock)?), restored))
    }

    fn start(journal: Journal) -> Self {
        let (sender, inbox) = mpsc::channel();
        let (report, progress) = watch::channel(Progress::default());
        let thread = std::thread::spawn(move || write_until_closed(journal, &inbox, &report));
        Self { inbox: Some(sender), last: Ticket::default(), progress, thread: Some(thread) }
    }

    /// Queues changes to be written, in the order of the calls.
    pub(crate) fn append(&mut self, changes: Vec<Change<Bytes>>) -> Ticket {
        self.last.0 += 1;
        if let Some(inbox) = &self.inbox {
            // Nobody listens after a failed write: the ticket then stays uncovered, as it must.
            let _ = inbox.send((self.last, changes));
        }
        self.last
    }

    /// The newest ticket given out.
    pub(crate) fn last(&self) -> Ticket {
        self.last
    }

    /// How far it has come, to be watched.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        drop(self.inbox.take());
        if let Some(thread) = self.thread.take() {
            // It can only have panicked, and has then said so itself.
            let _ = thread.join();
        }
    }
}

fn write_until_closed(
    mut journal: Journal,
    inbox: &mpsc::Receiver<(Ticket, Vec<Change<Bytes>>)>,
    report: &watch::Sender<Progress>,
) {
    while let Ok(first) = inbox.recv() {
        match journal.commit(first, inbox) {
            Ok(written) => report.send_modify(|progress| progress.written = written),
            Err(error) => {
                report.send_modify(|progress| progress.failed = Some(Arc::new(error.into())));
                return;
            }
        }
    }
}
