//! UPN: a readable userPrincipalName in place of the one that a sign-up generates, and a display name where there
//! is none.
//!
//! Which names are taken, only Entra can say, and only at the moment of writing: so nothing is looked up before.
//! Each candidate is tried with one PATCH, and "taken" leads to the next. The candidates follow from the user alone,
//! in the same order on every delivery; of two users who race for one name, the loser gets it with a suffix.
//!
//! A UPN that is not the generated default was chosen by somebody, or by us: it is left alone.

mod check;
mod local_part;
mod names;
mod naming;
mod preview;
mod reserved;
mod settings;
mod template;
#[cfg(test)]
mod testing;

use std::{
    io::{BufWriter, stdout},
    time::Duration,
};

use async_trait::async_trait;
use backon::{ConstantBuilder, Retryable};
use serde_json::Value;
use usher_clock::Clock;
use usher_entra::{Graph, GraphError, User};
use usher_event::Event;
use usher_http::Failure;
use usher_subscriber::{Consumer, Down, GraphUse, Handler, Outcome, Ports, Presence, Rejection};
use uuid::Uuid;

use crate::naming::{Change, Naming, Plan};
pub use crate::{
    preview::{Preview, UpnCommand},
    settings::{Domain, DomainError, UpnSettings},
    template::{Template, TemplateError},
};

/// How often one name is asked for again when no clear answer came, and after which pause: with calls that take their full
/// time, less than half of what a handler may take.
const AGAIN: usize = 3;
const PAUSE: Duration = Duration::from_secs(2);

/// The handler.
pub struct Upn {
    tenant_id: Uuid,
    graph: Graph,
    naming: Naming,
    clock: Clock,
}

#[async_trait]
impl Handler for Upn {
    fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    async fn handle(&self, event: &Event) -> Outcome {
        self.rename(event).await.unwrap_or_else(|outcome| outcome)
    }

    /// Whether the domain is verified is not asked: reading a tenant's domains takes a permission that nothing else
    /// here needs. <https://learn.microsoft.com/graph/api/domain-get#permissions>
    async fn probe(&self) -> Result<(), Down> {
        self.graph.probe().await.map_err(|error| Down {
            vendor: "Entra",
            setting: error.credential_setting(),
            failure: error.into(),
        })
    }

    async fn presence(&self, event: &Event) -> Result<Presence, Failure> {
        self.look(event).await
    }
}

impl Consumer for Upn {
    const NAME: &'static str = "upn";
    const ABOUT: &'static str = "Gives every sign-up a readable userPrincipalName and a display name.";
    type Settings = UpnSettings;
    type Command = UpnCommand;

    fn new(settings: UpnSettings, ports: Ports) -> Result<Self, usher_service::Failure> {
        Ok(Self {
            tenant_id: settings.entra.tenant_id,
            graph: ports.graph(&settings.entra)?,
            naming: Naming::new(settings.upn_template, settings.upn_domain),
            clock: ports.clock,
        })
    }

    fn graph(&self) -> Option<GraphUse<'_>> {
        Some(GraphUse { graph: &self.graph, permissions: vec!["User.ReadWrite.All"] })
    }

    async fn command(self, command: UpnCommand) -> Result<(), usher_service::Failure> {
        let UpnCommand::Preview(preview) = command;
        preview.run(&self.graph, &self.naming, &mut BufWriter::new(stdout())).await
    }
}

impl Upn {
    /// The whole policy. The error is an outcome too: the one that a failed call calls for.
    async fn rename(&self, event: &Event) -> Result<Outcome, Outcome> {
        let user = self.user(event).await?;
        match self.naming.plan(&user) {
            Plan::Done => Ok(Outcome::Done),
            Plan::LeaveAlone(why) => Ok(Outcome::Skipped(why)),
            Plan::Change(change) => self.change(event, &change).await,
        }
    }

    /// The user as it is now.
    async fn user(&self, event: &Event) -> Result<User, Outcome> {
        let user = self.graph.user(event.data.user_id, &naming::FIELDS).await;
        user.map_err(|error| self.entra_failed(event, error))
    }

    /// Tries one name after the other until one is free.
    async fn change(&self, event: &Event, change: &Change) -> Result<Outcome, Outcome> {
        for (at, upn) in change.upns.iter().enumerate() {
            let again = if at == 0 { 0 } else { AGAIN };
            match self.ask(event.data.user_id, &change.properties(upn), again).await {
                Ok(()) => return Ok(Outcome::Done),
                // On whichever property: of what we send, only the UPN must be one user's alone.
                Err(GraphError::Conflict { .. }) => {}
                Err(GraphError::Refused(failure)) => return Err(refused(&failure)),
                Err(error) => return Err(self.entra_failed(event, error)),
            }
        }
        Ok(Outcome::Reject(Rejection::new("UpnTaken", "every candidate is another user's")))
    }

    /// Asks for one name. For one that is not the first, `again` when no clear answer came: it may come to be late, and
    /// before the next attempt an earlier name may become free, which would then be a second change. Asking for the same
    /// one is none.
    async fn ask(&self, user: Uuid, properties: &Value, again: usize) -> Result<(), GraphError> {
        let ask = || self.graph.patch_user(user, properties);
        let unclear = |error: &GraphError| match error {
            GraphError::Transport(_) => true,
            GraphError::Transient(failure) => failure.retry_after.is_none(),
            _ => false,
        };
        ask.retry(ConstantBuilder::default().with_delay(PAUSE).with_max_times(again)).when(unclear).await
    }

    /// A user who can't be found is waited for, and after that gone; all else is the call's own failure.
    fn entra_failed(&self, event: &Event, error: GraphError) -> Outcome {
        match error.about_user_of_age(self.clock.since(event.data.signed_up_at)) {
            GraphError::NotFound(_) => Outcome::Skipped("user-gone"),
            error => Outcome::failed("Entra", error.into()),
        }
    }
}

/// What is before the @ is legal by construction: most likely it is what comes after.
fn refused(failure: &Failure) -> Outcome {
    let mut rejection = Rejection::by("Entra", failure);
    rejection.detail.push_str(" hint=is-UPN_DOMAIN-a-verified-domain");
    Outcome::Reject(rejection)
}

#[cfg(test)]
mod tests;
