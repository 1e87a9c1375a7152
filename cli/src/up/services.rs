//! The services of a run, in the order in which they need one another.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt, fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;
use usher_service::Failure;

use super::{
    UpArgs,
    environment::{Environment, RULES, SALESFORCE_PRIVATE_KEY, SandboxAddress},
    ledger::JUDGED,
};
use crate::{
    child::{Child, Plan},
    consumers::Consumer,
    local::{ANY_PORT, BrokerAddress, Folder, Variables, broker_plan, variables_file, variables_of},
};

/// The producer, as its settings' file is named.
const PRODUCER: &str = "producer";

/// For so many sign-ups one more is made whose user is deleted within minutes.
const SIGN_UPS_PER_SHORT_LIVED: u32 = 20;

/// How often a run that stays up is looked after.
const CHECK_EVERY: Duration = Duration::from_millis(500);
/// How long a service that was killed is started again and again if what it depends on isn't there: an outage that
/// chaos has ordered, and a start or two that fail by chance.
const START_AGAIN_WITHIN: Duration = Duration::from_secs(60);
/// The wait between two such starts: as short as an orchestrator's first.
const START_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Broker,
    Sandbox,
    Producer,
    Consumer(Consumer),
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broker => "broker",
            Self::Sandbox => "sandbox",
            Self::Producer => PRODUCER,
            Self::Consumer(consumer) => consumer.name(),
        })
    }
}

/// Everything that runs.
pub(crate) struct Services<'a> {
    folder: &'a Folder,
    /// In the order in which they were started.
    all: Vec<Service>,
    pub(crate) addresses: Addresses,
}

struct Service {
    part: Part,
    plan: Plan,
    life: Life,
}

impl Service {
    async fn stop(&mut self) {
        match &mut self.life {
            Life::Runs(child) => child.stop().await,
            Life::Returns(start) => start.abort(),
        }
    }
}

enum Life {
    Runs(Box<Child>),
    /// Killed, and on its way back.
    Returns(AbortOnDropHandle<Result<(Child, Health), Failure>>),
}

/// Where the services answer.
#[derive(Default)]
pub(crate) struct Addresses {
    /// The broker's connection string.
    pub(crate) bus: String,
    /// URL of the sandbox's controls.
    pub(crate) control: String,
    /// URL of each service's status; the sandbox has none.
    pub(crate) status: BTreeMap<Part, String>,
}

/// What every service with a status announces of it.
#[derive(Deserialize)]
struct Health {
    health: String,
}

impl Health {
    fn status(&self) -> String {
        format!("http://{}/status", self.health)
    }
}

impl<'a> Services<'a> {
    /// None yet.
    pub(crate) fn in_folder(folder: &'a Folder) -> Self {
        Self { folder, all: Vec::new(), addresses: Addresses::default() }
    }

    /// Starts them, those that need nothing of one another at once. Those that run are there to be stopped, even if
    /// another fails.
    ///
    /// # Errors
    /// As [`Child::start`]; the folder can't be written.
    pub(crate) async fn start(&mut self, args: &UpArgs, seed: u64) -> Result<(), Failure> {
        self.start_broker().await?;
        let sandbox: SandboxAddress =
            self.add(Part::Sandbox, sandbox_plan(self.folder.path(), args, seed)).await?;
        self.addresses.control = sandbox.control.clone();
        let environment = self.environment(sandbox)?;
        self.add_all(services(&environment)).await?;
        self.write_variables(&environment)
    }

    /// Those that are told where the broker and the vendors are, all at once.
    async fn add_all(&mut self, plans: Vec<(Part, Plan)>) -> Result<(), Failure> {
        let logs = self.folder.logs();
        let start = |(part, plan): (Part, Plan)| {
            let logs = &logs;
            async move { (part, Child::start::<Health>(&plan, logs).await, plan) }
        };
        let mut starting: FuturesUnordered<_> = plans.into_iter().map(start).collect();
        while let Some((part, started, plan)) = starting.next().await {
            let (child, health) = started?;
            self.all.push(Service { part, plan, life: Life::Runs(Box::new(child)) });
            self.addresses.status.insert(part, health.status());
        }
        // As if one after the other: who is needed by others comes first, and to blame first.
        self.all.sort_by_key(|service| service.part);
        Ok(())
    }

