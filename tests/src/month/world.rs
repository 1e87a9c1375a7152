//! The month: a tenant, people who sign up in it, what goes wrong, and a topic.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use time::{OffsetDateTime, macros::datetime};
use tokio::time::sleep;
use usher_broker::{
    MemoryBus,
    topology::{DeliverySpec, IntakeSpec, SubscriptionSpec, TopicSpec, Topology},
};
use usher_bus::{Bus, Entity};
use usher_clock::Clock;
use usher_entra::{ClientCredentials, Graph};
use usher_event::EventId;
use usher_http::BaseUrl;
use usher_producer::{MemoryCheckpoint, Policy, Producer, StartFrom};
use usher_sandbox::{
    Call, FaultKind, FaultPlan, GRAPH_URL, Kind, LOGIN_URL, NewSignUp, PRODUCER_CLIENT_ID,
    PRODUCER_CLIENT_SECRET, SIGN_UP_APP_ID, Sandbox, SandboxSettings, TENANT_ID, Target, Vendor,
};
use usher_service::{Health, Shutdown};

use super::{
    AFTERWARDS, Approach, DAY, EVERY, MONTH, OUTAGE, OUTAGE_FROM, Outcome, SIGN_UPS,
    network::Network,
    sent::Sent,
    usual::{Mark, Usual},
};

const START: OffsetDateTime = datetime!(2026-03-01 00:00 UTC);
/// As many entries as Graph puts on a page, and for how long it keeps them at least.
const PAGE: usize = 999;
const RETENTION: Duration = DAY.saturating_mul(7);
/// One in so many new users did not sign up.
const OTHERS: usize = 20;
/// How likely a call fails.
const FAULTS: f64 = 0.02;
const TOPIC: &str = "user-signups";
const SUBSCRIPTION: &str = "all";

pub(super) struct World {
    clock: Clock,
    sandbox: Sandbox,
    network: Network,
    bus: MemoryBus,
    sent: Arc<Sent>,
    /// When each of those who signed up did, by the id of their message.
    signed_up: BTreeMap<String, OffsetDateTime>,
}

impl World {
    /// Plays a month, and says what came of it.
    pub(super) async fn play(approach: Approach, seed: u64) -> Result<Outcome, String> {
        let world = Self::new(seed).await?;
        tokio::select! {
            biased;
            () = sleep(MONTH + AFTERWARDS) => {}
            () = world.outage() => {}
            () = Box::pin(world.read(approach)) => return Err("nobody reads the log any more".to_owned()),
        }
        world.outcome(approach)
    }

    async fn new(seed: u64) -> Result<Self, String> {
        let clock = Clock::starting_at(START);
        let mut settings = SandboxSettings { seed, ..SandboxSettings::default() };
        settings.audit.page_size = PAGE;
        settings.audit.retention = RETENTION;
        let sandbox = Sandbox::new(settings, clock);
        let signed_up = sign_up(&sandbox, seed);
        sandbox.faults().plan(faults(seed));
        let bus = MemoryBus::new(&topology(), clock);
        let topic = bus.publisher(TOPIC).await.map_err(|error| error.to_string())?;
        let sent = Arc::new(Sent::new(topic, clock));
        Ok(Self { clock, sandbox, network: Network::new(seed), bus, sent, signed_up })
    }

    /// For a day the log can't be reached.
    async fn outage(&self) {
        sleep(OUTAGE_FROM).await;
        self.sandbox.outage(Vendor::Graph, true);
        sleep(OUTAGE).await;
        self.sandbox.outage(Vendor::Graph, false);
        std::future::pending().await
    }

    async fn read(&self, approach: Approach) {
        match approach {
            Approach::Usher => self.produce().await,
            Approach::SinceLastRun => self.usual(Mark::LastRun).run().await,
            Approach::SinceNewestEntry => self.usual(Mark::NewestEntry).run().await,
        }
    }

    async fn produce(&self) {
        let usual = Policy::new(TENANT_ID, [SIGN_UP_APP_ID]);
        let policy = Policy { poll_interval: EVERY, start_from: Some(StartFrom::At(START)), ..usual };
        let (topic, disk) = (self.sent.clone(), Box::new(MemoryCheckpoint::default()));
        let producer = Producer::new(policy, self.graph(), topic, disk, self.clock, Health::new()).await;
        producer.expect("a checkpoint in memory is never bad").run(Shutdown::new()).await;
    }

