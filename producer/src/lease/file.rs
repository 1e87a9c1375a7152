//! The lease on a checkpoint in a file: a lock on a file beside it, which the system keeps and takes back when its holder
//! ends, however that comes.
//!
//! Not on the checkpoint itself, which is another file each time it is written. The lock's file stays behind: whoever
//! removed it might remove one that somebody has just locked.

use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::Lease;
use crate::{CheckpointError, checkpoint::off_the_runtime};

/// A lease on a checkpoint in a file.
#[derive(Debug)]
pub struct FileLease {
    file: PathBuf,
    /// Open and locked while the lease is ours.
    held: Mutex<Option<File>>,
}

impl FileLease {
    /// The lease on the checkpoint in this file. Its folder must exist.
    pub fn beside(checkpoint: &Path) -> Self {
        let mut name = OsString::from(checkpoint);
        name.push(".lock");
        Self { file: name.into(), held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, Option<File>> {
        // It is replaced as a whole: a panic elsewhere can't leave it half-written.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, kind: ErrorKind) -> CheckpointError {
        CheckpointError::Io { file: self.file.clone(), action: "locked", kind }
    }
}

#[async_trait]
impl Lease for FileLease {
    async fn take(&self) -> Result<bool, CheckpointError> {
        let file = self.file.clone();
        let locked = off_the_runtime(move || lock(&file)).await.map_err(|error| self.error(error.kind()))?;
        let is_ours = locked.is_some();
        if is_ours {
            *self.held() = locked;
        }
        Ok(is_ours)
    }

    async fn renew(&self) -> Result<bool, CheckpointError> {
        Ok(self.held().is_some())
    }

    async fn give_back(&self) {
        *self.held() = None;
    }

    async fn is_taken(&self) -> Result<bool, CheckpointError> {
        let file = self.file.clone();
        off_the_runtime(move || is_locked(&file)).await.map_err(|error| self.error(error.kind()))
    }

    fn term(&self) -> Option<Duration> {
        None
    }
}

/// The file, locked; `None` if somebody else has locked it.
fn lock(file: &Path) -> io::Result<Option<File>> {
    let opened = File::options().write(true).create(true).truncate(false).open(file)?;
    match opened.try_lock() {
        Ok(()) => Ok(Some(opened)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Asks for a lock that others may share, and lets go of it at once.
fn is_locked(file: &Path) -> io::Result<bool> {
    let opened = match File::open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    match opened.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_two_on_one_file_one_has_it_until_it_is_given_back_or_its_holder_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let contender = || FileLease::beside(&folder.path().join("checkpoint.json"));
        let (first, second, third) = (contender(), contender(), contender());
        assert_eq!(third.is_taken().await, Ok(false));
        assert_eq!(first.take().await, Ok(true));
        assert_eq!(second.take().await, Ok(false));
        assert_eq!((first.renew().await, second.renew().await), (Ok(true), Ok(false)));
        assert_eq!(third.is_taken().await, Ok(true));

        first.give_back().await;
        assert_eq!(second.take().await, Ok(true));
        drop(second);
        assert_eq!(third.take().await, Ok(true));
    }

    #[tokio::test]
    async fn a_folder_that_is_not_there_is_named() {
        let problem = FileLease::beside(Path::new("/nowhere/checkpoint.json")).take().await.unwrap_err();
        assert_eq!(problem.to_string(), "/nowhere/checkpoint.json.lock can't be locked: entity not found");
    }
}
