//! __title__: __about__.
//!
//! [`Handler::handle`] is the whole policy. What it returns says whose fault a failure is, and the runtime acts on that:
//! it waits, dead-letters, or holds everything until the destination is back. The same sign-up may come any number of
//! times, also at the same time in another process; its effect must show once all the same. Here it does, because a
//! user's note is the same each time.
//!
//! The destination is a folder, in `folder.rs`: yours takes its place.

mod folder;
mod settings;

use async_trait::async_trait;
use serde_json::json;
use usher_event::Event;
use usher_http::Failure;
use usher_subscriber::{Consumer, Down, Handler, NoCommand, Outcome, Ports, Presence, Rejection};
use uuid::Uuid;

use crate::{folder::Folder, settings::FOLDER};
pub use settings::Settings;

/// The destination, as dead letters name it: `FolderRejected`.
const VENDOR: &str = "Folder";
/// The longest note, in bytes.
const LARGEST: usize = 4096;

/// The handler.
pub struct __Pascal__ {
    tenant_id: Uuid,
    folder: Folder,
}

#[async_trait]
impl Handler for __Pascal__ {
    fn tenant_id(&self) -> Uuid {
        self.tenant_id
    }

    async fn handle(&self, event: &Event) -> Outcome {
        let note = note(event);
        if note.len() > LARGEST {
            // No later attempt would change that: dead-lettered at once. Sizes, codes and ids, never values.
            return Outcome::Reject(Rejection::new("NoteTooLarge", format_args!("bytes={}", note.len())));
        }
        match self.folder.put(event.data.user_id, &note).await {
            Ok(()) => Outcome::Done,
            // By its class: tried again, dead-lettered, or everybody waits until the folder is back.
            Err(failure) => Outcome::failed(VENDOR, failure),
        }
    }

    async fn probe(&self) -> Result<(), Down> {
        self.folder.probe().await.map_err(|failure| Down { vendor: VENDOR, setting: FOLDER, failure })
    }

    async fn presence(&self, event: &Event) -> Result<Presence, Failure> {
        let there = self.folder.has(event.data.user_id).await?;
        Ok(if there { Presence::Present } else { Presence::Missing("no-note") })
    }
}

impl Consumer for __Pascal__ {
    const NAME: &'static str = "__name__";
    const ABOUT: &'static str = "__about__.";
    type Settings = Settings;
    type Command = NoCommand;

    fn new(settings: Settings, _: Ports) -> Result<Self, usher_service::Failure> {
        Ok(Self { tenant_id: settings.tenant_id, folder: Folder::new(settings.folder) })
    }

    async fn command(self, command: NoCommand) -> Result<(), usher_service::Failure> {
        match command {}
    }
}

/// What is noted: ids and times. Names and addresses are in the event too; keep what you need of them and no more.
fn note(event: &Event) -> String {
    json!({ "event": event.id, "user": event.data.user_id, "signedUpAt": event.data.signed_up_at.unix_timestamp() })
        .to_string()
}

#[cfg(test)]
mod tests;
