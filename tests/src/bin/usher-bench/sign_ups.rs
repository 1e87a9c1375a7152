//! Sign-ups from the audit log to every vendor and back, by all our processes together.
//!
//! The vendors' stand-ins answer at once and throttle as little as they can, and our own paces are set out of the way: it
//! is Usher that is measured, with the stand-ins on the same machine. In life the vendors' own limits come first, above
//! all Graph's 20 writes a second.

use std::{path::Path, time::Duration};

use anyhow::{Context, bail};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;
use tokio::{
    process::Command,
    time::{Instant, sleep},
};
use usher_sandbox::{Effects, SIGN_UP_APP_ID, TENANT_ID};
use usher_service::Status;

use crate::{
    broker::Broker,
    consumers::{self, PRODUCER},
    program::{Program, ours},
    usage::Usage,
};

/// How often the services are asked how far they are.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How long all of it may take at most, on a slow machine.
const AT_MOST: Duration = Duration::from_secs(600);
/// Stand-ins without waits or limits. Search is as far behind as in life, which costs billing a call.
const SANDBOX: [&str; 13] = [
    "--consumers=billing,email,birthrights,upn,crm,sql,webhook",
    "--audit-latency=0s",
    "--audit-latency-p99=0s",
    "--stragglers=0",
    "--audit-page-size=1000",
    "--audit-requests=1000000",
    "--directory-writes=1000000",
    "--replication-lag=0s",
    "--read-lag=0s",
    "--write-moment=0s",
    "--stripe-rate=1000000",
    "--mailchimp-connections=1000",
    "--answer-time=0s",
];

/// What was measured.
pub(crate) struct SignUps {
    pub(crate) per_second: f64,
    /// What each process used, by name.
    pub(crate) usage: Vec<(&'static str, Usage)>,
}

/// Where the stand-ins are.
#[derive(Deserialize)]
pub(crate) struct Sandbox {
    pub(crate) graph: String,
    pub(crate) login: String,
    pub(crate) stripe: String,
    pub(crate) mailchimp: String,
    pub(crate) salesforce: String,
    pub(crate) webhook: String,
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
    producer: Service,
    consumers: Vec<Service>,
    http: reqwest::Client,
    control: String,
}

/// A process that says how far it is.
struct Service {
    name: &'static str,
    program: Program,
    status: String,
}

impl Services {
    async fn start(folder: &Path) -> anyhow::Result<Self> {
        let broker = Broker::start(folder).await?;
        let mut stand_ins = ours("usher-sandbox")?;
        stand_ins.args(SANDBOX).arg("--ca-file").arg(folder.join("ca.pem"));
        stand_ins.arg("--sql-database").arg(consumers::sql_database(folder));
        let mut sandbox = Program::start("usher-sandbox", stand_ins, folder)?;
        let addresses: Sandbox = sandbox.announcement().await?;
        let service = |name, app| command(name, app, &broker.connection_string, &addresses);
        let producer = start_producer(service("usher-producer", PRODUCER)?, folder).await?;
        let mut consumers = Vec::new();
        for consumer in consumers::all(&addresses, folder)? {
            let mut command = service(consumer.program, consumer.app)?;
            command.envs(consumer.settings);
            consumers.push(Service::start(consumer.program, command, folder).await?);
        }
        // A proxy in the environment is meant for the world outside.
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { broker, sandbox, producer, consumers, http, control: addresses.control })
    }

    /// Makes the sign-ups; counts the time from the first one that the producer sees to the last effect.
    async fn take_through(&self, count: u64) -> anyhow::Result<Duration> {
        let order = json!({ "sign_ups": { "count": count, "bystanders": 0, "short_lived": 0 } });
        let control = format!("{}/_control", self.control);
        let order = self.http.post(control).body(order.to_string());
        order.send().await.and_then(reqwest::Response::error_for_status).context("no sign-ups were made")?;
        let deadline = Instant::now() + AT_MOST;
        self.reaches(&self.producer, "recognised", 1, deadline).await?;
        let since = Instant::now();
        for consumer in &self.consumers {
            self.reaches(consumer, "completed", count, deadline).await?;
        }
        let took = since.elapsed();
        let effects: Effects = self.get(&format!("{}/_effects", self.control)).await?;
        if !effects.all_exact() {
            bail!("not every effect shows exactly once: {:?}", effects.totals);
        }
        Ok(took)
    }

    async fn reaches(&self, of: &Service, what: &str, least: u64, deadline: Instant) -> anyhow::Result<()> {
        loop {
            let status: Status = self.get(&of.status).await?;
            let count = status.counts.get(what).copied().unwrap_or_default();
            if count >= least {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{}: {what} has come to {count} of {least} only: {status:?}", of.name);
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> anyhow::Result<T> {
        let answer = self.http.get(url).send().await.and_then(reqwest::Response::error_for_status)?;
        serde_json::from_slice(&answer.bytes().await?).with_context(|| format!("{url} can't be read"))
    }

    fn usage(&self) -> anyhow::Result<Vec<(&'static str, Usage)>> {
        let own = [&self.producer].into_iter().chain(&self.consumers).map(|it| (it.name, &it.program));
        let local = [("usher-broker", &self.broker.program), ("usher-sandbox", &self.sandbox)];
        local.into_iter().chain(own).map(|(name, program)| Ok((name, program.usage()?))).collect()
    }

    async fn stop(self) {
        for service in self.consumers.into_iter().chain([self.producer]) {
            service.program.stop().await;
        }
        self.sandbox.stop().await;
        self.broker.program.stop().await;
    }
}

impl Service {
    async fn start(name: &'static str, command: Command, folder: &Path) -> anyhow::Result<Self> {
        let mut program = Program::start(name, command, folder)?;
        let Health { health } = program.announcement().await?;
        Ok(Self { name, program, status: format!("http://{health}/status") })
    }
}

fn command(
    name: &str,
    (client_id, client_secret): consumers::App,
    bus: &str,
    sandbox: &Sandbox,
) -> anyhow::Result<Command> {
    let mut command = ours(name)?;
    command.envs([
        ("SERVICEBUS_CONNECTION_STRING", bus),
        ("ENTRA_TENANT_ID", &TENANT_ID.to_string()),
        ("ENTRA_CLIENT_ID", &client_id.to_string()),
        ("ENTRA_CLIENT_SECRET", client_secret),
        ("ENTRA_AUTHORITY_HOST", &sandbox.login),
        ("GRAPH_ENDPOINT", &sandbox.graph),
        ("USHER_EXTRA_CA_FILE", &sandbox.ca_file),
        ("HEALTH_ADDR", "127.0.0.1:0"),
    ]);
    Ok(command)
}

async fn start_producer(mut command: Command, folder: &Path) -> anyhow::Result<Service> {
    command
        .env("SIGNUP_ACTORS", SIGN_UP_APP_ID.to_string())
        .env("EVENT_ATTRIBUTES", consumers::event_attributes())
        .env("CHECKPOINT", folder.join("checkpoint.json"))
        .envs([("START_FROM", "5m"), ("POLL_INTERVAL", "500ms")]);
    Service::start("usher-producer", command, folder).await
}
