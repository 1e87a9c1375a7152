//! A tenant, a topic, and a producer that may die and be replaced: all in one process, under paused time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;
use time::{OffsetDateTime, macros::datetime};
use tokio::time::timeout;
use usher_bus::{BusError, Message, Publisher};
use usher_clock::Clock;
use usher_entra::{ClientSecret, Graph};
use usher_event::Event;
use usher_http::HttpClient;
use usher_producer::{
    Checkpoint, CheckpointError, CheckpointStore, MemoryCheckpoint, Policy, Producer, StartFrom,
};
use usher_sandbox::{
    CLIENT_ID, CLIENT_SECRET, GRAPH_URL, LOGIN_URL, SIGN_UP_APP_ID, Sandbox, SandboxSettings, TENANT_ID,
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
    http: HttpClient,
    clock: Clock,
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
        let http = HttpClient::new(sandbox.service());
        Self::around(sandbox, http, clock)
    }

    /// The same, with all calls answered by something else.
    pub(crate) fn answered_by(http: HttpClient) -> Self {
        let clock = Clock::starting_at(START);
        Self::around(Sandbox::new(SandboxSettings::default(), clock), http, clock)
    }

    fn around(sandbox: Sandbox, http: HttpClient, clock: Clock) -> Self {
        let policy = Policy { start_from: Some(StartFrom::Now), ..Policy::new(TENANT_ID, [SIGN_UP_APP_ID]) };
        let (topic, disk) = (Topic::default(), Disk::default());
        Self { sandbox, topic, disk, policy, health: Health::new(), http, clock }
    }

    /// A producer that goes on from whatever the last one left.
    pub(crate) async fn producer(&self) -> Producer {
        let authority = LOGIN_URL.parse().unwrap();
        let secret = SecretString::from(CLIENT_SECRET);
        let credential =
            ClientSecret::new(self.http.clone(), &authority, TENANT_ID, CLIENT_ID, secret, self.clock);
        let graph =
            Graph::new(self.http.clone(), GRAPH_URL.parse().unwrap(), Arc::new(credential), self.clock);
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
