//! The usual approach, done with care: it follows every page, waits when it is throttled, goes on from its mark only if
//! everything was read and published, and so makes up for any outage. It asks for each stretch of the log once.

use std::sync::Arc;

use time::OffsetDateTime;
use tokio::time::{Instant, sleep_until};
use usher_bus::{Message, Publisher};
use usher_clock::Clock;
use usher_entra::{AuditEntry, Graph};
use usher_event::EventId;
use usher_sandbox::{SIGN_UP_APP_ID, TENANT_ID};
use uuid::Uuid;

use super::EVERY;

/// Where the next run begins.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// Where the last one ended.
    LastRun,
    /// At the newest entry that was seen.
    NewestEntry,
}

pub(super) struct Usual {
    pub(super) graph: Graph,
    pub(super) topic: Arc<dyn Publisher>,
    pub(super) clock: Clock,
    pub(super) mark: Mark,
    /// Where the next run begins.
    pub(super) since: OffsetDateTime,
}

impl Usual {
    /// Runs again and again, for ever.
    pub(super) async fn run(mut self) {
        let mut next = Instant::now();
        loop {
            // What did not go through is asked for again, since the mark stays.
            let _ = self.once().await;
            next = (next + EVERY).max(Instant::now());
            sleep_until(next).await;
        }
    }

    async fn once(&mut self) -> Result<(), String> {
        let now = self.clock.now();
        let (mut newest, mut found) = (self.since, Vec::new());
        let mut next = Some(self.graph.audit_link("Add user", self.since, now));
        while let Some(link) = next {
            let page = self.graph.audit_page(&link).await.map_err(|error| error.to_string())?;
            for entry in page.entries {
                let entry = entry.map_err(|bad| bad.to_string())?;
                newest = newest.max(entry.at);
                found.extend(self.new_sign_up(&entry));
            }
            next = page.next;
        }
        let messages: Vec<_> = found.into_iter().map(message).collect();
        if !messages.is_empty() {
            self.topic.publish(messages).await.map_err(|error| error.to_string())?;
        }
        self.since = match self.mark {
            Mark::LastRun => now,
            Mark::NewestEntry => newest,
        };
        Ok(())
    }

    /// The newest entry comes again with the next run: it is passed over then.
    fn new_sign_up(&self, entry: &AuditEntry) -> Option<Uuid> {
        let is_one = entry.success && !entry.actor.is_person && entry.actor.app_id == Some(SIGN_UP_APP_ID);
        let is_new = self.mark == Mark::LastRun || entry.at > self.since;
        entry.target_user.filter(|_| is_one && is_new)
    }
}

fn message(user: Uuid) -> Message {
    Message::new(EventId::of(TENANT_ID, user).to_string(), user.to_string())
}
