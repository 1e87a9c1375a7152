//! The consumer that is measured: the runtime of every consumer, around a handler that does nothing.
//!
//! As its counterpart on the SDK does, it prints `first` when it has the first message and `last` when the broker has
//! confirmed the last settlement, and then waits to be measured until it is told to stop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio_util::task::AbortOnDropHandle;
use usher_bus::{Bus, BusError, BusSettings, Entity, ServiceBus};
use usher_clock::Clock;
use usher_event::Event;
use usher_service::{Failure, Health, Shutdown};
use usher_subscriber::{Down, Handler, Limits, Outcome, Subscriber};
use uuid::Uuid;

use crate::events;

/// How often we look whether all is settled; a thousandth of what a run takes.
const LOOK_EVERY: Duration = Duration::from_millis(2);

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    bus: BusSettings,
    #[command(flatten)]
    limits: Limits,
    /// How many messages there are to consume
    #[arg(long, value_name = "N")]
    messages: u64,
}

/// Consumes until told to stop.
pub(crate) async fn run(args: Args, shutdown: Shutdown) -> Result<(), Failure> {
    let bus = ServiceBus::connect(&args.bus, None).map_err(|e| Failure::setting(e.setting(), e))?;
    let unavailable = |error: BusError| Failure::Unavailable(error.to_string());
    let subscription = Entity::subscription(args.bus.topic(), "billing");
    let receiver = bus.receiver(&subscription).await.map_err(unavailable)?;
    let health = Health::new();
    let _telling = AbortOnDropHandle::new(tokio::spawn(tell_the_last(health.clone(), args.messages)));
    let handler = NoOp { tenant_id: events::sample()?.data.tenant_id, begun: AtomicBool::new(false) };
    let subscriber =
        Subscriber::new("noop", Arc::new(handler), receiver, args.limits, None, Clock::system(), health);
    subscriber.run(shutdown).await.map_err(unavailable)
}

async fn tell_the_last(health: Health, messages: u64) {
    while health.status().counts.get("completed").is_none_or(|completed| *completed < messages) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    println!("last");
}

struct NoOp {
    tenant_id: Uuid,
    begun: AtomicBool,
}

#[async_trait]
impl Handler for NoOp {
    fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    async fn handle(&self, _event: &Event) -> Outcome {
        if !self.begun.swap(true, Ordering::Relaxed) {
            println!("first");
        }
        Outcome::Done
    }

    async fn probe(&self) -> Result<(), Down> {
        Ok(())
    }
}
