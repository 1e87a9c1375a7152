//! E-mail: whoever agreed at the sign-up becomes a member of one Mailchimp list and is welcomed once.
//!
//! Two calls make it repeatable. The member is put under the hash of the address with `status_if_new` and never
//! with `status`: somebody new joins, somebody who is there keeps the status they chose, and whoever has left is
//! not brought back. Then the welcome tag is added, always, since the first answer does not say whether the member
//! is new and adding a tag that is there changes nothing: the customer journey starts on the tag and admits a
//! contact once.
//!
//! Only JSON `true` is consent. A custom attribute of type Boolean is an `Edm.Boolean`, which Graph writes as a JSON
//! boolean and the producer copies as it is. A text that reads "true" comes from an attribute of another type, whose
//! form did not ask a yes-or-no question: that is not an answer to one. Consent may also be withdrawn, and we would
//! not hear of it: hence the bound on an event's age.
//!
//! An address that the tenant has not verified proves nothing about whoever signed up: an identity provider may pass on
//! whatever somebody typed there, somebody else's address too. Such an address is asked by mail first (`pending`), and
//! no name or permission goes with it: the put would write them to a member who is there. `MAILCHIMP_UNVERIFIED=trusted`
//! is for tenants whose identity providers verify every address.

mod check;
mod mailchimp;
mod mapping;
mod member;
mod settings;

use std::time::Duration;

use async_trait::async_trait;
use usher_event::Event;
use usher_http::{Failure, FailureClass, QuotaUse};
use usher_subscriber::{Consumer, Down, Handler, NoCommand, Outcome, Ports, Presence};
use uuid::Uuid;

use crate::{mailchimp::Mailchimp, member::Member};
pub use mapping::{MarketingPermissions, MergeFields};
pub use settings::{EmailSettings, StatusIfNew, Unverified};

const VENDOR: &str = "Mailchimp";

/// The handler.
pub struct Email {
    settings: EmailSettings,
    mailchimp: Mailchimp,
}

#[async_trait]
impl Handler for Email {
    fn tenant_id(&self) -> Uuid {
        self.settings.tenant_id
    }

    fn passes_over(&self, event: &Event) -> Option<&'static str> {
        self.member(event).err()
    }

    async fn handle(&self, event: &Event) -> Outcome {
        self.subscribe(event).await.unwrap_or_else(failed)
    }

    async fn probe(&self) -> Result<(), Down> {
        let there = self.mailchimp.probe().await;
        there.map_err(|failure| Down { vendor: VENDOR, setting: setting_to_mend(&failure), failure })
    }

    async fn presence(&self, event: &Event) -> Result<Presence, Failure> {
        self.look(event).await
    }
}

impl Consumer for Email {
    const NAME: &'static str = "email";
    const ABOUT: &'static str =
        "Adds everybody who agreed at the sign-up to a Mailchimp list and starts the welcome by a tag.";
    /// Consent that is older may have been withdrawn since.
    const MAX_EVENT_AGE: Option<Duration> = Some(Duration::from_secs(7 * 24 * 3600));
    type Settings = EmailSettings;
    type Command = NoCommand;

    fn new(settings: EmailSettings, ports: Ports) -> Result<Self, usher_service::Failure> {
        let mailchimp = Mailchimp::new(&settings, ports)?;
        Ok(Self { settings, mailchimp })
    }

    fn quotas(&self) -> Vec<QuotaUse> {
        vec![self.mailchimp.quota()]
    }

    async fn command(self, command: NoCommand) -> Result<(), usher_service::Failure> {
        match command {}
    }
}

impl Email {
    /// The whole policy.
    async fn subscribe(&self, event: &Event) -> Result<Outcome, Failure> {
        let member = match self.member(event) {
            Ok(member) => member,
            Err(why) => return Ok(Outcome::Skipped(why)),
        };
        self.mailchimp.put(&member).await?;
        self.mailchimp.tag(&member, &self.settings.mailchimp_welcome_tag).await?;
        Ok(Outcome::Done)
    }

    /// The member that the sign-up becomes, or why it becomes none.
    fn member<'a>(&'a self, event: &'a Event) -> Result<Member<'a>, &'static str> {
        if !mapping::is_yes(&event.data, &self.settings.mailchimp_consent_attribute) {
            return Err("no-consent");
        }
        Member::of(event, &self.settings).ok_or("no-email")
    }
}

/// What a put does not find is the list, whose id is a setting; should the probe find it, it was the member after all.
fn failed(failure: Failure) -> Outcome {
    match (failure.class, failure.status) {
        (FailureClass::Refused, Some(404)) => Outcome::Unavailable { vendor: VENDOR, failure },
        _ => Outcome::failed(VENDOR, failure),
    }
}

fn setting_to_mend(probe: &Failure) -> &'static str {
    match (probe.class, probe.status) {
        (FailureClass::Unauthorized, _) => "MAILCHIMP_API_KEY",
        (_, Some(404)) => "MAILCHIMP_LIST_ID",
        // Whatever else answers there, or nobody.
        _ => "MAILCHIMP_API_BASE",
    }
}

#[cfg(test)]
mod tests;
