//! What the timer sets off.

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use usher_bus::{Bus, ServiceBus};
use usher_entra::Graph;
use usher_service::{Failure, Health, Shutdown};

use crate::{Kept, Polled, Relay, Settings, start};

/// A producer that polls when the timer fires. What it takes to poll is made at the first time, and kept.
pub(super) struct Timer {
    settings: Settings,
    health: Health,
    graph: Graph,
    bus: ServiceBus,
    kept: Kept,
    relay: Option<Relay>,
}

impl Timer {
    /// # Errors
    /// What can be wrong before anything is sent.
    pub(super) fn new(settings: Settings, health: Health) -> Result<Self, Failure> {
        let graph = start::graph(&settings)?;
        let bus = start::bus(&settings)?;
        let kept = settings.checkpoint.open(settings.http.extra_ca_file.as_deref())?;
        Ok(Self { settings, health, graph, bus, kept, relay: None })
    }

    /// Polls once, and says in a line what came of it.
    pub(super) async fn fires(&mut self, shutdown: &Shutdown) -> Result<String, String> {
        self.health.count("triggers", 1);
        let before = self.count("published");
        match self.poll(shutdown).await {
            Ok(Polled::Through) => Ok(self.through(before)),
            Ok(other) => Ok(other.to_string()),
            Err(failure) => {
                // The host shows that the call failed, and drops what we answer.
                tracing::error!(error = %failure, "the poll failed");
                Err(failure.to_string())
            }
        }
    }

    /// Lets go of the bus.
    pub(super) async fn close(self) {
        self.bus.close().await;
    }

    async fn poll(&mut self, shutdown: &Shutdown) -> Result<Polled, Failure> {
        let mut relay = match self.relay.take() {
            Some(relay) => relay,
            None => {
                let (graph, kept, health) = (self.graph.clone(), self.kept.clone(), self.health.clone());
                start::relay(&self.settings, graph, &self.bus, kept, health).await?
            }
        };
        let polled = start::once(&mut relay, shutdown).await;
        self.relay = Some(relay);
        polled
    }

    fn through(&self, before: u64) -> String {
        let published = self.count("published") - before;
        let read = i64::try_from(self.count("watermark")).unwrap_or_default();
        let read = OffsetDateTime::from_unix_timestamp(read).ok().and_then(|at| at.format(&Rfc3339).ok());
        format!("{published} sign-ups published, the audit log read up to {}", read.unwrap_or_default())
    }

    fn count(&self, what: &str) -> u64 {
        self.health.status().counts.get(what).copied().unwrap_or_default()
    }
}
