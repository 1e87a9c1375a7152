//! One simulated world: the stand-ins, the broker's state machine, a producer and consumers that die and rise.

use std::{collections::BTreeMap, future::Future, sync::Arc, time::Duration};

use time::{OffsetDateTime, macros::datetime};
use tokio::task::JoinSet;
use usher_broker::{MemoryBus, topology::Topology};
use usher_bus::{Bus, Entity, Peeked};
use usher_clock::Clock;
use usher_event::Event;
use usher_http::HttpClient;
use usher_producer::{MemoryCheckpoint, Policy, Producer, StartFrom};
use usher_sandbox::{
    Effects, FaultKind, FaultPlan, Judged, SIGN_UP_APP_ID, Sandbox, SandboxSettings, TENANT_ID,
    company_type_attribute, marketing_consent_attribute,
};
use usher_service::{Health, Shutdown};
use usher_subscriber::{
    Limits, Ports, Replay, Subscriber,
    dead_letters::{Fate, Summary},
};

use super::{
    cast,
    mortal::{Life, Network},
    options::Options,
    people,
    traffic::Traffic,
};

/// When every simulation begins.
const START: OffsetDateTime = datetime!(2026-03-01 00:00 UTC);
/// How long a dead process stays dead, at most.
const DEAD_FOR: Duration = Duration::from_secs(120);
/// The producer, as its traffic and its health are named.
pub(super) const PRODUCER: &str = "producer";
/// More than any history leaves.
const ALL_DEAD_LETTERS: u32 = 10_000;

/// The world, and what runs in it.
pub(super) struct World {
    parts: Parts,
    processes: JoinSet<()>,
    /// What happens by itself, whether or not anything of ours runs.
    events: JoinSet<()>,
}

/// What a process is made of.
#[derive(Clone)]
struct Parts {
    options: Arc<Options>,
    clock: Clock,
    sandbox: Sandbox,
    bus: Arc<MemoryBus>,
    traffic: Traffic,
    network: Network,
    health: Arc<BTreeMap<&'static str, Health>>,
    shutdown: Shutdown,
}

impl World {
    /// A world in which nothing has happened yet, with stand-ins as they are set here.
    pub(super) fn new(options: &Options, sandbox: SandboxSettings) -> Self {
        let clock = Clock::starting_at(START);
        let names = [PRODUCER].into_iter().chain(Judged::ALL.map(Judged::name));
        let parts = Parts {
            options: Arc::new(options.clone()),
            clock,
            sandbox: Sandbox::new(sandbox, clock),
            bus: Arc::new(MemoryBus::new(&Topology::usher(), clock)),
            traffic: Traffic::new(),
            network: Network {
                bus_faults: options.bus_faults,
                late_calls: options.late_calls,
                until: clock.now() + options.faults_for,
                clock,
                underway: Arc::default(),
            },
            health: Arc::new(names.map(|name| (name, Health::new())).collect()),
            shutdown: Shutdown::new(),
        };
        Self { parts, processes: JoinSet::new(), events: JoinSet::new() }
    }

    /// People sign up, faults are set, processes start.
    pub(super) fn start(&mut self) {
        self.let_the_world_begin();
        self.start_producer();
        self.start_consumers();
    }

    /// People sign up, or will; faults and an outage take their course.
    pub(super) fn let_the_world_begin(&mut self) {
        let Parts { sandbox, options, clock, .. } = self.parts.clone();
        people::sign_up(&sandbox, &options, clock.now());
        sandbox.faults().plan(FaultPlan {
            probability: options.http_faults,
            kinds: FaultKind::COMMON.to_vec(),
            targets: vec![],
            seed: options.seed,
            until: Some(clock.now() + options.faults_for),
        });
        self.events.spawn(people::leave(sandbox.clone(), options.as_ref().clone()));
        let Some((vendor, from)) = options.outage else { return };
        self.events.spawn(async move {
            tokio::time::sleep(from).await;
            sandbox.outage(vendor, true);
            tokio::time::sleep(Options::OUTAGE).await;
            sandbox.outage(vendor, false);
        });
    }

    pub(super) fn start_producer(&mut self) {
        let disk = MemoryCheckpoint::default();
        let deaths = self.parts.options.producer_deaths.clone();
        self.live_and_die(deaths, move |parts, life| produce(parts, life, disk.clone()));
    }

    pub(super) fn start_consumers(&mut self) {
        for (consumer, processes) in self.parts.options.consumer_deaths.clone() {
            for deaths in processes {
                self.live_and_die(deaths, move |parts, life| consume(parts, life, consumer));
            }
        }
    }

