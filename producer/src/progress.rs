//! How the producer is, for `/readyz`, `/status`, `/metrics` and the log. A trouble is logged when it comes or changes
//! and when it is over, not at every poll.

use std::{collections::BTreeMap, fmt::Display, sync::Arc, time::Duration};

use usher_clock::Clock;
use usher_entra::GraphError;
use usher_http::Usage;
use usher_service::{Health, ProducerMetrics};

use crate::{Checkpoint, Held, SignUp};

/// How many requests the audit log takes from one app in ten seconds.
/// <https://learn.microsoft.com/graph/throttling-limits#identity-and-access-reports-service-limits>
const LOG_REQUESTS: u32 = 5;

/// What can stand in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    AuditLog,
    Users,
    Bus,
    Checkpoint,
    SignUps,
}

impl Part {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AuditLog => "audit log",
            Self::Users => "users",
            Self::Bus => "bus",
            Self::Checkpoint => "checkpoint",
            Self::SignUps => "sign-ups",
        }
    }
}

const NONE_RECOGNISED: &str = "the log has new users, and not one of them by an app of SIGNUP_ACTORS: compare it with \
     initiatedBy.app in the entries 'Add user' of the tenant's audit log";

pub(crate) struct Progress {
    health: Health,
    metrics: ProducerMetrics,
    log_requests: Arc<Usage>,
    troubles: BTreeMap<Part, String>,
    any_seen: bool,
}

impl Progress {
    pub(crate) fn new(health: Health) -> Self {
        let counters = [
            "polls",
            "seen",
            "recognised",
            "passed_over",
            "repeated",
            "published",
            "gone",
            "bad_entries",
            "sweeps",
        ];
        counters.iter().for_each(|counter| health.count(counter, 0));
        let (metrics, log_requests) = (health.metrics().producer(), Arc::new(Usage::of(LOG_REQUESTS)));
        let made = log_requests.clone();
        health.metrics().quota("audit-log", move || Some(made.used()), || None);
        Self { health, metrics, log_requests, troubles: BTreeMap::new(), any_seen: false }
    }

    /// A page of the audit log is asked for.
    pub(crate) fn asks_log(&self) {
        self.log_requests.count(1);
    }

    pub(crate) fn seen(&mut self, entries: usize) {
        self.any_seen |= entries > 0;
        self.health.count("seen", entries as u64);
    }

    pub(crate) fn repeated(&self) {
        self.health.count("repeated", 1);
    }

    pub(crate) fn passed_over(&self) {
        self.health.count("passed_over", 1);
    }

    pub(crate) fn recognised(&self, sign_ups: usize) {
        self.health.count("recognised", sign_ups as u64);
    }

    pub(crate) fn gone(&self) {
        self.health.count("gone", 1);
    }

    pub(crate) fn published(&self, sign_ups: usize) {
        self.health.count("published", sign_ups as u64);
    }

    /// The broker has accepted the event of this sign-up, which is not on record yet. A sweep publishes again what was
    /// published days ago, and nobody can tell that from what it has found: of what lies before all that a poll looks at,
    /// only what was waited for says how late we are.
    pub(crate) fn accepted(&self, sign_up: &SignUp, before: &Checkpoint, overlap: Duration, clock: Clock) {
        let is_polled = sign_up.at >= before.watermark - overlap;
        if is_polled || before.waiting.contains_key(&sign_up.user_id) {
            self.metrics.published(clock.since(sign_up.at));
        }
    }

    /// What the checkpoint holds, on record.
    pub(crate) fn reached(&self, checkpoint: &Checkpoint) {
        self.metrics.reached(checkpoint.watermark);
        let watermark = checkpoint.watermark.unix_timestamp();
        self.health.gauge("watermark", u64::try_from(watermark).unwrap_or_default());
        self.health.gauge("waiting_for_user", checkpoint.waiting.len() as u64);
    }

    /// New users and never a sign-up: most likely the wrong actors.
    pub(crate) fn look_for_actors(&mut self, recognised: bool) {
        if recognised {
            self.well(Part::SignUps);
        } else if self.any_seen {
            self.trouble(Part::SignUps, NONE_RECOGNISED);
        }
    }

    /// What went wrong with the users of a batch. One that isn't found or comes later is nobody's trouble.
    pub(crate) fn users<'a>(&mut self, mut errors: impl Iterator<Item = &'a GraphError>) {
        match errors.find(|error| !matches!(error, GraphError::NotFound(_)) && !error.is_transient()) {
            Some(error) => self.trouble(Part::Users, error),
            None => self.well(Part::Users),
        }
    }

    pub(crate) fn polled(&self) {
        self.health.count("polls", 1);
    }

    /// A sweep came to its end.
    pub(crate) fn swept(&self) {
        self.health.count("sweeps", 1);
        tracing::info!("swept: everything that is kept and can still be published was looked at again");
    }

    /// Another producer works: what stood in the way is no trouble of ours any more, and how far that one is it tells itself.
    pub(crate) fn stand_down(&mut self) {
        for part in std::mem::take(&mut self.troubles).into_keys() {
            self.health.ready(part.name());
        }
        self.any_seen = false;
        self.metrics.stand_down();
    }

    /// A poll went through: all that it needs is well.
    pub(crate) fn advanced(&mut self) {
        self.health.gauge("bad_entries", 0);
        for part in [Part::AuditLog, Part::Bus, Part::Checkpoint] {
            self.well(part);
        }
    }

    /// A poll, or an attempt to read users, did not go through.
    pub(crate) fn held(&mut self, held: &Held) {
        if let Held::BadEntries { count, .. } = held {
            self.health.gauge("bad_entries", *count as u64);
        }
        if let Some(part) = held.part() {
            self.trouble(part, held);
        }
    }

    fn trouble(&mut self, part: Part, why: impl Display) {
        let why = why.to_string();
        if self.troubles.get(&part) != Some(&why) {
            tracing::warn!(part = part.name(), error = why, "not ready");
        }
        self.health.not_ready(part.name(), why.clone());
        self.troubles.insert(part, why);
    }

    fn well(&mut self, part: Part) {
        if self.troubles.remove(&part).is_some() {
            tracing::info!(part = part.name(), "ready again");
        }
        self.health.ready(part.name());
    }
}
