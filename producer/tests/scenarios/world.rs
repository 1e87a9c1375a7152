//! A tenant, a topic, and a producer that may die and be replaced: all in one process, under paused time.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;
use time::{OffsetDateTime, macros::datetime};
use tokio::time::{Instant, timeout};
use tower::ServiceExt;
use usher_bus::{BusError, Message, Publisher};
use usher_clock::Clock;
use usher_entra::{ClientCredentials, Graph};
use usher_event::Event;
use usher_http::{HttpClient, Request, TransportError};
use usher_producer::{
    Backfill, BackfillError, Checkpoint, CheckpointError, CheckpointStore, Kept, MemoryCheckpoint, Policy,
    Producer, Relay, Span, StartFrom,
};
use usher_sandbox::{
    CLIENT_ID, CLIENT_SECRET, GRAPH_URL, LOGIN_URL, NewSignUp, SIGN_UP_APP_ID, Sandbox, SandboxSettings,
    TENANT_ID,
};
use usher_service::{Health, Shutdown};
use uuid::Uuid;

pub(crate) const START: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// Everything around the producer; it outlives any one of them.
pub(crate) struct World {
    pub(crate) sandbox: Sandbox,
    pub(crate) topic: Topic,
    pub(crate) disk: Disk,
    pub(crate) policy: Policy,
    pub(crate) health: Health,
    pub(crate) log: LogRequests,
    http: HttpClient,
    clock: Clock,
}

/// When the audit log was asked, and with what status it answered.
#[derive(Clone, Default)]
pub(crate) struct LogRequests(Arc<Mutex<Vec<(Instant, u16)>>>);

impl LogRequests {
    /// All of them, in the order of the answers.
    pub(crate) fn all(&self) -> Vec<(Instant, u16)> {
        self.0.lock().unwrap().clone()
    }

    /// A client that notes them.
    fn noting(&self, sandbox: &Sandbox) -> HttpClient {
        let (service, noted) = (sandbox.service(), self.clone());
        HttpClient::new(tower::service_fn(move |request: Request| {
            let (service, noted) = (service.clone(), noted.clone());
            async move {
                let (at, is_log) = (Instant::now(), request.uri().path().contains("directoryAudits"));
                let answer = service.oneshot(request).await?;
                if is_log {
                    noted.0.lock().unwrap().push((at, answer.status().as_u16()));
                }
                Ok::<_, TransportError>(answer)
            }
        }))
    }
}

impl World {
    /// A tenant in which everything shows at once, unless the settings are changed.
    pub(crate) fn new(change: impl FnOnce(&mut SandboxSettings)) -> Self {
        let clock = Clock::starting_at(START);
        let mut settings = SandboxSettings::default();
        settings.audit.latency = usher_sandbox::AuditLatency::NONE;
        settings.replication_lag = Duration::ZERO..=Duration::ZERO;
        change(&mut settings);
        let sandbox = Sandbox::new(settings, clock);
        let log = LogRequests::default();
        let http = log.noting(&sandbox);
        Self { log, ..Self::around(sandbox, http, clock) }
    }

    /// The same, with all calls answered by something else.
    pub(crate) fn answered_by(http: HttpClient) -> Self {
        let clock = Clock::starting_at(START);
        Self::around(Sandbox::new(SandboxSettings::default(), clock), http, clock)
    }

    fn around(sandbox: Sandbox, http: HttpClient, clock: Clock) -> Self {
        let policy = Policy { start_from: Some(StartFrom::Now), ..Policy::new(TENANT_ID, [SIGN_UP_APP_ID]) };
        let (topic, disk) = (Topic::default(), Disk::default());
        let (health, log) = (Health::new(), LogRequests::default());
        Self { sandbox, topic, disk, policy, health, log, http, clock }
    }

    fn graph(&self) -> Graph {
        let authority = LOGIN_URL.parse().unwrap();
        let secret = SecretString::from(CLIENT_SECRET);
        let credential = ClientCredentials::with_secret(
            self.http.clone(),
            &authority,
            TENANT_ID,
            CLIENT_ID,
            secret,
            self.clock,
        );
        Graph::new(self.http.clone(), GRAPH_URL.parse().unwrap(), Arc::new(credential), self.clock)
    }

    /// A backfill of all from `since` on, with the usual share of the quota.
    pub(crate) async fn backfill(
        &self,
        since: OffsetDateTime,
        record: &Disk,
    ) -> Result<Backfill, BackfillError> {
        let span = Span { since, until: self.clock.now(), restart: false };
        let (topic, record) = (Arc::new(self.topic.clone()), Box::new(record.clone()));
        let requests = NonZeroU32::new(2).unwrap();
        Backfill::new(self.policy.clone(), span, self.graph(), topic, record, self.clock, requests).await
    }