    /// A process that dies as often as it is to, each time to start anew from what is on disk and on the broker.
    fn live_and_die<P, F>(&mut self, deaths: Vec<u32>, process: P)
    where
        P: Fn(Parts, Life) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let parts = self.parts.clone();
        let number = 1 + self.processes.len() as u64;
        let mut rng = fastrand::Rng::with_seed(parts.options.seed ^ (number << 32));
        self.processes.spawn(async move {
            for steps in deaths.into_iter().map(Some).chain([None]) {
                let life = Life::new(steps, parts.network.clone(), rng.u64(..));
                if life.run(process(parts.clone(), life.clone())).await.is_some() {
                    return;
                }
                tokio::time::sleep(DEAD_FOR.mul_f64(rng.f64())).await;
            }
        });
    }

    pub(super) fn clock(&self) -> Clock {
        self.parts.clock
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.parts.sandbox
    }

    pub(super) fn traffic(&self) -> &Traffic {
        &self.parts.traffic
    }

    pub(super) fn effects(&self) -> Effects {
        self.parts.sandbox.effects()
    }

    /// What each service counted.
    pub(super) fn counts(&self) -> BTreeMap<&'static str, BTreeMap<String, u64>> {
        self.parts.health.iter().map(|(name, health)| (*name, health.status().counts)).collect()
    }

    /// What stands in the way of each service, if anything does.
    pub(super) fn complaints(&self) -> BTreeMap<&'static str, BTreeMap<String, String>> {
        self.parts.health.iter().map(|(name, health)| (*name, health.status().not_ready)).collect()
    }

    /// How many messages are not yet done or dead, over all subscriptions.
    pub(super) fn underway(&self) -> usize {
        let counts = |consumer| self.parts.bus.counts(&entity(consumer));
        Judged::ALL
            .map(|one| counts(one).expect("the built-in topology has all consumers").total)
            .iter()
            .sum()
    }

    /// What each consumer's dead-letter queue holds.
    pub(super) async fn dead_letters(&self) -> BTreeMap<Judged, Vec<Peeked>> {
        let mut dead = BTreeMap::new();
        for consumer in Judged::ALL {
            let receiver = self.parts.bus.receiver(&entity(consumer).dead_letters()).await.expect("as above");
            let letters = receiver.peek(0, ALL_DEAD_LETTERS).await.expect("a broker in memory answers");
            dead.insert(consumer, letters);
        }
        dead
    }

    /// Everything is healthy again, and what customers can mend is mended: an address that Stripe calls no address, as
    /// billing's dead letters say.
    pub(super) fn heal(&self, dead_of_billing: &[Peeked]) {
        self.parts.sandbox.faults().clear();
        for letter in dead_of_billing {
            let (_, description) = letter.message.dead_letter();
            if description.is_some_and(|description| description.contains("code=email_invalid")) {
                let event =
                    Event::from_json(&letter.message.body).expect("what is dead-lettered is an event");
                let user = event.data.user_id;
                self.parts.sandbox.mend_email(user, &format!("mended-{user}@example.com"));
            }
        }
    }

    /// The operator replays a consumer's dead letters. Also returns what became of each.
    pub(super) async fn replay(&self, consumer: Judged) -> (Summary, Vec<Fate>) {
        let life = Life::new(None, self.parts.network.clone(), 0);
        let receiver = self.parts.bus.receiver(&entity(consumer).dead_letters()).await.expect("as above");
        let subscriber = Subscriber::new(
            consumer.name(),
            cast::handler(consumer, &self.parts.options, self.parts.ports(consumer.name(), &life)),
            receiver,
            Subscriber::replay_limits(Limits::default()),
            cast::max_event_age(consumer),
            self.parts.clock,
            Health::new(),
        );
        let mut replayed = Vec::new();
        let report = &mut |one: &Fate| replayed.push(one.clone());
        let summary = subscriber.replay(&Replay::default(), &Shutdown::new(), report).await;
        (summary.expect("as above"), replayed)
    }

    /// Tells all processes to stop and waits until they have.
    pub(super) async fn stop(mut self) {
        self.parts.shutdown.request();
        while self.processes.join_next().await.is_some() {}
    }
}

impl Parts {
    /// How one life of a process touches the world.
    fn ports(&self, who: &'static str, life: &Life) -> Ports {
        let http: HttpClient = life.http(self.traffic.tap(who, self.sandbox.service()));
        Ports { http, clock: self.clock }
    }
}

fn entity(consumer: Judged) -> Entity {
    Entity::subscription("user-signups", consumer.name())
}

async fn produce(parts: Parts, life: Life, disk: MemoryCheckpoint) {
    let policy = Policy {
        start_from: Some(StartFrom::At(START)),
        attributes: vec![marketing_consent_attribute(), company_type_attribute()],
        ..Policy::new(TENANT_ID, [SIGN_UP_APP_ID])
    };
    let ports = parts.ports(PRODUCER, &life);
    let graph = cast::producers_tenant().graph(ports.http, ports.clock).expect("a secret is given");
    let publisher = parts.bus.publisher("user-signups").await.expect("the built-in topology has the topic");
    let (publisher, disk) = (life.publisher(publisher), life.checkpoint(disk));
    let health = parts.health[PRODUCER].clone();
    let producer = Producer::new(policy, graph, publisher, disk, parts.clock, health).await;
    producer.expect("a checkpoint in memory is never bad").run(parts.shutdown).await;
}

async fn consume(parts: Parts, life: Life, consumer: Judged) {
    let name = consumer.name();
    let receiver = parts.bus.connect().receiver(&entity(consumer)).await;
    let subscriber = Subscriber::new(
        name,
        cast::handler(consumer, &parts.options, parts.ports(name, &life)),
        life.receiver(receiver.expect("the built-in topology has all consumers")),
        Limits::default(),
        cast::max_event_age(consumer),
        parts.clock,
        parts.health[name].clone(),
    );
    subscriber.run(parts.shutdown).await.expect("a broker in memory never goes away");
}