    fn usual(&self, mark: Mark) -> Usual {
        let topic = self.sent.clone();
        Usual { graph: self.graph(), topic, clock: self.clock, mark, since: START }
    }

    fn graph(&self) -> Graph {
        let http = self.network.client(self.sandbox.service());
        let url = |text: &str| -> BaseUrl { text.parse().expect("a URL of ours") };
        let secret = PRODUCER_CLIENT_SECRET.to_owned().into();
        let credential = ClientCredentials::with_secret(
            http.clone(),
            &url(LOGIN_URL),
            TENANT_ID,
            PRODUCER_CLIENT_ID,
            secret,
            self.clock,
        );
        Graph::new(http, url(GRAPH_URL), Arc::new(credential), self.clock)
    }

    fn outcome(&self, approach: Approach) -> Result<Outcome, String> {
        let sent = self.sent.first();
        let delay = |(id, at): (&String, &OffsetDateTime)| {
            Some((*at, Duration::try_from(*sent.get(id)? - *at).unwrap_or_default()))
        };
        let delays: Vec<_> = self.signed_up.iter().filter_map(delay).collect();
        let all = delays.iter().map(|(_, delay)| *delay);
        let calm = delays.iter().filter(|(at, _)| !is_in_outage(*at)).map(|(_, delay)| *delay);
        let (log_requests, in_vain) = self.network.log_requests();
        let queue = Entity::subscription(TOPIC, SUBSCRIPTION);
        Ok(Outcome {
            approach,
            sign_ups: self.signed_up.len(),
            lost: self.signed_up.len() - delays.len(),
            accepted: self.bus.counts(&queue).map_err(|error| error.to_string())?.total,
            sent_again: self.sent.again(),
            delay_p50: percentile(all.clone(), 50),
            calm_p99: percentile(calm, 99),
            delay_p99: percentile(all, 99),
            log_requests,
            in_vain,
        })
    }
}

/// Everybody who signs up in the month, at any moment of it, and some who become users in other ways.
fn sign_up(sandbox: &Sandbox, seed: u64) -> BTreeMap<String, OffsetDateTime> {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut signed_up = BTreeMap::new();
    for n in 0..SIGN_UPS {
        let at = START + MONTH.mul_f64(chance.f64());
        let user = sandbox.sign_up(NewSignUp { at: Some(at), ..NewSignUp::default() });
        signed_up.insert(EventId::of(TENANT_ID, user).to_string(), at);
        if n % OTHERS == 0 {
            let at = Some(START + MONTH.mul_f64(chance.f64()));
            sandbox.sign_up(NewSignUp { kind: Kind::OtherApp, at, ..NewSignUp::default() });
        }
    }
    signed_up
}

fn faults(seed: u64) -> FaultPlan {
    FaultPlan {
        probability: FAULTS,
        kinds: vec![
            FaultKind::Status(429),
            FaultKind::Status(500),
            FaultKind::Status(503),
            FaultKind::Before,
            FaultKind::After,
        ],
        targets: [Call::ListAudits, Call::Batch, Call::GetUser].map(Target::Call).into(),
        seed,
        until: None,
    }
}

/// One subscription, and duplicate detection as long as Service Bus has it.
fn topology() -> Topology {
    let subscription = SubscriptionSpec {
        name: SUBSCRIPTION.to_owned(),
        delivery: DeliverySpec::default(),
        rules: Vec::new(),
    };
    let topic = TopicSpec {
        name: TOPIC.to_owned(),
        intake: IntakeSpec { duplicate_window: Some(DAY * 7), ..IntakeSpec::default() },
        default_time_to_live: None,
        subscriptions: vec![subscription],
    };
    Topology { queues: Vec::new(), topics: vec![topic] }
}

/// Whoever signs up shortly before it is caught by it too: their entry would have shown in it.
fn is_in_outage(at: OffsetDateTime) -> bool {
    let from = START + OUTAGE_FROM;
    (from - AFTERWARDS..=from + OUTAGE).contains(&at)
}

/// What so many in a hundred stay within.
fn percentile(of: impl Iterator<Item = Duration>, percent: usize) -> Duration {
    let mut sorted: Vec<_> = of.collect();
    sorted.sort_unstable();
    let place = (sorted.len() * percent).div_ceil(100);
    sorted.get(place.saturating_sub(1)).copied().unwrap_or_default()
}
