//! From the settings to a running producer. Everything that can be wrong is found out before anything starts.

use std::sync::Arc;

use serde_json::json;
use usher_bus::{Bus, BusError, ServiceBus};
use usher_clock::Clock;
use usher_entra::{CredentialError, Graph};
use usher_service::{Failure, Health, Shutdown};

use crate::{
    Checkpoint, CheckpointError, Command, Held, Kept, MemoryCheckpoint, NotPolled, Polled, Producer, Relay,
    Settings, backfill, dry_run::Printer, examine, functions, roll,
};

/// Does what the command line says, until it is told to stop or has done it.
///
/// # Errors
/// [`Failure::Setting`] if a setting or the checkpoint is wrong or our credentials are refused,
/// [`Failure::Unavailable`] if Entra, the broker or the checkpoint can't be reached, if another producer on this machine
/// has it or, with `--once`, a poll did not go through.
pub async fn start(mut settings: Settings, shutdown: Shutdown) -> Result<(), Failure> {
    match settings.command.take() {
        None => Box::pin(produce(settings, shutdown)).await,
        Some(Command::Backfill(args)) => Box::pin(backfill::carry_out(settings, args, shutdown)).await,
        Some(Command::Functions(args)) => Box::pin(functions::serve(settings, args, shutdown)).await,
        Some(Command::Roll(args)) => Box::pin(roll::start(settings, args, shutdown)).await,
        Some(Command::Probe) => Box::pin(examine::probe(settings)).await,
    }
}

async fn produce(settings: Settings, shutdown: Shutdown) -> Result<(), Failure> {
    let graph = graph(&settings)?;
    // A dry run needs no bus, and so no settings of one.
    let bus = if settings.dry_run { None } else { Some(bus(&settings)?) };
    let kept = settings.checkpoint.open(settings.http.extra_ca_file.as_deref())?;
    let found = Checkpoint::open(kept.store.as_ref(), &settings.policy(), Clock::system().now()).await;
    let found = found.map_err(unusable)?;
    let Some(bus) = bus else { return dry_run(&settings, graph, &found, &shutdown).await };
    let health = Health::measured();
    let ended = match relay(&settings, graph, &bus, kept, health.clone()).await {
        Ok(relay) => run(&settings, relay, health, shutdown).await,
        Err(failure) => Err(failure),
    };
    bus.close().await;
    ended
}

pub(crate) fn graph(settings: &Settings) -> Result<Graph, Failure> {
    let http = settings.http.client().map_err(|error| Failure::setting("USHER_EXTRA_CA_FILE", error))?;
    let graph = settings.entra.graph(http, Clock::system());
    graph.map_err(|error| Failure::setting(error.setting(), error))
}

pub(crate) fn bus(settings: &Settings) -> Result<ServiceBus, Failure> {
    let bus = ServiceBus::connect(&settings.bus, settings.http.extra_ca_file.as_deref());
    bus.map_err(|error| Failure::setting(error.setting(), &error))
}

/// A producer that waits for its turn, once it is known that Entra and the bus take us.
pub(crate) async fn relay(
    settings: &Settings,
    graph: Graph,
    bus: &ServiceBus,
    kept: Kept,
    health: Health,
) -> Result<Relay, Failure> {
    let publisher = bus.publisher(settings.bus.topic()).await.map_err(|error| no_bus(settings, error))?;
    let metrics = health.metrics().clone();
    graph.watch_credential(move |expiry| metrics.credential_expires(expiry.kind.setting(), expiry.at));
    graph.check_token().await.map_err(no_token)?;
    Ok(Relay::new(settings.policy(), graph, publisher, kept, Clock::system(), health))
}

/// Tells the operator what a poll would publish, and leaves everything as it was.
async fn dry_run(
    settings: &Settings,
    graph: Graph,
    found: &Checkpoint,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    graph.check_token().await.map_err(no_token)?;
    let store = Box::new(MemoryCheckpoint::holding(Some(found)));
    let (printer, clock) = (Arc::new(Printer::new(std::io::stdout())), Clock::system());
    let producer = Producer::new(settings.policy(), graph, printer, store, clock, Health::new());
    producer.await.map_err(unusable)?.once(shutdown).await.map_err(not_through)
}

async fn run(
    settings: &Settings,
    mut relay: Relay,
    health: Health,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    if settings.once {
        let polled = once(&mut relay, &shutdown).await?;
        if polled == Polled::AnotherWorks {
            println!("{polled}");
        }
        return Ok(());
    }
    // Before the checkpoint is written for the first time: a wrong address must leave nothing behind.
    let served = match settings.health_addr {
        Some(address) => Some(health.serve(address, shutdown.clone()).await?),
        None => None,
    };
    let address = served.as_ref().map(|(bound, _)| *bound);
    let mut announcement = Some(json!({ "service": "producer", "health": address }));
    let started = || {
        if let Some(announcement) = announcement.take() {
            usher_service::announce(&announcement);
        }
    };
    relay.run(&shutdown, started).await.map_err(unusable)?;
    if let Some((_, serving)) = served {
        // It only answers questions: that it ended badly changes nothing.
        let _ = serving.await;
    }
    Ok(())
}

/// One poll, if no other producer works.
pub(crate) async fn once(relay: &mut Relay, shutdown: &Shutdown) -> Result<Polled, Failure> {
    relay.once(shutdown).await.map_err(|problem| match problem {
        NotPolled::Checkpoint(error) => unusable(error),
        NotPolled::Held(held) => not_through(held),
    })
}

pub(crate) fn unusable(error: CheckpointError) -> Failure {
    match error {
        CheckpointError::Future => Failure::setting("START_FROM", error),
        error if error.passes() => Failure::Unavailable(format!("CHECKPOINT: {error}")),
        error => Failure::setting("CHECKPOINT", error),
    }
}

pub(crate) fn no_token(error: CredentialError) -> Failure {
    let said = format!("{error}: {}", error.remedy());
    match error.setting() {
        Some(setting) => Failure::setting(setting, said),
        None => Failure::Unavailable(said),
    }
}

pub(crate) fn no_bus(settings: &Settings, error: BusError) -> Failure {
    let check = match error {
        BusError::Unauthorized { .. } => {
            let said = format!("{error}: check that the key or identity may send to the topic");
            return Failure::setting(settings.bus.credential_setting(), said);
        }
        BusError::NotFound { .. } => "check SERVICEBUS_TOPIC, and that the topic has been made",
        _ => {
            "check SERVICEBUS_CONNECTION_STRING or SERVICEBUS_NAMESPACE, and whether the network lets us through"
        }
    };
    Failure::Unavailable(format!("{error}: {check}"))
}

fn not_through(held: Held) -> Failure {
    Failure::Unavailable(format!("the poll did not go through: {held}"))
}
