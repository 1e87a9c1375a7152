//! A storage with leases in memory, as Azure's is described: a lease lies on what is there, it runs out, and under it
//! nobody else can write.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use usher_producer::{Checkpoint, CheckpointError, CheckpointStore, Lease};

const TERM: Duration = Duration::from_secs(30);

/// What all contenders see.
#[derive(Clone, Default)]
pub(crate) struct Storage(Arc<Mutex<Blob>>);

#[derive(Default)]
struct Blob {
    json: Option<Vec<u8>>,
    version: u64,
    /// Who has the lease, and until when.
    lease: Option<(u32, Instant)>,
}

impl Blob {
    fn holder(&self) -> Option<u32> {
        self.lease.filter(|(_, until)| Instant::now() < *until).map(|(holder, _)| holder)
    }

    fn write(&mut self, json: Option<Vec<u8>>) -> u64 {
        self.json = json;
        self.version += 1;
        self.version
    }
}

impl Storage {
    /// A copy, as an operator makes one.
    pub(crate) fn copy(&self) -> Option<Vec<u8>> {
        self.0.lock().unwrap().json.clone()
    }

    /// An operator, who may do anything, puts it back.
    pub(crate) fn put_back(&self, copy: Option<Vec<u8>>) {
        self.0.lock().unwrap().write(copy);
    }

    /// Somebody removes it, and the lease with it.
    pub(crate) fn remove(&self) {
        let mut blob = self.0.lock().unwrap();
        blob.write(None);
        blob.lease = None;
    }
}

/// One who wants the lease.
pub(crate) struct Contender {
    id: u32,
    storage: Storage,
    known: Mutex<u64>,
    cut_off: AtomicBool,
}

impl Contender {
    pub(crate) fn new(id: u32, storage: &Storage) -> Self {
        Self { id, storage: storage.clone(), known: Mutex::default(), cut_off: AtomicBool::new(false) }
    }

    /// Whether the storage can't be reached.
    pub(crate) fn set_cut_off(&self, cut_off: bool) {
        self.cut_off.store(cut_off, Ordering::Relaxed);
    }

    /// Does something to the blob, if that can be reached.
    fn reach<T>(
        &self,
        action: &'static str,
        work: impl FnOnce(&mut Blob) -> Result<T, CheckpointError>,
    ) -> Result<T, CheckpointError> {
        if self.cut_off.load(Ordering::Relaxed) {
            let (at, why) = ("memory".to_owned(), "no answer".to_owned());
            return Err(CheckpointError::Unreachable { at, action, why });
        }
        work(&mut self.storage.0.lock().unwrap())
    }

    fn knows(&self, version: u64) {
        *self.known.lock().unwrap() = version;
    }

    /// Has the lease from now on, unless somebody else has it.
    fn lease(&self, blob: &mut Blob) -> bool {
        let is_free = blob.holder().is_none_or(|holder| holder == self.id);
        if is_free {
            blob.lease = Some((self.id, Instant::now() + TERM));
        }
        is_free
    }
}

#[async_trait]
impl CheckpointStore for Contender {
    async fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.reach("read", |blob| {
            self.knows(blob.version);
            blob.json.as_deref().map(Checkpoint::from_json).transpose()
        })
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        self.reach("written", |blob| {
            let may = blob.json.is_none() || blob.holder() == Some(self.id);
            if !may || blob.version != *self.known.lock().unwrap() {
                return Err(CheckpointError::Superseded);
            }
            self.knows(blob.write(Some(checkpoint.to_json())));
            Ok(())
        })
    }
}

#[async_trait]
impl Lease for Contender {
    async fn take(&self) -> Result<bool, CheckpointError> {
        self.reach("leased", |blob| {
            if blob.json.is_none() {
                return Err(CheckpointError::Missing);
            }
            let is_ours = self.lease(blob);
            if is_ours {
                self.knows(blob.version);
            }
            Ok(is_ours)
        })
    }

    async fn renew(&self) -> Result<bool, CheckpointError> {
        self.reach("leased", |blob| {
            let was_ours = blob.lease.is_some_and(|(holder, _)| holder == self.id);
            Ok(was_ours && self.lease(blob))
        })
    }

    async fn give_back(&self) {
        let _ = self.reach("leased", |blob| {
            blob.lease.take_if(|(holder, _)| *holder == self.id);
            Ok(())
        });
    }

    async fn is_taken(&self) -> Result<bool, CheckpointError> {
        self.reach("read", |blob| Ok(blob.holder().is_some()))
    }

    fn term(&self) -> Option<Duration> {
        Some(TERM)
    }
}
