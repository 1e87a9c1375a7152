//! `usher-broker`: Service Bus on one machine.

mod settings;

use std::{process::ExitCode, time::Duration};

use serde_json::json;
use settings::Settings;
use tokio_util::task::AbortOnDropHandle;
use usher_broker::wire::{Gauges, OpenError, RunError, Server};
use usher_clock::Clock;
use usher_service::{Failure, Health, Shutdown};

/// How old a gauge may be when it is read.
const GAUGE_AGE: Duration = Duration::from_millis(250);

fn main() -> ExitCode {
    usher_service::run("usher-broker", serve)
}

async fn serve(settings: Settings, shutdown: Shutdown) -> Result<(), Failure> {
    let health_address = settings.health_addr;
    let server = Server::open(settings.into_options()?, Clock::system()).await.map_err(unopened)?;
    let health = Health::new();
    let _gauges = AbortOnDropHandle::new(tokio::spawn(show(server.gauges(), health.clone())));
    let served = match health_address {
        Some(address) => Some(health.serve(address, shutdown.clone()).await?),
        None => None,
    };
    let health_address = served.as_ref().map(|(address, _)| address.to_string());
    usher_service::announce(&json!({ "amqp": server.address().to_string(), "health": health_address }));
    server.run(shutdown.requested()).await.map_err(stopped)
}

/// A wrong setting would fail again; a port or a data directory in use may be free next time.
fn unopened(error: OpenError) -> Failure {
    match &error {
        OpenError::Listen { .. } => Failure::Unavailable(error.to_string()),
        OpenError::Store(store) if store.is_setting() => Failure::setting("USHER_BROKER_DATA", error),
        OpenError::Store(_) => Failure::Unavailable(error.to_string()),
    }
}

fn stopped(error: RunError) -> Failure {
    match error {
        RunError::Store(_) => Failure::Unavailable(error.to_string()),
        RunError::Broken(_) => Failure::Other(error.into()),
    }
}

async fn show(gauges: Gauges, health: Health) {
    let mut every = tokio::time::interval(GAUGE_AGE);
    loop {
        every.tick().await;
        for counts in gauges.read() {
            health.gauge(&format!("{}.available", counts.queue), counts.available as u64);
            health.gauge(&format!("{}.locked", counts.queue), counts.locked as u64);
            health.gauge(&format!("{}.dead", counts.queue), counts.dead as u64);
        }
    }
}
