//! From the settings to a running producer. Everything that can be wrong is found out before anything starts.

use std::sync::Arc;

use serde_json::json;
use usher_bus::{Bus, BusError, Publisher, ServiceBus};
use usher_clock::Clock;
use usher_entra::{CredentialError, Graph};
use usher_service::{Failure, Health, Shutdown};

use crate::{
    Checkpoint, CheckpointError, CheckpointStore, Command, FileCheckpoint, Held, MemoryCheckpoint, Producer,
    Settings, backfill, dry_run::Printer, examine, roll,
};

/// Does what the command line says, until it is told to stop or has done it.
///
/// # Errors
/// [`Failure::Setting`] if a setting or the checkpoint is wrong or our credentials are refused,
/// [`Failure::Unavailable`] if Entra or the broker can't be reached or, with `--once`, a poll did not go through.
pub async fn start(mut settings: Settings, shutdown: Shutdown) -> Result<(), Failure> {
    match settings.command.take() {
        None => Box::pin(produce(settings, shutdown)).await,
        Some(Command::Backfill(args)) => Box::pin(backfill::carry_out(settings, args, shutdown)).await,
        Some(Command::Roll(args)) => Box::pin(roll::start(settings, args, shutdown)).await,
        Some(Command::Probe) => Box::pin(examine::probe(settings)).await,
    }
}

async fn produce(settings: Settings, shutdown: Shutdown) -> Result<(), Failure> {
    let http = settings.http.client().map_err(|error| Failure::setting("USHER_EXTRA_CA_FILE", error))?;
    let graph = settings.entra.graph(http, Clock::system());
    // A dry run needs no bus, and so no settings of one.
    let bus = if settings.dry_run { None } else { Some(bus(&settings)?) };
    let store = FileCheckpoint::new(settings.checkpoint.clone());
    let found = Checkpoint::open(&store, &settings.policy(), Clock::system().now()).await.map_err(setting)?;
    let Some(bus) = bus else { return dry_run(&settings, graph, &found, &shutdown).await };
    let publisher = bus.publisher(settings.bus.topic()).await.map_err(|error| no_bus(&settings, error))?;
    let ended = run(&settings, graph, publisher, store, shutdown).await;
    bus.close().await;
    ended
}

pub(crate) fn bus(settings: &Settings) -> Result<ServiceBus, Failure> {
    let bus = ServiceBus::connect(&settings.bus, settings.http.extra_ca_file.as_deref());
    bus.map_err(|error| Failure::setting(error.setting(), &error))
}

/// Tells the operator what a poll would publish, and leaves everything as it was.
async fn dry_run(
    settings: &Settings,
    graph: Graph,
    found: &Checkpoint,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let store = MemoryCheckpoint::holding(Some(found));
    let printer = Arc::new(Printer::new(std::io::stdout()));
    let mut producer = producer(settings, graph, printer, Box::new(store), Health::new()).await?;
    producer.once(shutdown).await.map_err(not_through)
}

async fn run(
    settings: &Settings,
    graph: Graph,
    publisher: Arc<dyn Publisher>,
    store: FileCheckpoint,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let health = Health::new();
    if settings.once {
        let mut producer = producer(settings, graph, publisher, Box::new(store), health).await?;
        return producer.once(&shutdown).await.map_err(not_through);
    }
    // Before the checkpoint is written for the first time: a wrong address must leave nothing behind.
    let served = match settings.health_addr {
        Some(address) => Some(health.serve(address, shutdown.clone()).await?),
        None => None,
    };
    let mut producer = producer(settings, graph, publisher, Box::new(store), health).await?;
    let address = served.as_ref().map(|(bound, _)| bound);
    usher_service::announce(&json!({ "service": "producer", "health": address }));
    producer.run(shutdown).await;
    if let Some((_, serving)) = served {
        // It only answers questions: that it ended badly changes nothing.
        let _ = serving.await;
    }
    Ok(())
}

async fn producer(
    settings: &Settings,
    graph: Graph,
    publisher: Arc<dyn Publisher>,
    store: Box<dyn CheckpointStore>,
    health: Health,
) -> Result<Producer, Failure> {
    graph.check_token().await.map_err(no_token)?;
    let producer = Producer::new(settings.policy(), graph, publisher, store, Clock::system(), health);
    producer.await.map_err(setting)
}

fn setting(error: CheckpointError) -> Failure {
    let name = if error == CheckpointError::Future { "START_FROM" } else { "CHECKPOINT" };
    Failure::setting(name, error)
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
