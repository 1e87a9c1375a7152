//! What a consumer is.

use std::{future::Future, time::Duration};

use async_trait::async_trait;
use thiserror::Error;
use usher_clock::Clock;
use usher_entra::{EntraSettings, Graph};
use usher_event::Event;
use usher_http::{Failure, HttpClient, QuotaUse};
use uuid::Uuid;

use crate::{GraphUse, Outcome, Presence};

/// The effect of a sign-up somewhere, and a way to see whether that somewhere is there.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The tenant whose sign-ups we act on; an event of any other is rejected.
    fn tenant_id(&self) -> Uuid;

    /// Why nothing is to be done for this sign-up, in a word or two for the counters, if the event alone says so.
    /// Asked before its age is judged: what nobody would have acted on is not kept as a dead letter for being old.
    fn passes_over(&self, _event: &Event) -> Option<&'static str> {
        None
    }

    /// Brings the effect about. May be called any number of times for one event, also at the same time by
    /// another process: the effect must show once all the same.
    async fn handle(&self, event: &Event) -> Outcome;

    /// Asks the destination something harmless, with our credentials and without any message.
    ///
    /// # Errors
    /// Which destination can't serve us now, and why.
    async fn probe(&self) -> Result<(), Down>;

    /// Whether the effect of this sign-up shows at the destination, for `usher reconcile`. Only reads; who is passed
    /// over, and what is too old to be acted on, need not be looked at here.
    ///
    /// # Errors
    /// The destination could not be asked.
    async fn presence(&self, _event: &Event) -> Result<Presence, Failure> {
        Ok(Presence::Unknown("the destination can't be asked"))
    }
}

/// A destination that can't serve us.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{vendor}: {failure}")]
pub struct Down {
    /// Its name.
    pub vendor: &'static str,
    /// The setting to mend if it refuses us: the one that holds our credentials, or that names what isn't there.
    pub setting: &'static str,
    /// What it answered, or that it didn't.
    pub failure: Failure,
}

/// A handler that can be made from settings: a binary of its own.
pub trait Consumer: Handler + Sized {
    /// Its name: that of its subscription, and `usher-{NAME}` is its binary and its service in traces.
    const NAME: &'static str;
    /// What it does, for `--help`.
    const ABOUT: &'static str;
    /// Events older than this are rejected unless `MAX_EVENT_AGE` says otherwise. `None`: age does not matter.
    const MAX_EVENT_AGE: Option<Duration> = None;
    /// Its own settings, beside the runtime's.
    type Settings: clap::Args + Send;
    /// Commands of its own, beside those of the runtime; [`NoCommand`] if it has none.
    type Command: clap::Subcommand + Send;

    /// Makes it. Checks its settings; talks to nobody yet.
    ///
    /// # Errors
    /// [`usher_service::Failure::Setting`] names the setting at fault.
    fn new(settings: Self::Settings, ports: Ports) -> Result<Self, usher_service::Failure>;

    /// How it uses Graph, for `probe` to compare with what its app registration may do; `None` if it does not.
    fn graph(&self) -> Option<GraphUse<'_>> {
        None
    }

    /// The destination's quotas that it keeps to, to be measured. Graph's the runtime sees by itself.
    fn quotas(&self) -> Vec<QuotaUse> {
        Vec::new()
    }

    /// Carries out a command of its own, without a broker: its settings and [`Ports`] are all that it has. It is
    /// dropped when the operator stops it.
    ///
    /// # Errors
    /// As the command says.
    fn command(
        self,
        command: Self::Command,
    ) -> impl Future<Output = Result<(), usher_service::Failure>> + Send;
}

/// The commands of a consumer that has none of its own.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub enum NoCommand {}

/// The ways in which a consumer touches the world.
#[derive(Clone)]
pub struct Ports {
    /// Outbound HTTP.
    pub http: HttpClient,
    /// The wall clock.
    pub clock: Clock,
}

impl Ports {
    /// Graph, asked as these settings say; nothing is sent yet.
    ///
    /// # Errors
    /// [`usher_service::Failure::Setting`] names the setting at fault.
    pub fn graph(&self, entra: &EntraSettings) -> Result<Graph, usher_service::Failure> {
        let graph = entra.graph(self.http.clone(), self.clock);
        graph.map_err(|error| usher_service::Failure::setting(error.setting(), error))
    }
}
