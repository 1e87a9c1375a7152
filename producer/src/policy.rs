//! What the producer's core needs to know; no addresses, no secrets.

use std::{collections::BTreeSet, time::Duration};

use uuid::Uuid;

use crate::StartFrom;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Which sign-ups to look for, how, and what to tell of them.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The customers' tenant.
    pub tenant: Uuid,
    /// Applications or service principals that make a user when somebody signs up.
    pub actors: BTreeSet<Uuid>,
    /// User properties that are copied into the event.
    pub attributes: Vec<String>,
    /// The time from the start of a poll to the start of the next.
    pub poll_interval: Duration,
    /// How late an entry may show and still be found.
    pub overlap: Duration,
    /// How often all that can still be published without a repeat is looked at again; never if `None`.
    pub sweep_every: Option<Duration>,
    /// How far back that is.
    pub sweep_back: Duration,
    /// Where a first run starts; needed if there is no checkpoint.
    pub start_from: Option<StartFrom>,
}

impl Policy {
    /// The usual policy for a tenant and its sign-up actors: polls every 30 seconds, looks back an hour, and six
    /// days once a day, copies no attributes, and goes on from its checkpoint.
    pub fn new(tenant: Uuid, actors: impl IntoIterator<Item = Uuid>) -> Self {
        Self {
            tenant,
            actors: actors.into_iter().collect(),
            attributes: Vec::new(),
            poll_interval: Duration::from_secs(30),
            overlap: Duration::from_secs(3600),
            sweep_every: Some(DAY),
            sweep_back: 6 * DAY,
            start_from: None,
        }
    }
}
