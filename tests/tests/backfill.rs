//! A hundred thousand sign-ups of the past, published by the real binary over real sockets: within its share of the log's
//! quota, in bounded memory, and killed in the middle.
//!
//! `make backfill` prints the numbers.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;
use time::OffsetDateTime;
use usher_bus::{Bus, BusSettings, Entity, ServiceBus};
use usher_clock::Clock;
use usher_event::EventId;
use usher_sandbox::{
    Addresses, AuditLatency, NewSignUp, PRODUCER_CLIENT_ID, PRODUCER_CLIENT_SECRET, SIGN_UP_APP_ID, Sandbox,
    SandboxSettings, Serving, TENANT_ID,
};
use usher_tests::processes::{Output, Process, Program, connection_string, eventually, peek_all};
use uuid::Uuid;

use graph_proxy::GraphProxy;

mod graph_proxy;

const SIGN_UPS: u32 = 100_000;
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// As many entries as Graph puts on a page.
const PAGE: usize = 999;
/// What the log takes here in ten seconds, and the backfill's share: Graph's own 5 and 2 would make this take ten minutes.
/// That share is kept to in `producer/tests/scenarios/backfill.rs`, under simulated time.
const QUOTA: u32 = 120;
const SHARE: usize = 50;
const SPAN: Duration = Duration::from_secs(10);
/// A debug build with all its threads; what it keeps of a hundred thousand sign-ups would come on top.
const MOST_MEMORY: u64 = 64 << 20;
/// What it may grow by once it has done a fifth.
const MOST_GROWTH: u64 = 8 << 20;
const PATIENCE: Duration = Duration::from_secs(180);

/// A tenant with a past, a broker with one subscription, and a way to Graph that is watched.
struct World {
    broker: Process,
    proxy: GraphProxy,
    login: String,
    ca_file: String,
    users: BTreeSet<Uuid>,
    _serving: Serving,
    home: TempDir,
}

impl World {
    async fn with_a_past() -> Self {
        let home = tempfile::tempdir().unwrap();
        let sandbox = tenant();
        let users = past(&sandbox);
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let at = Addresses { plain: anywhere, tls: anywhere, ca_file: home.path().join("ca.pem") };
        let serving = sandbox.serve(&at).await.unwrap();
        let endpoints = serving.endpoints();
        Self {
            broker: broker(home.path()).start().await,
            proxy: GraphProxy::in_front_of(&endpoints.graph, time::Duration::ZERO).await,
            login: endpoints.login.clone(),
            ca_file: endpoints.ca_file.display().to_string(),
            users,
            _serving: serving,
            home,
        }
    }

    fn connection_string(&self) -> String {
        connection_string(self.broker.announced("amqp"), "SAS_KEY_VALUE")
    }

    fn backfill(&self) -> Program {
        Program::new("usher-producer", self.home.path())
            .args(["backfill", "--since", "8d"])
            .with("SERVICEBUS_CONNECTION_STRING", self.connection_string())
            .with("ENTRA_TENANT_ID", TENANT_ID.to_string())
            .with("ENTRA_CLIENT_ID", PRODUCER_CLIENT_ID.to_string())
            .with("ENTRA_CLIENT_SECRET", PRODUCER_CLIENT_SECRET)
            .with("ENTRA_AUTHORITY_HOST", &self.login)
            .with("GRAPH_ENDPOINT", &self.proxy.url)
            .with("USHER_EXTRA_CA_FILE", &self.ca_file)
            .with("SIGNUP_ACTORS", SIGN_UP_APP_ID.to_string())
            .with("CHECKPOINT", self.home.path().join("checkpoint.json").display().to_string())
            .with("BACKFILL_REQUESTS", SHARE.to_string())
            // A line for each sign-up is more than anybody wants to read.
            .with("USHER_LOG", "warn")
    }

    /// How far it is, by its record.
    fn reached(&self) -> Option<OffsetDateTime> {
        let record = fs::read(self.home.path().join("checkpoint.json.backfill")).ok()?;
        let record: Value = serde_json::from_slice(&record).unwrap();
        let reached = record["walk"]["reached"].as_str()?;
        Some(OffsetDateTime::parse(reached, &time::format_description::well_known::Rfc3339).unwrap())
    }

    /// Waits until it has done all up to then.
    async fn until_reached(&self, then: OffsetDateTime) {
        eventually("the backfill gets there", async || {
            self.reached().is_some_and(|reached| reached >= then).then_some(())
        })
        .await;
    }

    /// The ids of all messages, each as often as it lies there.
    async fn published(&self) -> Vec<String> {
        #[derive(Parser)]
        struct Only {
            #[command(flatten)]
            bus: BusSettings,
        }
        let string = self.connection_string();
        let only = Only::try_parse_from(["test", "--servicebus-connection-string", &string]).unwrap();
        let bus = ServiceBus::connect(&only.bus, None).unwrap();
        let queue = bus.receiver(&Entity::subscription("user-signups", "all")).await.unwrap();
        let messages = peek_all(&*queue).await;
        bus.close().await;
        messages.into_iter().map(|peeked| peeked.message.id).collect()
    }
}

fn tenant() -> Sandbox {
    let mut settings = SandboxSettings::default();
    settings.audit.latency = AuditLatency::NONE;
    settings.audit.page_size = PAGE;
    settings.audit.requests = (QUOTA, SPAN);
    settings.replication_lag = Duration::ZERO..=Duration::ZERO;
    settings.answer_time = Duration::ZERO..=Duration::ZERO;
    Sandbox::new(settings, Clock::system())
}

