//! The services of a run, in the order in which they need one another.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    fmt, fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
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
    real::{Edge, Edges, Real},
    stand_ins::{sandbox_plan, sql_database},
};
use crate::{
    child::{Child, Plan},
    consumers::Consumer,
    local::{
        ANY_PORT, BrokerAddress, Folder, RunAddresses, Variables, broker_plan, variables_file, variables_of,
    },
};

/// The producer, as its settings' file is named.
pub(crate) const PRODUCER: &str = "producer";

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
    /// The edges that are real: for those there is no stand-in to start.
    edges: Edges,
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
    /// The broker's connection string; empty if that is none of ours.
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
        Self { folder, all: Vec::new(), addresses: Addresses::default(), edges: Edges::default() }
    }

    /// Starts them, those that need nothing of one another at once. Those that run are there to be stopped, even if
    /// another fails. `telemetry`: what they are told of where traces and metrics go; `real`: of the edges that are no
    /// stand-ins.
    ///
    /// # Errors
    /// As [`Child::start`]; the folder can't be written.
    pub(crate) async fn start(
        &mut self,
        args: &UpArgs,
        seed: u64,
        telemetry: Variables,
        real: Real,
    ) -> Result<(), Failure> {
        self.edges = real.edges().clone();
        if !self.edges.contains(Edge::Servicebus) {
            self.start_broker().await?;
        }
        let plan = sandbox_plan(self.folder.path(), args, seed, &self.edges);
        let sandbox: SandboxAddress = self.add(Part::Sandbox, plan).await?;
        self.addresses.control = sandbox.control.clone();
        let environment = self.environment(sandbox, telemetry, real)?;
        self.add_all(services(&environment)).await?;
        self.write_addresses()?;
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
        let producer = (variables_file(self.folder.path(), PRODUCER), environment.producer_in_file());
        let consumer = |it| (variables_of(self.folder.path(), it), environment.consumer_in_file(it));
        let mut files = [producer].into_iter().chain(Consumer::all().into_iter().map(consumer));
        files.try_for_each(|(file, variables)| {
            variables.write(&file).map_err(|error| unwritable(&file, &error))
        })
    }

    /// For `usher status` and other commands, while the run goes on: what was killed answers elsewhere once it is back.
    fn write_addresses(&self) -> Result<(), Failure> {
        let Addresses { control, status, .. } = &self.addresses;
        let status = status.iter().map(|(part, url)| (part.to_string(), url.clone())).collect();
        let run = RunAddresses { control: control.clone(), status, real: self.edges.names() };
        let folder = self.folder.path();
        run.write(folder).map_err(|error| unwritable(&RunAddresses::file(folder), &error))
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

    fn environment(
        &self,
        sandbox: SandboxAddress,
        telemetry: Variables,
        real: Real,
    ) -> Result<Environment, Failure> {
        let rules = self.folder.path().join("birthrights.toml");
        fs::write(&rules, RULES).map_err(|error| unwritable(&rules, &error))?;
        let key = self.folder.path().join("salesforce-key.pem");
        write_secret(&key, SALESFORCE_PRIVATE_KEY).map_err(|error| unwritable(&key, &error))?;
        let authorities = self.folder.path().join("authorities.pem");
        if let Some(theirs) = real.authorities_beside() {
            both(&sandbox.ca_file, theirs, &authorities).map_err(|error| unwritable(&authorities, &error))?;
        }
        Ok(Environment {
            sandbox,
            bus: self.addresses.bus.clone(),
            checkpoint: self.folder.path().join("checkpoint.json").display().to_string(),
            rules: rules.display().to_string(),
            salesforce_key: key.display().to_string(),
            sql_database: sql_database(self.folder.path()).display().to_string(),
            telemetry,
            real,
            authorities: authorities.display().to_string(),
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
        self.write_addresses()?;
        Ok(true)
    }

    /// Sees to it that all of them run, or are on their way back.
    ///
    /// # Errors
    /// If one of them has ended by itself: the first that was started is to blame, since the others need it. If one
    /// that was killed doesn't start again.
    pub(crate) async fn check(&mut self) -> Result<(), Failure> {
        let mut returned = false;
        for Service { part, life, .. } in &mut self.all {
            match life {
                Life::Runs(child) => child.check()?,
                Life::Returns(start) if start.is_finished() => {
                    let (child, health) = start.await.map_err(anyhow::Error::from)??;
                    self.addresses.status.insert(*part, health.status());
                    *life = Life::Runs(Box::new(child));
                    returned = true;
                }
                Life::Returns(_) => {}
            }
        }
        if returned { self.write_addresses() } else { Ok(()) }
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
        let folder = self.folder.path();
        let others = [variables_file(folder, PRODUCER), RunAddresses::file(folder)];
        for file in of_consumers.chain(others) {
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

/// Nobody else on the machine may read it, as little as it opens: a key of one's own deserves no less.
fn write_secret(file: &Path, text: &str) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    file.write_all(text.as_bytes())
}

/// The stand-ins' authority and the operator's in one file.
fn both(stand_ins: &str, theirs: &str, file: &Path) -> io::Result<()> {
    fs::write(file, format!("{}\n{theirs}", fs::read_to_string(stand_ins)?))
}

fn unwritable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::Unavailable(format!("{} can't be written: {error}", file.display()))
}