    /// For `usher dlq` and other commands, while the run goes on.
    fn write_variables(&self, environment: &Environment) -> Result<(), Failure> {
        let producer = (variables_file(self.folder.path(), PRODUCER), environment.producer());
        let consumer = |it| (variables_of(self.folder.path(), it), environment.consumer(it));
        let mut files = [producer].into_iter().chain(Consumer::all().into_iter().map(consumer));
        files.try_for_each(|(file, variables)| {
            variables.write(&file).map_err(|error| unwritable(&file, &error))
        })
    }

    async fn start_broker(&mut self) -> Result<(), Failure> {
        let address: BrokerAddress = self.add(Part::Broker, broker_plan(self.folder, ANY_PORT)).await?;
        self.addresses.bus = address.connection_string();
        let health = Health { health: address.health.clone() };
        self.addresses.status.insert(Part::Broker, health.status());
        // Started again, it must be found where it was.
        if let Some(broker) = self.all.last_mut() {
            broker.plan = broker_plan(self.folder, &address.amqp);
        }
        Ok(())
    }

    fn environment(&self, sandbox: SandboxAddress) -> Result<Environment, Failure> {
        let rules = self.folder.path().join("birthrights.toml");
        fs::write(&rules, RULES).map_err(|error| unwritable(&rules, &error))?;
        let key = self.folder.path().join("salesforce-key.pem");
        write_secret(&key, SALESFORCE_PRIVATE_KEY).map_err(|error| unwritable(&key, &error))?;
        Ok(Environment {
            sandbox,
            bus: self.addresses.bus.clone(),
            checkpoint: self.folder.path().join("checkpoint.json").display().to_string(),
            rules: rules.display().to_string(),
            salesforce_key: key.display().to_string(),
            sql_database: sql_database(self.folder.path()).display().to_string(),
        })
    }

    async fn add<A: DeserializeOwned>(&mut self, part: Part, plan: Plan) -> Result<A, Failure> {
        let (child, announcement) = Child::start(&plan, &self.folder.logs()).await?;
        self.all.push(Service { part, plan, life: Life::Runs(Box::new(child)) });
        Ok(announcement)
    }

    /// Kills a service (SIGKILL), to start it again after a while. False if it is not back from the last time.
    ///
    /// # Errors
    /// It had ended by itself.
    pub(crate) async fn kill(&mut self, part: Part, down_for: Duration) -> Result<bool, Failure> {
        let logs = self.folder.logs();
        let service = self.all.iter_mut().find(|service| service.part == part);
        let Some(Service { plan, life, .. }) = service else { return Ok(false) };
        let Life::Runs(child) = life else { return Ok(false) };
        child.kill().await?;
        // Somebody else may come to listen there.
        self.addresses.status.remove(&part);
        let plan = plan.clone();
        *life = Life::Returns(AbortOnDropHandle::new(tokio::spawn(async move {
            sleep(down_for).await;
            start_again(&plan, &logs).await
        })));
        Ok(true)
    }

    /// Sees to it that all of them run, or are on their way back.
    ///
    /// # Errors
    /// If one of them has ended by itself: the first that was started is to blame, since the others need it. If one
    /// that was killed doesn't start again.
    pub(crate) async fn check(&mut self) -> Result<(), Failure> {
        for Service { part, life, .. } in &mut self.all {
            match life {
                Life::Runs(child) => child.check()?,
                Life::Returns(start) if start.is_finished() => {
                    let (child, health) = start.await.map_err(anyhow::Error::from)??;
                    self.addresses.status.insert(*part, health.status());
                    *life = Life::Runs(Box::new(child));
                }
                Life::Returns(_) => {}
            }
        }
        Ok(())
    }

