//! CRM: every sign-up is one record in Salesforce, a contact unless told otherwise.
//!
//! Salesforce has an upsert: the record is put under an external id, the user's object id, and is made if it is not
//! there. So the same sign-up is the same record, however often it is delivered, and two deliveries at once make one,
//! given that the field is a unique one: Salesforce then refuses the second for the moment. Where it is not, two can
//! be made, and from then on every upsert of the two is refused (300); the start warns of that.
//!
//! **A replay overwrites.** The mapped fields are written anew each time, as the sign-up had them: what somebody has
//! corrected in Salesforce since is lost by a replay. Fields that are not mapped, or that the sign-up has nothing for,
//! are left as they are.
//!
//! An org's allowance of calls a day is shared by all that is connected to it. Each answer tells how much of it is
//! used, and the last twentieth (`SALESFORCE_LIMIT_RESERVE`) is left to the others: until there is more, nothing is
//! received.

mod allowance;
mod describe;
mod fault;
mod key;
mod mapping;
mod salesforce;
mod settings;
#[cfg(test)]
mod testing;
mod token;

use async_trait::async_trait;
use usher_event::Event;
use usher_http::{Failure, QuotaUse};
use usher_subscriber::{Consumer, Down, Handler, NoCommand, Outcome, Ports, Presence};
use uuid::Uuid;

use crate::{fault::Failed, salesforce::Salesforce};
pub use key::{KeyError, PrivateKey};
pub use mapping::{Mapping, MappingError};
pub use settings::CrmSettings;

/// The handler.
pub struct Crm {
    tenant_id: Uuid,
    mapping: Mapping,
    salesforce: Salesforce,
}

#[async_trait]
impl Handler for Crm {
    fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    async fn handle(&self, event: &Event) -> Outcome {
        self.record(event).await.map_or_else(Failed::outcome, |()| Outcome::Done)
    }

    async fn probe(&self) -> Result<(), Down> {
        self.salesforce.probe(&self.mapping).await.map_err(Failed::down)
    }

    async fn presence(&self, event: &Event) -> Result<Presence, Failure> {
        let has_record = self.salesforce.has_record(event.data.user_id).await;
        match has_record.map_err(|failed| failed.failure)? {
            true => Ok(Presence::Present),
            false => Ok(Presence::Missing("no-record")),
        }
    }
}

impl Consumer for Crm {
    const NAME: &'static str = "crm";
    const ABOUT: &'static str =
        "Makes every sign-up one record in Salesforce, a contact unless told otherwise.";
    type Settings = CrmSettings;
    type Command = NoCommand;

    fn new(settings: CrmSettings, ports: Ports) -> Result<Self, usher_service::Failure> {
        let mapping = settings.salesforce_mapping.clone().unwrap_or_default();
        Ok(Self {
            tenant_id: settings.tenant_id,
            salesforce: Salesforce::new(&settings, &mapping, ports),
            mapping,
        })
    }

    fn quotas(&self) -> Vec<QuotaUse> {
        vec![self.salesforce.quota()]
    }

    async fn command(self, command: NoCommand) -> Result<(), usher_service::Failure> {
        match command {}
    }
}

impl Crm {
    /// The whole policy: one record, under the user's id, with the fields that the mapping says.
    async fn record(&self, event: &Event) -> Result<(), Failed> {
        self.salesforce.upsert(event.data.user_id, &self.mapping.record(event)).await
    }
}

#[cfg(test)]
mod tests;
