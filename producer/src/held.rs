//! Why the watermark stays where it is.

use std::time::Duration;

use thiserror::Error;
use usher_bus::BusError;
use usher_entra::{BadEntry, GraphError};
use usher_http::Failure;

use crate::{CheckpointError, progress::Part};

/// Why a poll did not move the watermark. What it had published by then stays on record.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Held {
    /// A page of the audit log can't be had.
    #[error(transparent)]
    AuditLog(GraphError),
    /// Entries can't be read: any of them may be a sign-up.
    #[error("{first} ({count} such in all)")]
    BadEntries {
        /// The first of them.
        first: BadEntry,
        /// How many there are.
        count: usize,
    },
    /// Nobody's data can be read.
    #[error(transparent)]
    Users(GraphError),
    /// Users of the past can't be read, however long they are waited for.
    #[error("{0} users can't be read")]
    UsersUnreadable(usize),
    /// The broker does not accept them.
    #[error(transparent)]
    Bus(BusError),
    /// It can't be put on record.
    #[error("the checkpoint {0}")]
    Checkpoint(CheckpointError),
    /// The checkpoint is another producer's to write from now on.
    #[error("the lease was lost: another producer works, or the storage could not be reached for too long")]
    LeaseLost,
    /// We were told to stop.
    #[error("stopping")]
    Stopping,
}

impl Held {
    pub(crate) fn unless_none(bad: Vec<BadEntry>) -> Result<(), Self> {
        let count = bad.len();
        bad.into_iter().next().map_or(Ok(()), |first| Err(Self::BadEntries { first, count }))
    }

    /// How long Graph asked us to wait.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::AuditLog(error) | Self::Users(error) => Failure::from(error.clone()).retry_after,
            _ => None,
        }
    }

    /// What kind of trouble it is, for traces.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::AuditLog(_) => "audit_log",
            Self::BadEntries { .. } => "bad_entries",
            Self::Users(_) | Self::UsersUnreadable(_) => "users",
            Self::Bus(error) => error.kind(),
            Self::Checkpoint(_) => "checkpoint",
            Self::LeaseLost => "lease_lost",
            Self::Stopping => "stopping",
        }
    }

    /// Where the trouble is; `None` if there is none.
    pub(crate) fn part(&self) -> Option<Part> {
        match self {
            Self::AuditLog(_) | Self::BadEntries { .. } => Some(Part::AuditLog),
            Self::Users(_) | Self::UsersUnreadable(_) => Some(Part::Users),
            Self::Bus(_) => Some(Part::Bus),
            Self::Checkpoint(_) => Some(Part::Checkpoint),
            Self::LeaseLost | Self::Stopping => None,
        }
    }
}
