//! A consumer for tests, with a setting and commands of its own.

use async_trait::async_trait;
use clap::{Args, Subcommand};
use usher_event::Event;
use usher_service::Failure;
use uuid::Uuid;

use crate::{Consumer, Down, Handler, Outcome, Ports};

/// Finds its destination as it is told; `None`: gets no answer.
pub(crate) struct Greeter {
    pub(crate) destination: Option<Result<(), Down>>,
}

/// What a consumer's settings are.
#[derive(Args)]
pub(crate) struct Greeting {
    /// What is said.
    #[arg(long, env = "GREETING_FOR_A_TEST")]
    pub(crate) greeting: String,
}

/// What its commands are.
#[derive(Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum GreeterCommand {
    /// Show how somebody would be greeted.
    ///
    /// Nobody is greeted.
    Rehearse {
        /// Who
        name: String,
    },
    /// Do nothing until stopped.
    Wait,
}

#[async_trait]
impl Handler for Greeter {
    fn tenant_id(&self) -> Uuid {
        Uuid::nil()
    }

    async fn handle(&self, _: &Event) -> Outcome {
        Outcome::Done
    }

    async fn probe(&self) -> Result<(), Down> {
        match &self.destination {
            Some(answer) => answer.clone(),
            None => std::future::pending().await,
        }
    }
}

impl Consumer for Greeter {
    const NAME: &'static str = "greeter";
    const ABOUT: &'static str = "Greets every new customer.";
    type Settings = Greeting;
    type Command = GreeterCommand;

    fn new(_: Greeting, _: Ports) -> Result<Self, Failure> {
        Ok(Self { destination: Some(Ok(())) })
    }

    async fn command(self, command: GreeterCommand) -> Result<(), Failure> {
        match command {
            GreeterCommand::Rehearse { name } => Err(Failure::Negative(format!("{name} is not there"))),
            GreeterCommand::Wait => std::future::pending().await,
        }
    }
}
