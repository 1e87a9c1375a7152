//! The official verifier of Standard Webhooks, in Python, judges what webhook sends: `tests/conformance/receiver.py`
//! takes what a real `usher-webhook` posts, in the middle of a change of secrets too.
//!
//! It is installed into `.sdk` the first time. Where it can't be, the test says so and passes; in CI it fails.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use usher_bus::{Bus, Entity};
use usher_event::EventId;
use usher_sandbox::TENANT_ID;
use usher_tests::{
    judge,
    processes::{Options, Process, Program, World, eventually, peek_all},
    webhook_verifier,
};

const OLD: &str = "whsec_dGhlIHNlY3JldCB0aGF0IGlzIG9uIGl0cyB3YXkgb3V0";
const NEW: &str = "whsec_dGhlIHNlY3JldCB0aGF0IHRha2VzIGl0cyBwbGFjZSBub3c=";
/// Long enough for Python to start on a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(60);

/// The receiver, running. Dropping it kills it.
struct Receiver {
    _process: Child,
    output: Lines<BufReader<ChildStdout>>,
    url: String,
}

impl Receiver {
    async fn start(python: &Path, world: &World, secret: &str, tampers: bool) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/receiver.py");
        let mut command = Command::new(python);
        command.arg(program).env("RECEIVER_SECRET", secret);
        if tampers {
            command.env("RECEIVER_TAMPERS", "1");
        }
        let complaints = File::create(world.home().join("receiver.err")).unwrap();
        let mut process =
            command.stdout(Stdio::piped()).stderr(complaints).kill_on_drop(true).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = timeout(PATIENCE, output.next_line()).await.unwrap().unwrap().unwrap();
        Self { _process: process, output, url: format!("http://127.0.0.1:{port}/in?token=hush") }
    }

    /// What the verifier says of the next delivery.
    async fn verdict(&mut self) -> String {
        timeout(PATIENCE, self.output.next_line()).await.expect("a delivery").unwrap().unwrap()
    }
}

fn sender(world: &World, receiver: &Receiver, secrets: &str) -> Program {
    world.webhook().with("WEBHOOK_URL", &receiver.url).with("WEBHOOK_SECRET", secrets)
}

async fn world_with_producer() -> (World, Process) {
    let world = World::start(Options::default()).await;
    let producer = world.producer().start().await;
    (world, producer)
}

fn verifier() -> Option<PathBuf> {
    judge("the official verifier of webhooks", webhook_verifier)
}

#[tokio::test]
async fn the_official_verifier_takes_what_webhook_sends_whichever_of_two_secrets_it_knows() {
    let Some(python) = verifier() else { return };
    let (world, _producer) = world_with_producer().await;
    for known in [NEW, OLD] {
        let mut receiver = Receiver::start(&python, &world, known, false).await;
        let mut webhook = sender(&world, &receiver, &format!("{NEW} {OLD}")).start().await;

        let user = world.control.sign_up().await;

        assert_eq!(receiver.verdict().await, format!("ok {}", EventId::of(TENANT_ID, user)));
        webhook.terminate().await;
    }
}

#[tokio::test]
async fn a_receiver_who_knows_neither_secret_is_a_setting_to_mend() {
    let Some(python) = verifier() else { return };
    let (world, _producer) = world_with_producer().await;
    let receiver = Receiver::start(&python, &world, NEW, false).await;

    let ended = sender(&world, &receiver, OLD).run().await;

    assert_eq!(ended.code, Some(64), "{}", ended.stderr);
    assert!(ended.stderr.contains("WEBHOOK_SECRET") && !ended.stderr.contains("hush"), "{}", ended.stderr);
}

#[tokio::test]
async fn what_was_changed_on_its_way_is_refused_and_becomes_a_dead_letter() {
    let Some(python) = verifier() else { return };
    let (world, _producer) = world_with_producer().await;
    let mut receiver = Receiver::start(&python, &world, NEW, true).await;
    let _webhook = sender(&world, &receiver, NEW).start().await;

    world.control.sign_up().await;

    assert_eq!(receiver.verdict().await, "refused");
    let queue = Entity::subscription("user-signups", "webhook").dead_letters();
    let queue = world.bus().receiver(&queue).await.unwrap();
    let letter = eventually("it is a dead letter", async || peek_all(&*queue).await.pop()).await;
    assert_eq!(letter.message.dead_letter().0, Some("WebhookRejected"));
}
