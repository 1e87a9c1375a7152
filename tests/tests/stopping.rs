//! Told to stop, each process ends what it has begun and goes; `usher up` takes its children with it, whatever
//! becomes of itself.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::fs;

use serde_json::json;
use usher_sandbox::Judged;
use usher_tests::processes::{Options, Process, Program, World, eventually, peek_all, send_signal};

#[tokio::test]
async fn each_service_ends_with_exit_code_0_when_terminated() {
    let mut world = World::start(Options { consumers: Judged::ALL.into(), ..Options::default() }).await;
    let mut producer = world.producer().start().await;
    let mut consumers = Vec::new();
    for consumer in Judged::ALL {
        consumers.push(world.consumer(consumer).start().await);
    }
    world.control.sign_up().await;
    eventually("it works", async || world.control.shows_each_effect_once(1).await.then_some(())).await;

    for process in consumers.iter_mut().chain([&mut producer, &mut world.broker, &mut world.sandbox]) {
        let output = process.terminate().await;
        assert_eq!(output.code, Some(0), "{}", output.stderr);
    }
}

#[tokio::test]
async fn a_terminated_broker_with_clients_connected_keeps_what_it_accepted() {
    let mut world = World::start(Options::default()).await;
    let mut producer = world.producer().start().await;
    let user = world.control.sign_up().await;
    let queue = world.queue().await;
    eventually("published", async || (peek_all(&*queue).await.len() == 1).then_some(())).await;

    assert_eq!(world.broker.terminate().await.code, Some(0));
    world.restart_broker().await;

    assert_eq!(peek_all(&*world.queue().await).await.len(), 1);
    assert_eq!(producer.terminate().await.code, Some(0), "it waits for nobody");
    let checkpoint = fs::read_to_string(world.checkpoint()).unwrap();
    assert!(checkpoint.contains(&user.to_string()));
}

#[tokio::test]
async fn each_terminated_consumer_finishes_what_it_has_begun() {
    for consumer in Judged::ALL {
        // Each by itself: where several write to one user, one may be sent away, and then it gives its message back.
        finishes_what_it_has_begun(consumer).await;
    }
}

async fn finishes_what_it_has_begun(consumer: Judged) {
    let world = World::start(Options { consumers: vec![consumer], ..Options::default() }).await;
    let _producer = world.producer().start().await;
    let mut process = world.consumer(consumer).start().await;
    process.freeze().await;
    world.control.order(json!({ "sign_up": { "marketing_consent": true } })).await;
    let queue = world.queue_of(consumer).await;
    eventually("published", async || (peek_all(&*queue).await.len() == 1).then_some(())).await;
    assert!(!world.control.effects().await.all_exact(), "not done yet");
    // So that it is told to stop when it is in the midst of it.
    let lock = (consumer == Judged::Sql).then(|| world.lock_sql_database());
    world.sandbox.freeze().await;
    process.thaw().await;
    world.counts(&process, "it is at it", |counts| counts.of("attempts") == 1).await;
    send_signal(process.id(), "TERM").await;
    eventually("it has heard", async || process.stderr().contains("stopping").then_some(())).await;

    drop(lock);
    world.sandbox.thaw().await;

    assert_eq!(process.ended().await.code(), Some(0), "{consumer:?}: {}", process.stderr());
    assert!(world.control.effects().await.all_exact(), "{consumer:?}: done");
    assert_eq!(peek_all(&*queue).await.len(), 0, "{consumer:?}: and settled");
}

#[tokio::test]
async fn ctrl_c_on_usher_up_stops_every_child() {
    let (_home, mut up, children) = up().await;
    send_signal(up.id(), "INT").await;
    let ended = up.ended().await;
    assert_eq!(ended.code(), Some(1), "{}", up.stderr());
    let left: Vec<_> = children.iter().filter(|child| child.lives()).collect();
    assert!(left.is_empty(), "outlived it: {left:?}");
}

#[tokio::test]
async fn children_end_even_if_usher_up_is_killed() {
    let (_home, mut up, children) = up().await;
    up.kill().await;
    eventually("all are gone", async || children.iter().all(|child| !child.lives()).then_some(())).await;
}

/// `usher up` in a folder of its own, once all that it starts has started.
async fn up() -> (tempfile::TempDir, Process, Vec<Child>) {
    let home = tempfile::tempdir().unwrap();
    let up = Program::new("usher", home.path()).args(["up", "--signups", "500", "--rate", "5"]).spawn();
    let mut up = up;
    eventually("all have started", async || {
        assert!(up.runs(), "{}", up.stderr());
        home.path().join(".usher/last/webhook.env").exists().then_some(())
    })
    .await;
    let children = Child::all_of(up.id());
    let mut names: Vec<_> = children.iter().map(|child| child.name.as_str()).collect();
    names.sort_unstable();
    // Linux keeps 15 characters of a name.
    let all = [
        "usher-billing",
        "usher-birthrigh",
        "usher-broker",
        "usher-crm",
        "usher-email",
        "usher-producer",
        "usher-sandbox",
        "usher-sql",
        "usher-upn",
        "usher-webhook",
    ];
    // Beside these, consumers of somebody's own.
    assert!(all.iter().all(|name| names.contains(name)), "{names:?}");
    (home, up, children)
}

/// A child process of somebody else's, told apart from a later one with the same id by when it started.
#[derive(Debug, PartialEq)]
struct Child {
    id: u32,
    name: String,
    parent: u32,
    started: String,
    state: char,
}

impl Child {
    fn all_of(parent: u32) -> Vec<Self> {
        let ids = fs::read_dir("/proc").unwrap().flatten();
        let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        ids.filter_map(Self::find).filter(|child| child.parent == parent).collect()
    }

    /// From `/proc/{id}/stat`; see proc_pid_stat(5).
    fn find(id: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let (head, tail) = stat.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_owned();
        let fields: Vec<_> = tail.split_whitespace().collect();
        let state = fields.first()?.chars().next()?;
        let (parent, started) = (fields.get(1)?.parse().ok()?, (*fields.get(19)?).to_owned());
        Some(Self { id, name, parent, started, state })
    }

    /// A zombie has ended; that nobody has asked how is not its fault.
    fn lives(&self) -> bool {
        Self::find(self.id).is_some_and(|now| now.started == self.started && now.state != 'Z')
    }
}