    /// Whether none is on its way back.
    pub(crate) fn all_run(&self) -> bool {
        self.all.iter().all(|service| matches!(service.life, Life::Runs(_)))
    }

    /// Watches them for as long as all of them run.
    ///
    /// # Errors
    /// One of them has ended.
    pub(crate) async fn until_one_ends(&mut self) -> Result<Infallible, Failure> {
        loop {
            self.check().await?;
            sleep(CHECK_EVERY).await;
        }
    }

    /// Stops them: those that work with something before what they work with. The consumers at once: each may take as
    /// long as a delivery in hand, and longest where the broker is gone.
    pub(crate) async fn stop(&mut self) {
        let of_consumers = Consumer::all().into_iter().map(|it| variables_of(self.folder.path(), it));
        for file in of_consumers.chain([variables_file(self.folder.path(), PRODUCER)]) {
            // It may never have been written.
            let _ = fs::remove_file(file);
        }
        let (consumers, others): (Vec<_>, Vec<_>) =
            self.all.iter_mut().partition(|service| matches!(service.part, Part::Consumer(_)));
        join_all(consumers.into_iter().map(Service::stop)).await;
        for service in others.into_iter().rev() {
            service.stop().await;
        }
    }
}

/// As an orchestrator does: if it misses what it depends on, a little later again.
async fn start_again(plan: &Plan, logs: &Path) -> Result<(Child, Health), Failure> {
    let end = Instant::now() + START_AGAIN_WITHIN;
    loop {
        match Child::start(plan, logs).await {
            Err(Failure::Unavailable(_)) if Instant::now() < end => sleep(START_AGAIN_AFTER).await,
            ended => return ended,
        }
    }
}

/// How many more sign up whose users are deleted within minutes.
pub(crate) fn short_lived(args: &UpArgs) -> u32 {
    args.signups.get() / SIGN_UPS_PER_SHORT_LIVED
}

/// The producer and the consumers.
fn services(environment: &Environment) -> Vec<(Part, Plan)> {
    let producer = (Part::Producer, plan("usher-producer", environment.producer()));
    let consumer = |it: Consumer| (Part::Consumer(it), plan(&it.program(), environment.consumer(it)));
    [producer].into_iter().chain(Consumer::all().into_iter().map(consumer)).collect()
}

fn plan(program: &str, environment: Variables) -> Plan {
    let environment = environment.and([("HEALTH_ADDR", ANY_PORT)]);
    Plan { program: program.to_owned(), args: Vec::new(), environment }
}

/// Where the consumer sql writes, and the stand-ins' ledger reads.
fn sql_database(folder: &Path) -> PathBuf {
    folder.join("signups.db")
}

/// Nobody else on the machine may read it, as little as it opens: a key of one's own deserves no less.
fn write_secret(file: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::Unavailable(format!("{} can't be written: {error}", file.display()))
}

fn sandbox_plan(folder: &Path, args: &UpArgs, seed: u64) -> Plan {
    let args = [
        format!("--ca-file={}", folder.join("ca.pem").display()),
        format!("--seed={seed}"),
        format!("--consumers={}", judged().join(",")),
        format!("--sql-database={}", sql_database(folder).display()),
        format!("--signups={}", args.signups),
        format!("--rate={}", args.rate),
        format!("--short-lived={}", short_lived(args)),
        "--refused-email".to_owned(),
        "--refused-by-mailchimp=1".to_owned(),
        "--unsubscribed=1".to_owned(),
        "--refused-by-salesforce=1".to_owned(),
    ];
    Plan { program: "usher-sandbox".to_owned(), args: args.into(), environment: Variables::default() }
}

/// The consumers that run here and that the ledger judges.
fn judged() -> Vec<&'static str> {
    Consumer::all().into_iter().map(Consumer::name).filter(|name| JUDGED.contains(name)).collect()
}
