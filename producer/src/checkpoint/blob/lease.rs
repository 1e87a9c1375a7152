//! The lease on the blob itself: while somebody has it, the storage takes no write from anybody else.

use std::time::Duration;

use async_trait::async_trait;
use azure_storage_blob::models::{
    BlobClientAcquireLeaseOptions, BlobClientAcquireLeaseResultHeaders, BlobClientGetPropertiesResultHeaders,
    LeaseState,
};

use super::{ANSWER_WITHIN, BlobCheckpoint, Trouble, within};
use crate::{CheckpointError, Lease, lease::TERM};

const ACTION: &str = "leased";

#[async_trait]
impl Lease for BlobCheckpoint {
    /// To ask again, because the answer was lost, is no harm: the id is the same.
    async fn take(&self) -> Result<bool, CheckpointError> {
        let options =
            BlobClientAcquireLeaseOptions { proposed_lease_id: Some(self.id.clone()), ..Default::default() };
        let asked = Box::pin(self.blob.acquire_lease(TERM.as_secs() as i32, Some(options)));
        let acquired = match within(ANSWER_WITHIN, asked).await {
            Ok(acquired) => acquired,
            Err(Trouble::Taken | Trouble::NotOurs) => return Ok(false),
            Err(trouble) => return Err(self.error(ACTION, trouble)),
        };
        let mut known = self.known();
        known.leased = true;
        // Nobody else writes from now on: whatever is there now is what we replace.
        known.version = acquired.etag().map_err(|error| self.error(ACTION, Trouble::of(&error)))?;
        Ok(true)
    }

    async fn renew(&self) -> Result<bool, CheckpointError> {
        let asked = Box::pin(self.blob.renew_lease(self.id.clone(), None));
        match within(ANSWER_WITHIN, asked).await {
            Ok(_) => Ok(true),
            // Whoever took the blob away took the lease with it.
            Err(Trouble::Taken | Trouble::NotOurs | Trouble::NoBlob | Trouble::NoContainer) => Ok(false),
            Err(trouble) => Err(self.error(ACTION, trouble)),
        }
    }

    async fn give_back(&self) {
        self.known().leased = false;
        // If that does not reach the storage, the lease runs out by itself.
        let _ = within(ANSWER_WITHIN, Box::pin(self.blob.release_lease(self.id.clone(), None))).await;
    }

    async fn is_taken(&self) -> Result<bool, CheckpointError> {
        let asked = Box::pin(self.blob.get_properties(None));
        let found = match within(ANSWER_WITHIN, asked).await {
            Ok(found) => found,
            Err(Trouble::NoBlob) => return Ok(false),
            Err(trouble) => return Err(self.error("read", trouble)),
        };
        let state = found.lease_state().map_err(|error| self.error("read", Trouble::of(&error)))?;
        Ok(matches!(state, Some(LeaseState::Leased | LeaseState::Breaking)))
    }

    fn term(&self) -> Option<Duration> {
        Some(TERM)
    }
}
