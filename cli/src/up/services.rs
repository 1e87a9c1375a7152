//! The services of a run, in the order in which they need one another.

use std::{convert::Infallible, fs, path::Path, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use tokio::time::sleep;
use usher_service::Failure;

use super::{
    UpArgs,
    environment::{Environment, SandboxAddress},
};
use crate::{
    child::{Child, Plan},
    consumers::Consumer,
    local::{Folder, Variables, start_broker, variables_of},
};

/// For so many sign-ups one more is made whose user is deleted within minutes.
const SIGN_UPS_PER_SHORT_LIVED: u32 = 20;

/// How often a run that stays up is looked after.
const CHECK_EVERY: Duration = Duration::from_millis(500);

/// Everything that runs, in the order in which it was started.
#[derive(Default)]
pub(crate) struct Services {
    children: Vec<Child>,
    pub(crate) addresses: Addresses,
}

/// Where the services answer.
#[derive(Default)]
pub(crate) struct Addresses {
    /// The broker's connection string.
    pub(crate) bus: String,
    /// URL of the sandbox's controls.
    pub(crate) control: String,
    /// URL of the producer's status.
    pub(crate) producer: String,
    /// URL of each consumer's status.
    pub(crate) consumers: Vec<(Consumer, String)>,
}

/// What the producer and the consumers announce.
#[derive(Deserialize)]
struct Health {
    health: String,
}

impl Health {
    fn status(&self) -> String {
        format!("http://{}/status", self.health)
    }
}

impl Services {
    /// Starts them one after the other. Those that run are there to be stopped, even if a later one fails.
    ///
    /// # Errors
    /// As [`Child::start`].
    pub(crate) async fn start(&mut self, folder: &Folder, args: &UpArgs, seed: u64) -> Result<(), Failure> {
        let (broker, address) = start_broker(folder).await?;
        self.children.push(broker);
        self.addresses.bus = address.connection_string();
        let sandbox: SandboxAddress = self.add(folder, sandbox_plan(folder, args, seed)).await?;
        self.addresses.control = sandbox.control.clone();
        let environment = Environment { sandbox, bus: self.addresses.bus.clone() };
        let checkpoint = folder.path().join("checkpoint.json").display().to_string();
        let producer = plan("usher-producer", environment.producer(&checkpoint));
        self.addresses.producer = self.add::<Health>(folder, producer).await?.status();
        for consumer in Consumer::ALL {
            let variables = environment.consumer(consumer);
            let health: Health = self.add(folder, plan(&consumer.program(), variables.clone())).await?;
            self.addresses.consumers.push((consumer, health.status()));
            leave_word(&variables_of(folder.path(), consumer), &variables)?;
        }
        Ok(())
    }

    async fn add<A: DeserializeOwned>(&mut self, folder: &Folder, plan: Plan) -> Result<A, Failure> {
        let (child, announcement) = Child::start(plan, &folder.logs()).await?;
        self.children.push(child);
        Ok(announcement)
    }

    /// # Errors
    /// If one of them has ended: the first that was started is to blame, since the others need it.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        self.children.iter_mut().try_for_each(Child::check)
    }

    /// Watches them for as long as all of them run.
    ///
    /// # Errors
    /// One of them has ended.
    pub(crate) async fn until_one_ends(&mut self) -> Result<Infallible, Failure> {
        loop {
            self.check()?;
            sleep(CHECK_EVERY).await;
        }
    }

    /// Stops them: those that work with something before what they work with.
    pub(crate) async fn stop(&mut self, folder: &Folder) {
        for consumer in Consumer::ALL {
            // It may never have been written.
            let _ = fs::remove_file(variables_of(folder.path(), consumer));
        }
        for child in self.children.iter_mut().rev() {
            child.stop().await;
        }
    }
}

fn plan(program: &str, variables: Variables) -> Plan {
    let environment = variables.and([("HEALTH_ADDR", "127.0.0.1:0")]);
    Plan { program: program.to_owned(), args: Vec::new(), environment }
}

/// For `usher dlq`, while the run goes on.
fn leave_word(file: &Path, variables: &Variables) -> Result<(), Failure> {
    variables
        .write(file)
        .map_err(|e| Failure::Unavailable(format!("{} can't be written: {e}", file.display())))
}

fn sandbox_plan(folder: &Folder, args: &UpArgs, seed: u64) -> Plan {
    let short_lived = args.signups.get() / SIGN_UPS_PER_SHORT_LIVED;
    let args = [
        format!("--ca-file={}", folder.path().join("ca.pem").display()),
        format!("--seed={seed}"),
        format!("--signups={}", args.signups),
        format!("--rate={}", args.rate),
        format!("--short-lived={short_lived}"),
        "--refused-email".to_owned(),
    ];
    Plan { program: "usher-sandbox".to_owned(), args: args.into(), environment: Variables::default() }
}