/// Everybody signed up within the last week, evenly.
fn past(sandbox: &Sandbox) -> BTreeSet<Uuid> {
    let now = OffsetDateTime::now_utc();
    let at = |n: u32| now - WEEK.mul_f64(f64::from(SIGN_UPS - n) / f64::from(SIGN_UPS));
    let sign_up = |n| sandbox.sign_up(NewSignUp { at: Some(at(n)), ..NewSignUp::default() });
    (0..SIGN_UPS).map(sign_up).collect()
}

/// One subscription is enough to see what was published, once each: the topic swallows repeats.
fn broker(home: &Path) -> Program {
    let properties = json!({
        "RequiresDuplicateDetection": true,
        "DuplicateDetectionHistoryTimeWindow": "P1D",
        "MaxSizeInMegabytes": 4096,
    });
    let topic =
        json!({ "Name": "user-signups", "Properties": properties, "Subscriptions": [{ "Name": "all" }] });
    let config = json!({ "UserConfig": { "Namespaces": [{ "Name": "test", "Topics": [topic] }] } });
    let file = home.join("broker.json");
    fs::write(&file, config.to_string()).unwrap();
    let (data, file) = (home.join("broker").display().to_string(), file.display().to_string());
    Program::new("usher-broker", home).args(["--listen", "127.0.0.1:0", "--data", &data, "--config", &file])
}

/// The most memory that was resident at once so far, in bytes; `None` once it has ended.
fn peak(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
}

/// Watches it to its end; what it said, and the most memory that it had.
async fn to_its_end(mut process: Process) -> (Output, u64) {
    let (id, deadline) = (process.id(), Instant::now() + PATIENCE);
    let mut most = 0;
    while process.runs() {
        assert!(Instant::now() < deadline, "still runs");
        most = peak(id).unwrap_or_default().max(most);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let status = process.ended().await;
    (process.output(status), most)
}

/// That no ten seconds saw more requests than the share.
fn assert_share_kept(requests: &[(Instant, u16)]) {
    let throttled = requests.iter().filter(|(_, status)| *status == 429).count();
    assert_eq!(throttled, 0);
    let mut made: Vec<_> = requests.iter().map(|(at, _)| *at).collect();
    made.sort_unstable();
    assert!(made.windows(SHARE + 1).all(|run| run[SHARE] - run[0] >= SPAN), "more than the share");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_sign_ups_are_published_in_bounded_memory_though_it_is_killed() {
    let world = World::with_a_past().await;
    let began = Instant::now();

    let mut first = world.backfill().spawn();
    world.until_reached(OffsetDateTime::now_utc() - WEEK * 7 / 10).await;
    first.kill().await;
    let (before, from) = (world.proxy.log_requests().len(), world.reached().unwrap());

    let second = world.backfill().spawn();
    let id = second.id();
    world.until_reached(from + WEEK / 5).await;
    let early = peak(id).unwrap();
    let (output, most) = to_its_end(second).await;
    assert_eq!(output.code, Some(0), "{output:?}");
    let took = began.elapsed();

    let published = world.published().await;
    let ids: BTreeSet<_> = published.iter().cloned().collect();
    let expected: BTreeSet<_> =
        world.users.iter().map(|user| EventId::of(TENANT_ID, *user).to_string()).collect();
    assert!(ids == expected, "{} of {} published", ids.len(), expected.len());
    assert_eq!(published.len(), expected.len(), "repeats are swallowed");

    let requests = world.proxy.log_requests();
    assert_share_kept(&requests[..before]);
    assert_share_kept(&requests[before..]);
    println!(
        "{SIGN_UPS} sign-ups in {:.0} s and {} requests to the log, killed once on the way; memory, resident at most: {:.1} MiB \
         after a fifth, {:.1} MiB in the end",
        took.as_secs_f64(),
        requests.len(),
        mebibytes(early),
        mebibytes(most),
    );
    assert!(most <= MOST_MEMORY, "{:.1} MiB", mebibytes(most));
    assert!(most - early <= MOST_GROWTH, "it grows: by {:.1} MiB", mebibytes(most - early));

    // Done is done: what it says then is for people.
    let again = world.backfill().run().await;
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(world.published().await.len(), expected.len());
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[tokio::test]
async fn what_can_not_be_is_named_before_anything_is_published() {
    let home = tempfile::tempdir().unwrap();
    let program = |args: &[&str]| {
        Program::new("usher-producer", home.path())
            .args(["backfill"])
            .args(args.iter().copied())
            .with("SERVICEBUS_CONNECTION_STRING", connection_string("127.0.0.1:1", "key"))
            .with("ENTRA_TENANT_ID", TENANT_ID.to_string())
            .with("ENTRA_CLIENT_ID", PRODUCER_CLIENT_ID.to_string())
            .with("ENTRA_CLIENT_SECRET", PRODUCER_CLIENT_SECRET)
            .with("SIGNUP_ACTORS", SIGN_UP_APP_ID.to_string())
            .with("CHECKPOINT", home.path().join("checkpoint.json").display().to_string())
    };
    for (args, named) in [
        (&["--since", "yesterday"][..], "must be now, how long ago (7d), or a time"),
        (&["--since", "1d", "--until", "2d"][..], "--since: must lie before --until"),
        (&[] as &[&str], "--since"),
        (&["--since", "7d", "--requests", "0"][..], "BACKFILL_REQUESTS"),
    ] {
        let output = program(args).run().await;
        assert_eq!(output.code, Some(64), "{output:?}");
        assert!(output.stderr.contains(named), "{named}: {output:?}");
    }
    assert!(!home.path().join("checkpoint.json.backfill").exists());
}
