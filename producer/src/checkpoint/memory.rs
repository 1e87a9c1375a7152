//! A checkpoint that lives as long as its handles: for tests and simulations, where a producer dies and
//! another goes on, and for a dry run, which must not write.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::{Checkpoint, CheckpointError, CheckpointStore};

/// The text that a file would hold, in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryCheckpoint(Arc<Mutex<Option<Vec<u8>>>>);

impl MemoryCheckpoint {
    /// A store that starts with this.
    pub fn holding(checkpoint: Option<&Checkpoint>) -> Self {
        Self(Arc::new(Mutex::new(checkpoint.map(Checkpoint::to_json))))
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<u8>>> {
        // It is replaced as a whole: a panic elsewhere can't leave it half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl CheckpointStore for MemoryCheckpoint {
    async fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.lock().as_deref().map(Checkpoint::from_json).transpose()
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        *self.lock() = Some(checkpoint.to_json());
        Ok(())
    }
}
