//! Step 5: how far we are, on record. Written only after the broker has accepted, so that a crash in between
//! repeats and never loses.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{Policy, SignUp, walk::Walk};

mod blob;
mod file;
mod memory;
mod settings;

pub use blob::BlobAddress;
pub use file::FileCheckpoint;
pub(crate) use file::off_the_runtime;
pub use memory::MemoryCheckpoint;
pub use settings::{CheckpointPlace, CheckpointSettings};

/// The version of the record that this build writes, and the newest that it reads.
const VERSION: u32 = 1;
/// The log is asked with milliseconds, and clocks of its servers differ by less: ids are kept so much longer
/// than the window reaches back.
const KEPT_LONGER: Duration = Duration::from_secs(1);

/// How far the audit log was read, and what is known of its end. Ids and times only, never personal data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Checkpoint {
    version: u32,
    tenant_id: Uuid,
    /// Where the first run started. Nothing before is ever looked at.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) start: OffsetDateTime,
    /// Everything that the log showed up to here was dealt with.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) watermark: OffsetDateTime,
    /// The actors with which a sign-up was last recognised: others have yet to show that they are right.
    pub(crate) recognised_by: BTreeSet<Uuid>,
    /// Users within the overlap who need nothing more, published or gone, and when they signed up.
    #[serde(with = "times")]
    pub(crate) settled: BTreeMap<Uuid, OffsetDateTime>,
    /// Sign-ups whose users can't be read yet.
    pub(crate) waiting: BTreeMap<Uuid, SignUp>,
    /// When a sweep last came to its end.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub(crate) swept: Option<OffsetDateTime>,
    /// How far the sweep is that is underway, or a backfill in a record of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) walk: Option<Walk>,
}

/// Keeps the checkpoint.
#[async_trait]
pub trait CheckpointStore: Send + Sync {
    /// The checkpoint; `None` if there has never been one.
    ///
    /// # Errors
    /// [`CheckpointError`] if there is something that can't be read.
    async fn load(&self) -> Result<Option<Checkpoint>, CheckpointError>;

    /// Replaces the checkpoint as a whole: after a crash it is the old one or the new one.
    ///
    /// # Errors
    /// [`CheckpointError`] if it can't be written; the old one is then still there.
    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError>;
}

/// What is wrong with the checkpoint, and what mends it.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum CheckpointError {
    /// There is none, and nobody says that this is the first run.
    #[error(
        "there is none. If this is the first run, say where to start with START_FROM (now, 7d, or a time). If not, \
         bring it back: without it nobody knows how far the log was read"
    )]
    Missing,
    /// The first run is to start in the future.
    #[error("START_FROM lies in the future: sign-ups until then would be lost")]
    Future,
    /// It is damaged.
    #[error(
        "is damaged at {at}. Bring back a copy, or remove it and say with START_FROM where to go on: repeats do no \
         harm, so choose a time that is surely early enough"
    )]
    Corrupt {
        /// The place of the first offence.
        at: String,
    },
    /// It is about another tenant.
    #[error(
        "belongs to tenant {found} and not to ENTRA_TENANT_ID. Each tenant needs a checkpoint of its own"
    )]
    OtherTenant {
        /// The tenant that it is about.
        found: Uuid,
    },
    /// A later build wrote it.
    #[error("has version {found}, which is newer than this build. Go back to the newer build")]
    Newer {
        /// Its version.
        found: u32,
    },
    /// It can't be read or written.
    #[error("{} can't be {action}: {kind}", file.display())]
    Io {
        /// Where it is.
        file: PathBuf,
        /// `read`, `written` or `locked`.
        action: &'static str,
        /// The kind of the problem.
        kind: std::io::ErrorKind,
    },
    /// The container of its blob is not there.
    #[error(
        "{at} has no container to lie in. Make it: az storage container create --account-name {account} --name \
         {container} --auth-mode login"
    )]
    NoContainer {
        /// Where the blob is to be.
        at: String,
        /// The storage account.
        account: String,
        /// The container.
        container: String,
    },
    /// The storage refuses us.
    #[error("{at} can't be {action}: refused ({code}). {remedy}")]
    Refused {
        /// Where it is.
        at: String,
        /// `read`, `written` or `leased`.
        action: &'static str,
        /// The storage's word for it.
        code: String,
        /// What mends it.
        remedy: &'static str,
    },
    /// The storage gives no answer of use.
    #[error("{at} can't be {action}: {why}")]
    Unreachable {
        /// Where it is.
        at: String,
        /// `read`, `written` or `leased`.
        action: &'static str,
        /// A code or a status, or that there was no answer.
        why: String,
    },
    /// Somebody else has written it, or may by now: what we know of it is old.
    #[error(
        "is written by somebody else: another producer works with it, or an operator has put back a copy"
    )]
    Superseded,
    /// Another producer on this machine has it until it ends.
    #[error(
        "is another producer's, which works on this machine. Stop that one, or give this one a checkpoint of its own"
    )]
    Taken,
}

