//! The time for which a lease is surely ours.
//!
//! It is reckoned from before the lease was asked for, so that it ends here before it ends there, whatever the answer
//! took; and by a clock that nobody sets.

use std::{future::Future, sync::Arc, time::Duration};

use async_trait::async_trait;
use tokio::{
    select,
    sync::Notify,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{GIVE_BACK_WITHIN, Kept, MARGIN, RENEW_AGAIN, RENEW_EVERY};
use crate::{Checkpoint, CheckpointError, CheckpointStore};

/// A lease that was taken, until it is lost or given back.
pub(crate) struct Tenure {
    kept: Kept,
    /// When the lease was last asked for and then was ours.
    asked: Instant,
    /// The store says that somebody else has written it.
    superseded: Arc<Notify>,
}

impl Tenure {
    pub(super) fn since(asked: Instant, kept: &Kept) -> Self {
        Self { kept: kept.clone(), asked, superseded: Arc::default() }
    }

    /// The checkpoint. That it was written by somebody else ends the tenure.
    pub(crate) fn store(&self) -> Box<dyn CheckpointStore> {
        Box::new(Watched { store: self.kept.store.clone(), superseded: self.superseded.clone() })
    }

    /// Works for as long as the lease is ours, and gives it back then. `None`: it was lost, and the work was dropped
    /// wherever it was.
    pub(crate) async fn hold<T>(self, work: impl Future<Output = T>) -> Option<T> {
        let ended = select! {
            biased;
            () = self.lost() => None,
            ended = work => Some(ended),
        };
        // Too late, it runs out.
        let _ = timeout(GIVE_BACK_WITHIN, self.kept.lease.give_back()).await;
        ended
    }

    async fn lost(&self) {
        let superseded = async {
            self.superseded.notified().await;
            "somebody else has written the checkpoint"
        };
        let why = select! {
            biased;
            why = self.not_renewed() => why,
            why = superseded => why,
        };
        tracing::warn!(error = why, "the lease is lost: what was begun ends here");
    }

    /// Renews the lease, and returns when that did not work for too long.
    async fn not_renewed(&self) -> &'static str {
        let Some(term) = self.kept.lease.term() else { return std::future::pending().await };
        let (mut until, mut wait) = (surely_until(self.asked, term), RENEW_EVERY);
        loop {
            let (asked, renewed) = select! {
                biased;
                () = sleep_until(until) => return "it could not be renewed in time",
                renewed = self.renew_after(wait) => renewed,
            };
            match renewed {
                Ok(true) => (until, wait) = (surely_until(asked, term), RENEW_EVERY),
                Ok(false) => return "somebody else has it",
                Err(error) => {
                    if wait == RENEW_EVERY {
                        tracing::warn!(%error, "the lease can't be renewed");
                    }
                    wait = RENEW_AGAIN;
                }
            }
        }
    }

    async fn renew_after(&self, wait: Duration) -> (Instant, Result<bool, CheckpointError>) {
        sleep(wait).await;
        let asked = Instant::now();
        (asked, self.kept.lease.renew().await)
    }
}

fn surely_until(asked: Instant, term: Duration) -> Instant {
    asked + term.saturating_sub(MARGIN)
}

/// A store that tells when somebody else has written what it keeps.
struct Watched {
    store: Arc<dyn CheckpointStore>,
    superseded: Arc<Notify>,
}

#[async_trait]
impl CheckpointStore for Watched {
    async fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.store.load().await
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let saved = self.store.save(checkpoint).await;
        if saved == Err(CheckpointError::Superseded) {
            self.superseded.notify_one();
        }
        saved
    }
}
