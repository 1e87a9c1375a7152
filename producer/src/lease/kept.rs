//! A checkpoint and the lease on it, which belong together.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::time::Instant;

use super::{Lease, Tenure};
use crate::{Checkpoint, CheckpointError, CheckpointStore, Policy};

/// Where a checkpoint is kept, and the right to work with it.
#[derive(Clone)]
pub struct Kept {
    /// The checkpoint.
    pub store: Arc<dyn CheckpointStore>,
    /// The right to work with it.
    pub lease: Arc<dyn Lease>,
}

impl Kept {
    /// Takes the lease; `None` if somebody else has it.
    pub(crate) async fn take(&self) -> Result<Option<Tenure>, CheckpointError> {
        let asked = Instant::now();
        let is_ours = self.lease.take().await?;
        Ok(is_ours.then(|| Tenure::since(asked, self)))
    }

    /// The same for somebody who starts: at a first run there is nothing yet that a lease on a blob could lie on.
    pub(crate) async fn take_or_begin(
        &self,
        policy: &Policy,
        now: OffsetDateTime,
    ) -> Result<Option<Tenure>, CheckpointError> {
        match self.take().await {
            Err(CheckpointError::Missing) => {}
            taken => return taken,
        }
        match self.store.save(&Checkpoint::first(policy, now)?).await {
            // Superseded: another has begun at this very moment.
            Ok(()) | Err(CheckpointError::Superseded) => self.take().await,
            Err(error) => Err(error),
        }
    }
}