impl CheckpointError {
    /// Whether it may pass by itself: then no setting is wrong.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Superseded | Self::Taken)
    }
}

/// The part of any version that says which one it is.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

impl Checkpoint {
    /// The checkpoint to go on from, or that of a first run.
    ///
    /// # Errors
    /// [`CheckpointError`] if there is none to go on from, or it isn't ours.
    pub async fn open(
        store: &dyn CheckpointStore,
        policy: &Policy,
        now: OffsetDateTime,
    ) -> Result<Self, CheckpointError> {
        match store.load().await? {
            Some(found) if found.tenant_id == policy.tenant => Ok(found),
            Some(found) => Err(CheckpointError::OtherTenant { found: found.tenant_id }),
            None => Self::first(policy, now),
        }
    }

    /// That of a first run.
    pub(crate) fn first(policy: &Policy, now: OffsetDateTime) -> Result<Self, CheckpointError> {
        let start = policy.start_from.ok_or(CheckpointError::Missing)?.from(now);
        if start > now {
            return Err(CheckpointError::Future);
        }
        Ok(Self {
            version: VERSION,
            tenant_id: policy.tenant,
            start,
            watermark: start,
            recognised_by: BTreeSet::new(),
            settled: BTreeMap::new(),
            waiting: BTreeMap::new(),
            swept: None,
            walk: None,
        })
    }

    /// Reads what [`Checkpoint::to_json`] wrote.
    ///
    /// # Errors
    /// [`CheckpointError`] if it is damaged or from a newer build.
    pub fn from_json(json: &[u8]) -> Result<Self, CheckpointError> {
        let Versioned { version } = decode(json)?;
        if version > VERSION { Err(CheckpointError::Newer { found: version }) } else { decode(json) }
    }

    /// The record as it is kept.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("ids and times always serialise")
    }

    /// Whether this user's sign-up was recognised before.
    pub(crate) fn knows(&self, user: Uuid) -> bool {
        self.settled.contains_key(&user) || self.waiting.contains_key(&user)
    }

    /// The sign-up needs nothing more.
    pub(crate) fn settle(&mut self, sign_up: &SignUp) {
        self.waiting.remove(&sign_up.user_id);
        self.settled.insert(sign_up.user_id, sign_up.at);
    }

    /// The sign-up's user can't be read yet.
    pub(crate) fn wait_for(&mut self, sign_up: SignUp) {
        self.waiting.insert(sign_up.user_id, sign_up);
    }

    /// Everything up to `to` was dealt with. Goes back if the machine's clock did: the watermark is never ahead
    /// of what was looked at.
    pub(crate) fn advance(&mut self, to: OffsetDateTime, overlap: Duration) {
        self.watermark = to;
        let horizon = self.watermark - overlap - KEPT_LONGER;
        self.settled.retain(|_, at| *at >= horizon);
    }
}

fn decode<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, CheckpointError> {
    let mut reader = serde_json::Deserializer::from_slice(json);
    serde_path_to_error::deserialize(&mut reader)
        .map_err(|error| CheckpointError::Corrupt { at: place(&error) })
}

fn place(error: &serde_path_to_error::Error<serde_json::Error>) -> String {
    match error.inner().classify() {
        Category::Data => error.path().to_string(),
        Category::Syntax | Category::Eof | Category::Io => format!("character {}", error.inner().column()),
    }
}

/// Times as RFC 3339 text, by id.
mod times {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use time::OffsetDateTime;
    use uuid::Uuid;

    #[derive(Serialize, Deserialize)]
    #[serde(transparent)]
    struct Time(#[serde(with = "time::serde::rfc3339")] OffsetDateTime);

    pub(super) fn serialize<S: Serializer>(
        of: &BTreeMap<Uuid, OffsetDateTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.collect_map(of.iter().map(|(id, at)| (id, Time(*at))))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<Uuid, OffsetDateTime>, D::Error> {
        let times = BTreeMap::<Uuid, Time>::deserialize(from)?;
        Ok(times.into_iter().map(|(id, Time(at))| (id, at)).collect())
    }
}

#[cfg(test)]
mod tests;
