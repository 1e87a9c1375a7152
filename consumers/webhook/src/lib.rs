//! Webhook: every sign-up is posted to one endpoint, signed after Standard Webhooks, so that whoever receives it can tell
//! that it comes from here and was not changed on its way.
//!
//! A delivery may be repeated: after an answer that was lost, or by a replay. What makes it one all the same is
//! `webhook-id`, which is the event's id and never changes; the receiver keeps the ids that it has acted on. Nobody else
//! can do that for it, so here alone "shows once" is the receiver's word and not ours (`docs/webhook.md`).
//!
//! The endpoint's address is chosen by somebody, and may come from an outsider: it is called only if it is public or was
//! allowed by name ([`usher_http::Guard`]). A redirect is not followed. It is an answer, and says that the setting is out
//! of date.

mod endpoint;
mod receiver;
mod settings;
mod signature;

use async_trait::async_trait;
use usher_event::Event;
use usher_http::{Failure, QuotaUse};
use usher_subscriber::{Consumer, Down, Handler, NoCommand, Outcome, Ports};
use uuid::Uuid;

use crate::receiver::Receiver;
pub use endpoint::Endpoint;
pub use settings::{Probe, WebhookSettings};
pub use signature::Secrets;

const VENDOR: &str = "Webhook";

/// The handler.
pub struct Webhook {
    tenant_id: Uuid,
    receiver: Receiver,
}

#[async_trait]
impl Handler for Webhook {
    fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    /// The whole policy: one post, of the event as it is on the bus.
    async fn handle(&self, event: &Event) -> Outcome {
        let delivered = self.receiver.deliver(event).await;
        delivered.map_or_else(|failure| Outcome::failed(VENDOR, failure), |()| Outcome::Done)
    }

    async fn probe(&self) -> Result<(), Down> {
        let there = self.receiver.probe().await;
        there.map_err(|failure| Down { vendor: VENDOR, setting: setting_to_mend(&failure), failure })
    }
}

impl Consumer for Webhook {
    const NAME: &'static str = "webhook";
    const ABOUT: &'static str = "Posts every sign-up to an endpoint, signed after Standard Webhooks.";
    type Settings = WebhookSettings;
    type Command = NoCommand;

    fn new(settings: WebhookSettings, ports: Ports) -> Result<Self, usher_service::Failure> {
        settings.check()?;
        Ok(Self { tenant_id: settings.tenant_id, receiver: Receiver::new(&settings, ports) })
    }

    fn quotas(&self) -> Vec<QuotaUse> {
        vec![self.receiver.quota()]
    }

    async fn command(self, command: NoCommand) -> Result<(), usher_service::Failure> {
        match command {}
    }
}

fn setting_to_mend(probe: &Failure) -> &'static str {
    match probe.status {
        Some(401 | 403) => "WEBHOOK_SECRET",
        _ => "WEBHOOK_URL",
    }
}

#[cfg(test)]
mod tests;
