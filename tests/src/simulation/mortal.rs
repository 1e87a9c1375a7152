//! A process that dies: at a step of its work that the seed chose, before the step or after its effect.
//!
//! Everything that a service does to the world goes through a port. Each call counts two steps here, one before
//! it and one after; at the chosen one the service never gets its answer, and whoever runs it drops it there
//! and then, as SIGKILL would. Beside that, the network has its moods: a call over the bus may fail, before or after
//! its effect, and one over HTTP may arrive when its sender has long given up, or died.

use std::{
    future::{Future, pending},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use async_trait::async_trait;
use time::OffsetDateTime;
use tokio::{sync::Notify, task::JoinSet};
use tower::{Service, ServiceExt, util::BoxCloneSyncService};
use usher_bus::{BusError, Delivery, LockToken, Message, Peeked, Publisher, Receiver, Renewal, Settlement};
use usher_clock::Clock;
use usher_http::{HttpClient, Request, Response, TransportError};
use usher_producer::{Checkpoint, CheckpointError, CheckpointStore, MemoryCheckpoint};

/// One life of a process.
#[derive(Clone)]
pub(super) struct Life(Arc<Inner>);

struct Inner {
    /// Steps until death; `None`: immortal.
    left: Mutex<Option<u32>>,
    died: Notify,
    rng: Mutex<fastrand::Rng>,
    network: Network,
}

/// What the calls of all processes go through.
#[derive(Clone)]
pub(super) struct Network {
    /// How likely a call over the bus fails.
    pub(super) bus_faults: f64,
    /// How likely a call over HTTP arrives late.
    pub(super) late_calls: f64,
    /// Until when, and whose time that is.
    pub(super) until: OffsetDateTime,
    pub(super) clock: Clock,
    /// The calls that are late: they outlive their senders.
    pub(super) underway: Arc<Mutex<JoinSet<()>>>,
}

impl Network {
    /// How late a call is, at least: the sender waits half a minute for its answer.
    const LATE: Duration = Duration::from_secs(31);
    /// And at most.
    pub(super) const LATEST: Duration = Duration::from_secs(90);

    fn is_faulty(&self) -> bool {
        self.clock.now() < self.until
    }

    /// Delivers a call after this time. Nobody waits for the answer any more.
    fn deliver_late(&self, late: Duration, call: impl Future + Send + 'static) {
        let mut underway = self.underway.lock().unwrap_or_else(PoisonError::into_inner);
        underway.spawn(async move {
            tokio::time::sleep(late).await;
            let _ = call.await;
        });
    }
}

/// When a call over the bus fails.
#[derive(PartialEq)]
enum Fault {
    None,
    Before,
    After,
}

impl Life {
    /// A life that ends after so many steps, or never.
    pub(super) fn new(steps: Option<u32>, network: Network, seed: u64) -> Self {
        let rng = Mutex::new(fastrand::Rng::with_seed(seed));
        let (left, died) = (Mutex::new(steps), Notify::new());
        Self(Arc::new(Inner { left, died, rng, network }))
    }

    /// Runs a process until it ends by itself (`Some`) or dies (`None`).
    pub(super) async fn run<T>(&self, process: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.0.died.notified() => None,
            ended = process => Some(ended),
        }
    }

    /// One step. The last one never returns.
    pub(super) async fn step(&self) {
        let dead = {
            let mut left = self.0.left.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(left) = &mut *left {
                *left = left.saturating_sub(1);
            }
            *left == Some(0)
        };
        if dead {
            self.0.died.notify_one();
            pending::<()>().await;
        }
    }

    async fn call<T>(&self, call: impl Future<Output = T>) -> T {
        self.step().await;
        let answer = call.await;
        self.step().await;
        answer
    }

    /// A call over the bus that may fail, before or after its effect.
    async fn bus_call<T>(&self, call: impl Future<Output = Result<T, BusError>>) -> Result<T, BusError> {
        let fault = self.fault();
        if fault == Fault::Before {
            return Err(BusError::Unavailable("injected before".into()));
        }
        let answer = self.call(call).await;
        if fault == Fault::After {
            return Err(BusError::Unavailable("injected after".into()));
        }
        answer
    }

    fn fault(&self) -> Fault {
        if !self.0.network.is_faulty() {
            return Fault::None;
        }
        let mut rng = self.0.rng.lock().unwrap_or_else(PoisonError::into_inner);
        match (rng.f64() < self.0.network.bus_faults, rng.bool()) {
            (false, _) => Fault::None,
            (true, true) => Fault::Before,
            (true, false) => Fault::After,
        }
    }

    /// How late the next call over HTTP arrives, if it is late.
    fn lateness(&self) -> Option<Duration> {
        if !self.0.network.is_faulty() {
            return None;
        }
        let mut rng = self.0.rng.lock().unwrap_or_else(PoisonError::into_inner);
        let is_late = rng.f64() < self.0.network.late_calls;
        is_late.then(|| Network::LATE + (Network::LATEST - Network::LATE).mul_f64(rng.f64()))
    }

    /// The HTTP of this life.
    pub(super) fn http<S>(&self, service: S) -> HttpClient
    where
        S: Service<Request, Response = Response, Error = TransportError> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
    {
        HttpClient::new(MortalHttp { life: self.clone(), inner: BoxCloneSyncService::new(service) })
    }

    /// The publisher of this life.
    pub(super) fn publisher(&self, inner: Arc<dyn Publisher>) -> Arc<dyn Publisher> {
        Arc::new(MortalBus { life: self.clone(), inner })
    }

    /// The receiver of this life.
    pub(super) fn receiver(&self, inner: Arc<dyn Receiver>) -> Arc<dyn Receiver> {
        Arc::new(MortalBus { life: self.clone(), inner })
    }

    /// The checkpoint of this life: what it saved outlives it.
    pub(super) fn checkpoint(&self, inner: MemoryCheckpoint) -> Box<dyn CheckpointStore> {
        Box::new(MortalDisk { life: self.clone(), inner })
    }
}

