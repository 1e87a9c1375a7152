//! The checkpoint in a blob of Azure Storage: it outlives the machine, and several producers can share it.
//!
//! A blob is replaced as a whole. That nobody writes over what he has not read is seen to twice: each write says which
//! version it replaces (an ETag), and under a [lease] the storage takes none that does not show the lease.
//!
//! An account's key is not taken, though Azurite shows one: it opens everything in the account, and the client that we
//! stand on has no use for it. An identity, or a signature for one container that expires, does.

mod address;
mod lease;
mod trouble;

use std::{
    collections::HashMap,
    future::Future,
    num::NonZero,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use azure_core::{
    Bytes,
    http::{ClientOptions, Etag, RetryOptions},
};
use azure_storage_blob::{
    BlobClient, BlobClientOptions,
    models::{
        BlobClientDownloadOptions, BlobClientDownloadResult, BlobClientGetPropertiesResultHeaders,
        BlobClientUploadOptions, HttpRange,
    },
};
use secrecy::SecretString;
use tokio::time::timeout;
use usher_identity::IdentityError;
use usher_service::Failure;
use uuid::Uuid;

use crate::{Checkpoint, CheckpointError, CheckpointStore};

pub use address::BlobAddress;
use trouble::Trouble;

/// The storage's protocol: the newest that Azurite speaks too, so that nobody has to tell it to look past that.
const API_VERSION: &str = "2025-11-05";
/// How long reading or writing may take. A checkpoint has a few kilobytes, that of the largest tenant a few megabytes.
const CONTENT_WITHIN: Duration = Duration::from_secs(15);
/// How long a question with no content may take: it must leave room for another within a lease's term.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// No checkpoint is longer, in bytes: a million users within the overlap take about half of that.
const LONGEST: usize = 128 << 20;
/// All of it in one request, which the storage takes or refuses as a whole.
const ONE_READ: NonZero<usize> = NonZero::new(LONGEST + 1).expect("more than nothing");
const ONE_WRITE: NonZero<u64> = NonZero::new(LONGEST as u64).expect("more than nothing");
/// Under this name a blob says who wrote it: one contender for the lease.
const WRITER: &str = "writer";

/// A checkpoint kept in a blob, and one contender for the lease on it.
pub(super) struct BlobCheckpoint {
    at: BlobAddress,
    blob: BlobClient,
    signed: bool,
    /// What this contender calls itself. The storage takes it as the lease's id, too.
    id: String,
    known: Mutex<Known>,
}

/// What we know of the blob.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The version that we read or wrote last; `None`: there was none.
    version: Option<Etag>,
    /// Whether we have the lease, unless it has run out.
    leased: bool,
}

impl BlobCheckpoint {
    /// The checkpoint in this blob. Nothing is sent yet.
    ///
    /// # Errors
    /// If there is no credential, or the extra authorities (a PEM file) can't be used.
    pub(super) fn new(
        at: BlobAddress,
        sas: Option<&SecretString>,
        extra_ca: Option<&Path>,
    ) -> Result<Self, Failure> {
        let credential = match sas {
            Some(_) => None,
            None => Some(usher_identity::ambient_credential(extra_ca).map_err(no_identity)?),
        };
        let client_options = usher_identity::client_options(extra_ca).map_err(no_identity)?;
        // Whoever calls us tries again, and knows for how long that makes sense.
        let client_options = ClientOptions { retry: RetryOptions::none(), ..client_options };
        let options = BlobClientOptions { client_options, version: API_VERSION.to_owned() };
        let blob = BlobClient::new(at.signed(sas), credential, Some(options));
        // Its own words might quote the address, and with it the signature.
        let blob = blob.map_err(|_| Failure::setting("CHECKPOINT", "is not the address of a blob"))?;
        let id = Uuid::new_v4().to_string();
        Ok(Self { at, blob, signed: sas.is_some(), id, known: Mutex::default() })
    }

    async fn fetch(&self) -> azure_core::Result<(Bytes, Option<Etag>)> {
        let options = BlobClientDownloadOptions {
            range: Some(HttpRange::new(0, LONGEST as u64 + 1)),
            partition_size: Some(ONE_READ),
            parallel: Some(NonZero::<usize>::MIN),
            ..Default::default()
        };
        let BlobClientDownloadResult { body, properties, .. } = self.blob.download(Some(options)).await?;
        Ok((body.collect().await?, properties.etag))
    }

    /// Replaces the version that we know, and no other.
    async fn put(&self, json: Bytes) -> Result<(), Trouble> {
        let Known { version, leased } = self.known().clone();
        let options = BlobClientUploadOptions {
            if_none_match: version.is_none().then(|| Etag::from("*")),
            if_match: version,
            lease_id: leased.then(|| self.id.clone()),
            blob_content_type: Some("application/json".to_owned()),
            metadata: Some(HashMap::from([(WRITER.to_owned(), self.id.clone())])),
            partition_size: Some(ONE_WRITE),
            parallel: Some(NonZero::<usize>::MIN),
            ..Default::default()
        };
        let put = Box::pin(self.blob.upload(json.into(), Some(options)));
        let written = within(CONTENT_WITHIN, put).await?;
        self.known().version = written.etag;
        Ok(())
    }

    /// Whether the version that is there, and that we did not know, is one that we wrote without being told so.
    async fn is_of_ours(&self) -> Result<bool, Trouble> {
        let found = within(ANSWER_WITHIN, Box::pin(self.blob.get_properties(None))).await?;
        let unreadable = |error| Trouble::of(&error);
        let writer = found.metadata().map_err(unreadable)?.remove(WRITER);
        let is_of_ours = writer.as_ref() == Some(&self.id);
        if is_of_ours {
            self.known().version = found.etag().map_err(unreadable)?;
        }
        Ok(is_of_ours)
    }

    async fn replace(&self, json: Bytes) -> Result<(), Trouble> {
        let put = self.put(json.clone()).await;
        if put == Err(Trouble::Changed) && self.is_of_ours().await? { self.put(json).await } else { put }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Each field is replaced as a whole: a panic elsewhere can't leave it half-written.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn error(&self, action: &'static str, trouble: Trouble) -> CheckpointError {
        trouble.in_words(&self.at, action, self.signed)
    }
}

#[async_trait]
impl CheckpointStore for BlobCheckpoint {
    async fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        let (json, version) = match within(CONTENT_WITHIN, Box::pin(self.fetch())).await {
            Ok(found) => found,
            Err(Trouble::NoBlob) => {
                self.known().version = None;
                return Ok(None);
            }
            Err(trouble) => return Err(self.error("read", trouble)),
        };
        self.known().version = version;
        if json.len() > LONGEST {
            return Err(CheckpointError::Corrupt {
                at: format!("byte {LONGEST}: no checkpoint is that long"),
            });
        }
        Checkpoint::from_json(&json).map(Some)
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        let json = Bytes::from(checkpoint.to_json());
        self.replace(json).await.map_err(|trouble| self.error("written", trouble))
    }
}

/// The answer, or what kept it from coming in time.
async fn within<T>(most: Duration, call: impl Future<Output = azure_core::Result<T>>) -> Result<T, Trouble> {
    match timeout(most, call).await {
        Ok(answered) => answered.map_err(|error| Trouble::of(&error)),
        Err(_) => Err(Trouble::Unreachable(format!("no answer within {} s", most.as_secs()))),
    }
}

fn no_identity(error: IdentityError) -> Failure {
    Failure::setting(error.setting().unwrap_or("CHECKPOINT"), error)
}
