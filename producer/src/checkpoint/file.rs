//! The checkpoint in one file.
//!
//! It is written beside the old one, synced, and renamed over it; then the folder is synced, or a power cut
//! could bring the old one back after we had gone on.

use std::{
    fs::File,
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use tempfile::NamedTempFile;

use crate::{Checkpoint, CheckpointError, CheckpointStore};

/// A checkpoint kept in a file.
#[derive(Clone, Debug)]
pub struct FileCheckpoint(PathBuf);

impl FileCheckpoint {
    /// The checkpoint in this file. Its folder must exist.
    pub fn new(file: PathBuf) -> Self {
        Self(file)
    }

    fn error(&self, action: &'static str, kind: ErrorKind) -> CheckpointError {
        CheckpointError::Io { file: self.0.clone(), action, kind }
    }
}

#[async_trait]
impl CheckpointStore for FileCheckpoint {
    async fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let file = self.0.clone();
        match off_the_runtime(move || std::fs::read(file)).await {
            Ok(json) => Checkpoint::from_json(&json).map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error("read", error.kind())),
        }
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let (file, json) = (self.0.clone(), checkpoint.to_json());
        let replaced = off_the_runtime(move || replace(&file, &json)).await;
        replaced.map_err(|error| self.error("written", error.kind()))
    }
}

fn replace(file: &Path, json: &[u8]) -> io::Result<()> {
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut new = NamedTempFile::new_in(folder)?;
    new.write_all(json)?;
    new.as_file().sync_all()?;
    new.persist(file).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Disks block, and a network's disk blocks for long.
pub(crate) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(ErrorKind::Interrupted.into()))
}