    /// So many sign-ups, spread evenly over the time to come.
    pub(crate) fn coming_sign_ups(&self, count: u32, over: Duration) -> Vec<Uuid> {
        let at = |n: u32| self.clock.now() + over * n / count;
        let sign_up = |n| self.sandbox.sign_up(NewSignUp { at: Some(at(n)), ..NewSignUp::default() });
        (0..count).map(sign_up).collect()
    }

    /// So many sign-ups, spread evenly over the time before the start.
    pub(crate) fn past_sign_ups(&self, count: u32, over: Duration) -> Vec<Uuid> {
        let at = |n: u32| START - over * (count - n) / count;
        let sign_up = |n| self.sandbox.sign_up(NewSignUp { at: Some(at(n)), ..NewSignUp::default() });
        (0..count).map(sign_up).collect()
    }

    /// One of several producers on one checkpoint, with a topic and a health of its own.
    pub(crate) fn relay(&self, publisher: Arc<dyn Publisher>, kept: Kept, health: Health) -> Relay {
        Relay::new(self.policy.clone(), self.graph(), publisher, kept, self.clock, health)
    }

    /// A producer that goes on from whatever the last one left.
    pub(crate) async fn producer(&self) -> Producer {
        let graph = self.graph();
        let (topic, disk) = (Arc::new(self.topic.clone()), Box::new(self.disk.clone()));
        Producer::new(self.policy.clone(), graph, topic, disk, self.clock, self.health.clone()).await.unwrap()
    }

    /// Lets a producer run for a while.
    pub(crate) async fn run(&self, producer: &mut Producer, time: Duration) {
        let shutdown = Shutdown::new();
        let stop = async {
            tokio::time::sleep(time).await;
            shutdown.request();
        };
        let both = async { tokio::join!(producer.run(shutdown.clone()), stop) };
        timeout(time + MINUTE, both).await.expect("the producer stops when told to");
    }

    pub(crate) fn count(&self, counter: &str) -> u64 {
        self.health.status().counts[counter]
    }

    /// What stands in the way, by part.
    pub(crate) fn not_ready(&self) -> Vec<String> {
        self.health.status().not_ready.into_keys().collect()
    }
}

/// A topic that keeps what it accepts, repeats included.
#[derive(Clone)]
pub(crate) struct Topic {
    messages: Arc<Mutex<Vec<Message>>>,
    /// With so many messages in it, it takes no more.
    room: Arc<AtomicUsize>,
}

impl Default for Topic {
    fn default() -> Self {
        Self { messages: Arc::default(), room: Arc::new(AtomicUsize::new(usize::MAX)) }
    }
}

impl Topic {
    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.messages().iter().map(|message| Event::from_json(&message.body).unwrap()).collect()
    }

    /// How often each user was published.
    pub(crate) fn users(&self) -> BTreeMap<Uuid, usize> {
        let mut users = BTreeMap::new();
        self.events().iter().for_each(|event| *users.entry(event.data.user_id).or_default() += 1);
        users
    }

    pub(crate) fn set_room(&self, messages: usize) {
        self.room.store(messages, Ordering::Relaxed);
    }
}

#[async_trait]
impl Publisher for Topic {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        let mut kept = self.messages.lock().unwrap();
        if kept.len() >= self.room.load(Ordering::Relaxed) {
            return Err(BusError::Full);
        }
        kept.extend(messages);
        Ok(())
    }
}

/// Where the checkpoint is kept; may break.
#[derive(Clone, Default)]
pub(crate) struct Disk {
    kept: MemoryCheckpoint,
    broken: Arc<AtomicBool>,
}

impl Disk {
    pub(crate) fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::Relaxed);
    }

    /// The record as text.
    pub(crate) async fn text(&self) -> String {
        String::from_utf8(self.kept.load().await.unwrap().unwrap().to_json()).unwrap()
    }
}

#[async_trait]
impl CheckpointStore for Disk {
    async fn load(&self) -> Result<Option<Checkpoint>, CheckpointError> {
        self.kept.load().await
    }

    async fn save(&self, checkpoint: &Checkpoint) -> Result<(), CheckpointError> {
        if self.broken.load(Ordering::Relaxed) {
            let kind = std::io::ErrorKind::StorageFull;
            return Err(CheckpointError::Io { file: "checkpoint".into(), action: "written", kind });
        }
        self.kept.save(checkpoint).await
    }
}

/// Each of these users, once.
pub(crate) fn once(users: impl IntoIterator<Item = Uuid>) -> BTreeMap<Uuid, usize> {
    users.into_iter().collect::<BTreeSet<_>>().into_iter().map(|user| (user, 1)).collect()
}
