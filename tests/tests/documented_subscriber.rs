//! What the documentation shows to those who write a consumer in another language is run as it stands there:
//! `docs/subscriber.py`, on the official Python SDK, is a fifth subscriber beside Usher's own.
//!
//! The SDK is installed as for the official Python SDK's checks, and where it can't be, that goes as there.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{
    collections::BTreeSet,
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use usher_broker::topology::Topology;
use usher_bus::{Bus, Entity, Message, Receiver};
use usher_event::Event;
use usher_tests::{
    judge,
    processes::{World, eventually, peek_all, send_signal},
    python_sdk, world_with_audit,
};
use uuid::Uuid;

const SUBSCRIBER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/subscriber.py");
/// Long enough for Python to start on a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(60);
/// What somebody else still holds can't come within this time.
const HALF_A_LOCK: Duration = Duration::from_secs(30);

fn python() -> Option<PathBuf> {
    judge("the documented subscriber", python_sdk)
}

/// The documented subscriber, running. Dropping it kills it.
struct Subscriber {
    process: Child,
    output: Lines<BufReader<ChildStdout>>,
}

impl Subscriber {
    /// Starts it. What it complains of lies where the world shows it if the test fails.
    fn start(python: &Path, world: &World) -> Self {
        let mut process = Command::new(python)
            .arg(SUBSCRIBER)
            .env("SERVICEBUS_CONNECTION_STRING", world.connection_string())
            .stdout(Stdio::piped())
            .stderr(File::create(world.home().join("subscriber.err")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, output }
    }

    /// The next sign-up that it prints; none once it has ended.
    async fn next(&mut self) -> Option<Uuid> {
        let line = timeout(PATIENCE, self.output.next_line()).await.expect("it prints in time").unwrap()?;
        let user: Uuid = line.parse().unwrap_or_else(|_| panic!("more than a user's id: {line}"));
        assert_eq!(user.to_string(), line);
        Some(user)
    }

    async fn next_of(&mut self, sign_ups: usize) -> BTreeSet<Uuid> {
        let mut seen = BTreeSet::new();
        for _ in 0..sign_ups {
            assert!(seen.insert(self.next().await.expect("it runs on")), "each once: {seen:?}");
        }
        seen
    }

    /// Asks it to stop; returns what it still printed up to its end, which must be a good one.
    async fn stop(mut self) -> Vec<Uuid> {
        send_signal(self.process.id().unwrap(), "TERM").await;
        let mut last = Vec::new();
        while let Some(user) = self.next().await {
            last.push(user);
        }
        let ended = timeout(PATIENCE, self.process.wait()).await.expect("it ends in time").unwrap();
        assert!(ended.success(), "{ended}");
        last
    }
}

async fn audit(world: &World) -> Arc<dyn Receiver> {
    world.bus().receiver(&Entity::subscription("user-signups", "audit")).await.unwrap()
}

async fn audits_dead_letters(world: &World) -> Arc<dyn Receiver> {
    let dead_letters = Entity::subscription("user-signups", "audit").dead_letters();
    world.bus().receiver(&dead_letters).await.unwrap()
}

async fn publish(world: &World, messages: Vec<Message>) {
    world.bus().publisher("user-signups").await.unwrap().publish(messages).await.unwrap();
}

/// The contract's full sample, of this user.
fn sign_up(user: Uuid) -> Event {
    let sample = include_bytes!("../../schemas/samples/full.json");
    let mut data = Event::from_json(sample).unwrap().data;
    data.user_id = user;
    Event::new(data)
}

fn message(event: &Event) -> Message {
    Message::new(event.id.to_string(), event.to_json())
}

#[test]
fn it_has_at_most_forty_lines() {
    assert!((1..=40).contains(&include_str!("../../docs/subscriber.py").lines().count()));
}

#[test]
fn its_broker_has_ushers_own_topology_and_one_subscription_more() {
    let documented = include_str!("../../docs/broker-with-audit.json");
    let documented = Topology::from_emulator_config(documented).unwrap();
    let subscriptions = |topology: &Topology| -> BTreeSet<String> {
        let [topic] = topology.topics.as_slice() else { panic!("{topology:?}") };
        topic.subscriptions.iter().map(|subscription| format!("{subscription:?}")).collect()
    };
    let (own, with_audit) = (subscriptions(&Topology::usher()), subscriptions(&documented));
    // A consumer of somebody's own may have joined them since.
    assert!(with_audit.intersection(&own).count() >= 7, "{own:#?}\n{with_audit:#?}");
    let more: Vec<_> = with_audit.difference(&own).collect();
    let [audit] = more.as_slice() else { panic!("{more:#?}") };
    assert!(audit.contains(r#"name: "audit""#), "{audit}");
}

#[tokio::test]
async fn a_fifth_subscriber_in_python_sees_every_sign_up_and_so_does_billing() {
    const SIGN_UPS: usize = 25;
    const BYSTANDERS: usize = 5;
    let Some(python) = python() else { return };
    let world = world_with_audit().await;
    let _producer = world.producer().start().await;
    let _billing = world.billing().start().await;
    let mut subscriber = Subscriber::start(&python, &world);

    let order = json!({ "sign_ups": { "count": SIGN_UPS, "bystanders": BYSTANDERS, "short_lived": 0 } });
    let users = BTreeSet::from_iter(world.control.order(order).await);

    assert_eq!(subscriber.next_of(SIGN_UPS).await, users);
    eventually("billing saw them too", async || {
        world.control.shows_each_effect_once(SIGN_UPS + BYSTANDERS).await.then_some(())
    })
    .await;
    assert_eq!(subscriber.stop().await, Vec::<Uuid>::new(), "nothing twice, and nobody else");
    assert_eq!(peek_all(&*audit(&world).await).await.len(), 0, "all is completed");
    assert_eq!(peek_all(&*audits_dead_letters(&world).await).await.len(), 0);
}

#[tokio::test]
async fn what_it_cannot_read_is_dead_lettered_with_a_reason_and_it_goes_on() {
    let Some(python) = python() else { return };
    let world = world_with_audit().await;
    let mut subscriber = Subscriber::start(&python, &world);
    let user = Uuid::from_u128(7);
    let event = String::from_utf8(sign_up(user).to_json()).unwrap();
    let hostile = [
        "not JSON".to_owned(),
        "[".repeat(100_000),
        event.replace(".v1", ".v2"),
        event.replace(&user.to_string(), "somebody@example.com\\r\\n"),
        json!({ "type": "usher.user-signed-up.v1" }).to_string(),
    ];
    let letters = hostile.len();
    let bad = hostile.into_iter().enumerate().map(|(n, body)| Message::new(format!("bad-{n}"), body));
    publish(&world, bad.chain([message(&sign_up(user))]).collect()).await;

    assert_eq!(subscriber.next().await, Some(user));

    let queue = audits_dead_letters(&world).await;
    let dead = eventually("all are dead letters", async || {
        Some(peek_all(&*queue).await).filter(|dead| dead.len() == letters)
    })
    .await;
    let of = |name: &str| dead.iter().map(|letter| letter.message.text_property(name)).collect::<Vec<_>>();
    assert_eq!(of("DeadLetterReason"), vec![Some("Undecodable"); letters]);
    let whys = ["JSONDecodeError", "RecursionError", "ValueError", "ValueError", "KeyError"];
    assert_eq!(of("DeadLetterErrorDescription"), whys.map(Some), "kinds, never values");
    assert_eq!(subscriber.stop().await, Vec::<Uuid>::new());
}

/// Whom nobody reads can't run ahead: of the lines of so many messages a pipe holds only some (64 KiB, 1,771 lines).
#[tokio::test]
async fn asked_to_stop_it_finishes_what_it_has_in_hand_and_leaves_the_rest_to_the_next() {
    const SIGN_UPS: u128 = 3_000;
    let Some(python) = python() else { return };
    let world = world_with_audit().await;
    let users: BTreeSet<_> = (1..=SIGN_UPS).map(Uuid::from_u128).collect();
    publish(&world, users.iter().map(|user| message(&sign_up(*user))).collect()).await;
    let mut first = Subscriber::start(&python, &world);

    let mut printed = first.next_of(1).await;
    printed.extend(first.stop().await);

    assert!(printed.len() < users.len(), "it was asked to stop in the middle");
    let mut second = Subscriber::start(&python, &world);
    let rest = timeout(HALF_A_LOCK, second.next_of(users.len() - printed.len()));
    let rest = rest.await.expect("nothing is left under a lock");
    assert!(printed.is_disjoint(&rest));
    assert_eq!(&printed | &rest, users);
    assert_eq!(second.stop().await, Vec::<Uuid>::new());
    assert_eq!(peek_all(&*audit(&world).await).await.len(), 0, "what was printed was completed");
}
