//! What messages are sent to: a queue proper or a topic. Quota and duplicate detection belong to it.

use std::time::Duration;

use super::{Facets, QueueId, duplicates::Duplicates};
use crate::{rules::Filter, topology::IntakeSpec};

#[derive(Debug)]
pub(super) struct Entity {
    pub(super) name: String,
    pub(super) duplicates: Option<Duplicates>,
    pub(super) default_time_to_live: Option<Duration>,
    pub(super) routes: Vec<Route>,
    /// Bytes held by all queues behind it, dead letters included.
    pub(super) used_bytes: u64,
    pub(super) max_bytes: u64,
}

/// A queue that is fed from the entity, and what it wants.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) queue: QueueId,
    pub(super) rules: Vec<Filter>,
}

impl Entity {
    pub(super) fn new(name: &str, spec: &IntakeSpec) -> Self {
        Self {
            name: name.to_owned(),
            duplicates: spec.duplicate_window.map(Duplicates::new),
            default_time_to_live: None,
            routes: Vec::new(),
            used_bytes: 0,
            max_bytes: spec.max_bytes,
        }
    }
}

impl Route {
    /// One copy however many rules match: they are OR-ed, and none at all means everything.
    pub(super) fn wants(&self, message: &Facets) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|rule| rule.matches(message))
    }
}