#[derive(Clone)]
struct MortalHttp {
    life: Life,
    inner: BoxCloneSyncService<Request, Response, TransportError>,
}

impl Service<Request> for MortalHttp {
    type Response = Response;
    type Error = TransportError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response, TransportError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self { life, inner } = self.clone();
        Box::pin(async move {
            if let Some(late) = life.lateness() {
                life.0.network.deliver_late(late, inner.oneshot(request));
                return life.call(pending()).await;
            }
            life.call(inner.oneshot(request)).await
        })
    }
}

struct MortalBus<T: ?Sized> {
    life: Life,
    inner: Arc<T>,
}

#[async_trait]
impl Publisher for MortalBus<dyn Publisher> {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        self.life.bus_call(self.inner.publish(messages)).await
    }
}

#[async_trait]
impl Receiver for MortalBus<dyn Receiver> {
    fn add_credit(&self, more: u32) {
        self.inner.add_credit(more);
    }

    async fn next(&self) -> Result<Delivery, BusError> {
        let delivery = self.inner.next().await;
        self.life.step().await;
        delivery
    }

    async fn withdraw_credit(&self) -> Result<Vec<Delivery>, BusError> {
        self.life.call(self.inner.withdraw_credit()).await
    }

    async fn settle(&self, lock: LockToken, settlement: Settlement) -> Result<(), BusError> {
        self.life.bus_call(self.inner.settle(lock, settlement)).await
    }

    async fn renew(&self, locks: &[LockToken]) -> Result<Vec<Renewal>, BusError> {
        self.life.bus_call(self.inner.renew(locks)).await
    }

    async fn peek(&self, from: i64, most: u32) -> Result<Vec<Peeked>, BusError> {
        self.inner.peek(from, most).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

/// The producer's disk: what it holds outlives the producer.
struct MortalDisk {
    life: Life,
    inner: MemoryCheckpoint,
}

#[async_trait]
impl CheckpointStore for MortalDisk {
    async fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.life.call(self.inner.load()).await
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        self.life.call(self.inner.save(checkpoint)).await
    }
}
