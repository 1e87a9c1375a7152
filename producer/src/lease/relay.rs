//! One of several producers on one checkpoint, who take turns: whoever has the lease works, the others stand by.
//!
//! The [`Producer`] knows nothing of that. Each turn begins with what the checkpoint says then, and ends with the tenure,
//! wherever the producer was.

use std::{fmt, sync::Arc};

use thiserror::Error;
use tokio::{
    select,
    time::{sleep, timeout},
};
use usher_bus::Publisher;
use usher_clock::Clock;
use usher_entra::Graph;
use usher_service::{Health, Shutdown};

use super::{GIVE_BACK_WITHIN, Kept, TRY_EVERY, Tenure};
use crate::{CheckpointError, CheckpointStore, Held, Policy, Producer, progress::Part};

/// The gauge that is 1 while another producer works, and 0 while this one does.
const STANDBY: &str = "standby";

/// A producer that may have to wait for its turn.
pub struct Relay {
    policy: Policy,
    graph: Graph,
    publisher: Arc<dyn Publisher>,
    kept: Kept,
    clock: Clock,
    health: Health,
    /// Made at the first turn; what it counts and measures goes on from turn to turn.
    producer: Option<Producer>,
}

/// What became of one poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Everything that the log showed is published.
    Through,
    /// Another producer has the lease, and does it.
    AnotherWorks,
}

/// Why a poll did not go through.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum NotPolled {
    /// It could not begin.
    #[error("the checkpoint {0}")]
    Checkpoint(#[from] CheckpointError),
    /// It began, and the watermark stays where it was.
    #[error(transparent)]
    Held(#[from] Held),
}

impl Relay {
    /// A producer that works with this checkpoint when it is its turn.
    pub fn new(
        policy: Policy,
        graph: Graph,
        publisher: Arc<dyn Publisher>,
        kept: Kept,
        clock: Clock,
        health: Health,
    ) -> Self {
        Self { policy, graph, publisher, kept, clock, health, producer: None }
    }

    /// Works whenever it has its turn, until told to stop. `started` is called whenever it begins to work, and if it has
    /// to stand by from the start.
    ///
    /// # Errors
    /// [`CheckpointError`] if there is no checkpoint to go on from. [`CheckpointError::Taken`] if another producer works
    /// whose turn ends only with its process: nobody is meant to stand by for that.
    pub async fn run(
        &mut self,
        shutdown: &Shutdown,
        mut started: impl FnMut(),
    ) -> Result<(), CheckpointError> {
        let mut turn = self.begin().await?;
        if turn.is_none() {
            if self.kept.lease.term().is_none() {
                return Err(CheckpointError::Taken);
            }
            started();
        }
        let mut has_started = turn.is_none();
        loop {
            let tenure = match turn.take() {
                Some(tenure) => tenure,
                None => match self.stand_by(shutdown).await {
                    Some(tenure) => tenure,
                    None => return Ok(()),
                },
            };
            match self.lead(tenure, shutdown, &mut started).await {
                // A start that fails is told to whoever started us.
                Some(Err(error)) if has_started && error.passes() => self.is_in_the_way(&error),
                Some(ended) => return ended,
                None => {}
            }
            has_started = true;
        }
    }

    /// Polls once, if nobody else works.
    ///
    /// # Errors
    /// [`NotPolled`] says why the watermark stays where it was.
    pub async fn once(&mut self, shutdown: &Shutdown) -> Result<Polled, NotPolled> {
        let Some(tenure) = self.begin().await? else { return Ok(Polled::AnotherWorks) };
        let store = tenure.store();
        let work = async {
            let producer = self.go_on(store).await?;
            producer.once(shutdown).await?;
            Ok::<_, NotPolled>(Polled::Through)
        };
        tenure.hold(Box::pin(work)).await.unwrap_or(Err(NotPolled::Held(Held::LeaseLost)))
    }

    async fn begin(&self) -> Result<Option<Tenure>, CheckpointError> {
        self.kept.take_or_begin(&self.policy, self.clock.now()).await
    }

    /// One turn. `None`: the lease was lost.
    async fn lead(
        &mut self,
        tenure: Tenure,
        shutdown: &Shutdown,
        started: &mut impl FnMut(),
    ) -> Option<Result<(), CheckpointError>> {
        self.health.gauge(STANDBY, 0);
        let store = tenure.store();
        let work = async {
            let producer = self.go_on(store).await?;
            started();
            producer.run(shutdown.clone()).await;
            Ok::<(), CheckpointError>(())
        };
        tenure.hold(Box::pin(work)).await
    }

    /// The producer, at the point to which this checkpoint says that the log was read.
    async fn go_on(&mut self, store: Box<dyn CheckpointStore>) -> Result<&mut Producer, CheckpointError> {
        if let Some(producer) = &mut self.producer {
            producer.resume(store).await?;
        } else {
            let (policy, graph, publisher) =
                (self.policy.clone(), self.graph.clone(), self.publisher.clone());
            let made = Producer::new(policy, graph, publisher, store, self.clock, self.health.clone());
            self.producer = Some(made.await?);
        }
        Ok(self.producer.as_mut().expect("made above, if it was not there"))
    }

    /// Waits for a turn. `None`: told to stop meanwhile.
    async fn stand_by(&mut self, shutdown: &Shutdown) -> Option<Tenure> {
        tracing::info!("standing by: another producer works, or will");
        self.health.gauge(STANDBY, 1);
        loop {
            select! {
                biased;
                () = shutdown.requested() => return None,
                () = sleep(TRY_EVERY) => {}
            }
            let taken = select! {
                biased;
                () = shutdown.requested() => {
                    // It may have been ours, and nobody was told.
                    let _ = timeout(GIVE_BACK_WITHIN, self.kept.lease.give_back()).await;
                    return None;
                }
                taken = self.kept.take() => taken,
            };
            match taken {
                Ok(turn) => {
                    self.stand_down();
                    if turn.is_some() {
                        tracing::info!("taking over");
                        return turn;
                    }
                }
                Err(error) => self.is_in_the_way(&error),
            }
        }
    }

    /// What stood in the way of the last turn is no trouble of whoever waits for the next.
    fn stand_down(&mut self) {
        if let Some(producer) = &mut self.producer {
            producer.stand_down();
        }
        self.health.ready(Part::Checkpoint.name());
    }

    /// The next turn can't be had, or not be begun. Logged when that comes or changes.
    fn is_in_the_way(&self, error: &CheckpointError) {
        let (part, why) = (Part::Checkpoint.name(), error.to_string());
        if self.health.status().not_ready.get(part) != Some(&why) {
            tracing::warn!(part, error = why, "not ready");
        }
        self.health.not_ready(part, why);
    }
}

impl fmt::Display for Polled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Through => "the poll went through",
            Self::AnotherWorks => "another producer works with this checkpoint: nothing to do",
        })
    }
}
