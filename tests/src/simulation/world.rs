//! One simulated world: the stand-ins, the broker's state machine, a producer and consumers that die and rise.

use std::{future::Future, sync::Arc, time::Duration};

use time::{OffsetDateTime, macros::datetime};
use tokio::task::JoinSet;
use usher_billing::{Billing, BillingSettings};
use usher_broker::{MemoryBus, topology::Topology};
use usher_bus::{Bus, Entity, Peeked};
use usher_clock::Clock;
use usher_entra::EntraSettings;
use usher_http::HttpClient;
use usher_producer::{MemoryCheckpoint, Policy, Producer, StartFrom};
use usher_sandbox::{
    AuditLatency, CLIENT_ID, CLIENT_SECRET, Crowd, Effects, FaultKind, FaultPlan, GRAPH_URL, LOGIN_URL,
    SIGN_UP_APP_ID, STRIPE_KEY, STRIPE_URL, Sandbox, SandboxSettings, TENANT_ID,
    stripe_customer_id_attribute,
};
use usher_service::{Health, Shutdown};
use usher_subscriber::{Consumer, Handler, Limits, Ports, ReplayFilter, Replayed, Subscriber, Summary};

use super::{mortal::Life, options::Options};

/// When every simulation begins.
const START: OffsetDateTime = datetime!(2026-03-01 00:00 UTC);
/// How long a dead process stays dead, at most.
const DEAD_FOR: Duration = Duration::from_secs(120);

/// The world, and what runs in it.
pub(super) struct World {
    options: Options,
    pub(super) clock: Clock,
    pub(super) sandbox: Sandbox,
    pub(super) bus: MemoryBus,
    pub(super) health: Health,
    shutdown: Shutdown,
    processes: JoinSet<()>,
}

impl World {
    pub(super) fn new(options: &Options) -> Self {
        let clock = Clock::starting_at(START);
        let mut settings = SandboxSettings { seed: options.seed, ..SandboxSettings::default() };
        settings.audit.latency = AuditLatency {
            stragglers: options.stragglers,
            straggler_max: Options::LATEST,
            ..AuditLatency::default()
        };
        Self {
            options: options.clone(),
            clock,
            sandbox: Sandbox::new(settings, clock),
            bus: MemoryBus::new(&Topology::usher(), clock),
            health: Health::new(),
            shutdown: Shutdown::new(),
            processes: JoinSet::new(),
        }
    }

    /// People sign up, faults are set, processes start.
    pub(super) fn start(&mut self) {
        let Options { seed, sign_ups, over, short_lived, refused_email, .. } = self.options.clone();
        self.sandbox.generate(&Crowd { count: sign_ups, over, refused_email, bystanders: 3, short_lived });
        self.sandbox.faults().plan(FaultPlan {
            probability: self.options.http_faults,
            kinds: FaultKind::COMMON.to_vec(),
            targets: vec![],
            seed,
            until: Some(self.clock.now() + self.options.faults_for),
        });
        self.start_outage();
        let disk = MemoryCheckpoint::default();
        self.live_and_die(self.options.producer_deaths.clone(), 1, move |parts, life| {
            produce(parts, life, disk.clone())
        });
        for (n, deaths) in self.options.consumer_deaths.clone().into_iter().enumerate() {
            self.live_and_die(deaths, 2 + n as u64, consume);
        }
    }

    fn start_outage(&mut self) {
        let Some((vendor, from)) = self.options.outage else { return };
        let sandbox = self.sandbox.clone();
        self.processes.spawn(async move {
            tokio::time::sleep(from).await;
            sandbox.outage(vendor, true);
            tokio::time::sleep(Options::OUTAGE).await;
            sandbox.outage(vendor, false);
        });
    }

