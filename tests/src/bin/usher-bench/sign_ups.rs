//! Sign-ups from the audit log to Stripe and back, by all our processes together.
//!
//! The vendors' stand-ins answer at once and throttle as little as they can: it is Usher that is measured, with the
//! stand-ins on the same machine. In life the vendors' own limits come first, above all Graph's 20 writes a second.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::time::{Instant, sleep};
use usher_sandbox::{
    CLIENT_ID, CLIENT_SECRET, Effects, SIGN_UP_APP_ID, STRIPE_KEY, TENANT_ID, stripe_customer_id_attribute,
};
use usher_service::Status;

use crate::{
    broker::Broker,
    program::{Program, ours},
    usage::Usage,
};

/// How often the services are asked how far they are.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long all of it may take at most, on a slow machine.
const AT_MOST: Duration = Duration::from_secs(600);
/// How many sign-ups billing works on at once.
pub(crate) const CONCURRENCY: &str = "64";

/// Stand-ins without waits or limits. Search is as far behind as in life, which costs billing a call.
const SANDBOX: [&str; 9] = [
    "--audit-latency=0s",
    "--audit-latency-p99=0s",
    "--stragglers=0",
    "--audit-page-size=1000",
    "--audit-requests=1000000",
    "--directory-writes=1000000",
    "--replication-lag=0s",
    "--stripe-rate=1000000",
    "--answer-time=0s",
];

/// What was measured.
pub(crate) struct SignUps {
    pub(crate) per_second: f64,
    /// What each process used, by name.
    pub(crate) usage: Vec<(&'static str, Usage)>,
}

#[derive(Deserialize)]
struct Sandbox {
    graph: String,
    login: String,
    stripe: String,
    control: String,
    ca_file: String,
}

#[derive(Deserialize)]
struct Health {
    health: String,
}

/// Takes so many sign-ups through, all of them made at once.
pub(crate) async fn measure(count: u32) -> anyhow::Result<SignUps> {
    let folder = tempfile::tempdir().context("no temporary directory")?;
    let services = Services::start(folder.path()).await?;
    let took = services.take_through(count.into()).await?;
    eprintln!("{count} sign-ups in {took:.1?}");
    let usage = services.usage()?;
    services.stop().await;
    Ok(SignUps { per_second: f64::from(count) / took.as_secs_f64(), usage })
}

struct Services {
    broker: Broker,
    sandbox: Program,
    producer: Program,
    billing: Program,
    http: reqwest::Client,
    control: String,
    producer_status: String,
    billing_status: String,
}

impl Services {
    async fn start(folder: &Path) -> anyhow::Result<Self> {
        let broker = Broker::start(folder).await?;
        let mut command = ours("usher-sandbox")?;
        command.args(SANDBOX).arg("--ca-file").arg(folder.join("ca.pem"));
        let mut sandbox = Program::start("usher-sandbox", command, folder)?;
        let addresses: Sandbox = sandbox.announcement().await?;
        let service = |name| service(name, &broker.connection_string, &addresses);
        let (producer, producer_status) = start_producer(service("usher-producer")?, folder).await?;
        let (billing, billing_status) =
            start_billing(service("usher-billing")?, &addresses.stripe, folder).await?;
        // A proxy in the environment is meant for the world outside.
        let http = reqwest::Client::builder().no_proxy().build()?;
        let control = addresses.control;
        Ok(Self { broker, sandbox, producer, billing, http, control, producer_status, billing_status })
    }

    /// Makes the sign-ups; counts the time from the first one that the producer sees to the last effect.
    async fn take_through(&self, count: u64) -> anyhow::Result<Duration> {
        let order = json!({ "sign_ups": { "count": count, "bystanders": 0, "short_lived": 0 } });
        let control = format!("{}/_control", self.control);
        let order = self.http.post(control).body(order.to_string());
        order.send().await.and_then(reqwest::Response::error_for_status).context("no sign-ups were made")?;
        let deadline = Instant::now() + AT_MOST;
        self.reaches(&self.producer_status, "recognised", 1, deadline).await?;
        let since = Instant::now();
        self.reaches(&self.billing_status, "completed", count, deadline).await?;
        let took = since.elapsed();
        let effects: Effects = self.get(&format!("{}/_effects", self.control)).await?;
        if !effects.all_exact() {
            bail!("not every effect shows exactly once: {:?}", effects.totals);
        }
        Ok(took)
    }

    async fn reaches(&self, url: &str, what: &str, least: u64, deadline: Instant) -> anyhow::Result<()> {
        loop {
            let status: Status = self.get(url).await?;
            let count = status.counts.get(what).copied().unwrap_or_default();
            if count >= least {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{what} has come to {count} of {least} only: {status:?}");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> anyhow::Result<T> {
        let answer = self.http.get(url).send().await.and_then(reqwest::Response::error_for_status)?;
        serde_json::from_slice(&answer.bytes().await?).with_context(|| format!("{url} can't be read"))
    }

    fn usage(&self) -> anyhow::Result<Vec<(&'static str, Usage)>> {
        Ok(vec![
            ("usher-broker", self.broker.program.usage()?),
            ("usher-producer", self.producer.usage()?),
            ("usher-billing", self.billing.usage()?),
            ("usher-sandbox", self.sandbox.usage()?),
        ])
    }

    async fn stop(self) {
        for program in [self.billing, self.producer, self.sandbox, self.broker.program] {
            program.stop().await;
        }
    }
}

fn service(name: &str, bus: &str, sandbox: &Sandbox) -> anyhow::Result<tokio::process::Command> {
    let mut command = ours(name)?;
    command.envs([
        ("SERVICEBUS_CONNECTION_STRING", bus),
        ("ENTRA_TENANT_ID", &TENANT_ID.to_string()),
        ("ENTRA_CLIENT_ID", &CLIENT_ID.to_string()),
        ("ENTRA_CLIENT_SECRET", CLIENT_SECRET),
        ("ENTRA_AUTHORITY_HOST", &sandbox.login),
        ("GRAPH_ENDPOINT", &sandbox.graph),
        ("USHER_EXTRA_CA_FILE", &sandbox.ca_file),
        ("HEALTH_ADDR", "127.0.0.1:0"),
    ]);
    Ok(command)
}

async fn start_producer(
    mut command: tokio::process::Command,
    folder: &Path,
) -> anyhow::Result<(Program, String)> {
    command
        .env("SIGNUP_ACTORS", SIGN_UP_APP_ID.to_string())
        .env("CHECKPOINT", folder.join("checkpoint.json"))
        .envs([("START_FROM", "5m"), ("POLL_INTERVAL", "500ms")]);
    start("usher-producer", command, folder).await
}

async fn start_billing(
    mut command: tokio::process::Command,
    stripe: &str,
    folder: &Path,
) -> anyhow::Result<(Program, String)> {
    let attribute = stripe_customer_id_attribute();
    command.envs([
        ("STRIPE_SECRET_KEY", STRIPE_KEY),
        ("STRIPE_API_BASE", stripe),
        ("STRIPE_CUSTOMER_ID_ATTRIBUTE", &attribute),
        ("CONCURRENCY", CONCURRENCY),
    ]);
    start("usher-billing", command, folder).await
}

/// Starts a service; returns also the address of its status.
async fn start(
    name: &str,
    command: tokio::process::Command,
    folder: &Path,
) -> anyhow::Result<(Program, String)> {
    let mut program = Program::start(name, command, folder)?;
    let Health { health } = program.announcement().await?;
    Ok((program, format!("http://{health}/status")))
}
