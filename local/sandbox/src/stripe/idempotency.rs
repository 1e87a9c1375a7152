//! Idempotency keys: the first answer under a key is the answer, a 500 included.
//!
//! From Stripe's documentation: the status and body of the first request are saved once its execution has
//! begun, whether it succeeds or fails; a request whose parameters fail validation, or that meets another one
//! in progress, saves nothing; the same key with other parameters is an error; keys live 24 hours at least.

use std::{collections::BTreeMap, time::Duration};

use axum::http::HeaderMap;
use time::OffsetDateTime;

use super::{
    accounts::Realm,
    errors::{Refused, settle},
    form::Params,
};
use crate::{Answer, FaultKind, gate::Arrival, world::World};

/// For how long a key is remembered. Stripe says 24 hours at least; this is the least.
const KEPT: Duration = Duration::from_secs(24 * 3600);
/// The most characters of a key.
const KEY_LENGTH: usize = 255;

/// The answers stored under keys.
#[derive(Default)]
pub(super) struct Keys(BTreeMap<String, Stored>);

struct Stored {
    request: (String, Params),
    answer: Answer,
    /// Until then the first request is still being worked on.
    done_at: OffsetDateTime,
    stored_at: OffsetDateTime,
}

/// A write that may carry a key.
pub(super) struct Write {
    pub(super) realm: Realm,
    pub(super) path: String,
    pub(super) params: Params,
    pub(super) key: Option<String>,
    pub(super) arrival: Arrival,
}

/// The key of a request, if it has one.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Refused> {
    let Some(key) = headers.get("idempotency-key") else { return Ok(None) };
    let key = key.to_str().ok().filter(|key| (1..=KEY_LENGTH).contains(&key.len()));
    let message = format!("Idempotency keys must be 1 to {KEY_LENGTH} characters long.");
    key.map(|key| Some(key.to_owned())).ok_or_else(|| Refused::invalid(message))
}

/// Why a write has no answer of its own to store.
pub(super) enum NotExecuted {
    /// The parameters failed validation.
    Invalid(Refused),
    /// Execution began and failed.
    Failed(Refused),
}

/// Executes a write once for its key; a repetition gets the stored answer.
pub(super) fn once(
    world: &mut World,
    write: Write,
    now: OffsetDateTime,
    execute: impl FnOnce(&mut World, &Params) -> Result<Answer, NotExecuted>,
) -> Answer {
    match recall(world, &write, now) {
        Ok(None) => {}
        Ok(Some(stored)) => return settle(world, Ok(stored.with("idempotent-replayed", true))),
        Err(refused) => return settle(world, Err(refused)),
    }
    let outcome = match write.arrival.fault {
        Some(FaultKind::Stored500) => Err(NotExecuted::Failed(Refused::stuck())),
        Some(FaultKind::Stored500After) => {
            execute(world, &write.params).and_then(|_| Err(NotExecuted::Failed(Refused::stuck())))
        }
        _ => execute(world, &write.params),
    };
    let (stores, outcome) = match outcome {
        Ok(answer) => (true, Ok(answer)),
        Err(NotExecuted::Failed(refused)) => (true, Err(refused)),
        Err(NotExecuted::Invalid(refused)) => (world.settings.stripe.stores_refusals, Err(refused)),
    };
    let answer = settle(world, outcome);
    if stores {
        world.stripe.account(write.realm).keys.store(write, answer.clone(), now);
    }
    answer
}

fn recall(world: &mut World, write: &Write, now: OffsetDateTime) -> Result<Option<Answer>, Refused> {
    let keys = &mut world.stripe.account(write.realm).keys.0;
    let Some(key) = &write.key else { return Ok(None) };
    let Some(stored) = keys.get(key).filter(|stored| stored.stored_at + KEPT > now) else { return Ok(None) };
    if stored.done_at > now {
        return Err(Refused::key_in_use(key));
    }
    if stored.request.0 != write.path || stored.request.1 != write.params {
        return Err(Refused::other_parameters(key));
    }
    Ok(Some(stored.answer.clone()))
}

impl Keys {
    fn store(&mut self, write: Write, answer: Answer, now: OffsetDateTime) {
        let Some(key) = write.key else { return };
        let request = (write.path, write.params);
        self.0.insert(key, Stored { request, answer, done_at: write.arrival.answered_at, stored_at: now });
    }
}