    /// A process that dies as often as it is to, each time to start anew from what is on disk and on the broker.
    fn live_and_die<P, F>(&mut self, deaths: Vec<u32>, number: u64, process: P)
    where
        P: Fn(Parts, Life) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let parts = self.parts();
        let mut rng = fastrand::Rng::with_seed(self.options.seed ^ (number << 32));
        let bus_faults = self.options.bus_faults;
        let faulty_until = self.clock.now() + self.options.faults_for;
        self.processes.spawn(async move {
            for steps in deaths.into_iter().map(Some).chain([None]) {
                let life = Life::new(steps, bus_faults, (parts.clock, faulty_until), rng.u64(..));
                if life.run(process(parts.clone(), life.clone())).await.is_some() {
                    return;
                }
                tokio::time::sleep(DEAD_FOR.mul_f64(rng.f64())).await;
            }
        });
    }

    fn parts(&self) -> Parts {
        Parts {
            clock: self.clock,
            sandbox: self.sandbox.clone(),
            bus: Arc::new(self.bus.connect()),
            health: self.health.clone(),
            shutdown: self.shutdown.clone(),
        }
    }

    pub(super) fn effects(&self) -> Effects {
        self.sandbox.effects()
    }

    /// How many messages are not yet done or dead.
    pub(super) fn underway(&self) -> usize {
        self.bus.counts(&entity()).expect("the built-in topology has billing").total
    }

    /// What billing's dead-letter queue holds.
    pub(super) async fn dead_letters(&self) -> Vec<Peeked> {
        let receiver = self.bus.receiver(&entity().dead_letters()).await.expect("as above");
        receiver.peek(0, 1000).await.expect("a broker in memory answers")
    }

    /// Everything is healthy again and every address good.
    pub(super) fn heal(&self) {
        self.sandbox.faults().clear();
        for effect in self.sandbox.effects().sign_ups {
            if effect.expected == usher_sandbox::Expected::Refused {
                self.sandbox.mend_email(effect.user_id, &format!("mended-{}@example.com", effect.user_id));
            }
        }
    }

    /// The operator replays billing's dead letters.
    pub(super) async fn replay(&self) -> Summary {
        let life = Life::new(None, 0.0, (self.clock, self.clock.now()), 0);
        let handler: Arc<dyn Handler> = Arc::new(billing(&self.parts(), &life));
        let receiver = self.bus.receiver(&entity().dead_letters()).await.expect("as above");
        let limits = Subscriber::replay_limits(Limits::default());
        let subscriber =
            Subscriber::new("billing", handler, receiver, limits, None, self.clock, Health::new());
        let report = &mut |_: &Replayed| {};
        subscriber.replay(&ReplayFilter::default(), &Shutdown::new(), report).await.expect("as above")
    }

    /// Tells all processes to stop and waits until they have.
    pub(super) async fn stop(mut self) {
        self.shutdown.request();
        while self.processes.join_next().await.is_some() {}
    }
}

/// What a process is made of.
#[derive(Clone)]
struct Parts {
    clock: Clock,
    sandbox: Sandbox,
    bus: Arc<MemoryBus>,
    health: Health,
    shutdown: Shutdown,
}

fn entity() -> Entity {
    Entity::subscription("user-signups", Billing::NAME)
}

async fn produce(parts: Parts, life: Life, disk: MemoryCheckpoint) {
    let policy =
        Policy { start_from: Some(StartFrom::At(START)), ..Policy::new(TENANT_ID, [SIGN_UP_APP_ID]) };
    let graph = entra().graph(http(&parts, &life), parts.clock);
    let publisher = parts.bus.publisher("user-signups").await.expect("the built-in topology has the topic");
    let (publisher, disk) = (life.publisher(publisher), life.checkpoint(disk));
    let producer = Producer::new(policy, graph, publisher, disk, parts.clock, parts.health).await;
    producer.expect("a checkpoint in memory is never bad").run(parts.shutdown).await;
}

async fn consume(parts: Parts, life: Life) {
    let handler = Arc::new(billing(&parts, &life));
    let receiver = parts.bus.connect().receiver(&entity()).await.expect("the built-in topology has billing");
    let receiver = life.receiver(receiver);
    let limits = Limits::default();
    let subscriber = Subscriber::new("billing", handler, receiver, limits, None, parts.clock, parts.health);
    subscriber.run(parts.shutdown).await.expect("a broker in memory never goes away");
}

fn billing(parts: &Parts, life: &Life) -> Billing {
    let settings = BillingSettings {
        entra: entra(),
        stripe_secret_key: STRIPE_KEY.into(),
        stripe_api_base: STRIPE_URL.parse().expect("a constant"),
        stripe_customer_id_attribute: stripe_customer_id_attribute(),
    };
    let ports = Ports { http: http(parts, life), clock: parts.clock };
    Billing::new(settings, ports).expect("the sandbox's own settings are good")
}

fn entra() -> EntraSettings {
    EntraSettings {
        tenant_id: TENANT_ID,
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET.into(),
        authority_host: LOGIN_URL.parse().expect("a constant"),
        graph_endpoint: GRAPH_URL.parse().expect("a constant"),
    }
}

fn http(parts: &Parts, life: &Life) -> HttpClient {
    life.http(parts.sandbox.service())
}
