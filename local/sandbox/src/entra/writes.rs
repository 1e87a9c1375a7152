//! What all writes to the directory meet: the app's permissions, its quota, and others who write the same object.

use axum::http::StatusCode;
use time::OffsetDateTime;

use super::{
    User,
    graph::{Caller, Refused, often},
};
use crate::{Permission, latency::between, world::World};

/// A request that may write, once or, as a batch, several times.
#[derive(Clone, Copy)]
pub(super) struct Writer {
    pub(super) caller: Caller,
    /// Which request it is.
    pub(super) number: u64,
}

impl Writer {
    /// Lets a write in if the app may make it and has not used up its quota.
    pub(super) fn admit(
        self,
        world: &mut World,
        needed: &[Permission],
        now: OffsetDateTime,
    ) -> Result<(), Refused> {
        self.caller.needs(world, needed)?;
        let Some(quota) = world.tenant.quotas.get_mut(&self.caller.0) else { return Ok(()) };
        quota.writes.admit(now).map_err(|wait| Refused::throttled(often(&mut world.chance, wait)))
    }

    /// Lets it write a user, and keeps other requests out for a moment, unless it is kept out itself.
    pub(super) fn enter(self, world: &mut World, id: &str, now: OffsetDateTime) -> Result<(), Refused> {
        let moment = between(&mut world.chance, &(std::time::Duration::ZERO..=world.settings.write_moment));
        let user = world.tenant.directory.find(id, now)?;
        if is_kept_out(user, self.number, now) {
            return Err(concurrency_violation(&mut world.chance));
        }
        user.writer = Some((self.number, now + moment));
        Ok(())
    }
}

fn is_kept_out(user: &User, number: u64, now: OffsetDateTime) -> bool {
    user.writer.is_some_and(|(writer, until)| writer != number && until > now)
}

/// Seen with either status.
fn concurrency_violation(chance: &mut fastrand::Rng) -> Refused {
    let status = if chance.bool() { StatusCode::CONFLICT } else { StatusCode::BAD_REQUEST };
    let message = "Error due to concurrent requests being made to the tenant. Please wait briefly and retry.";
    Refused::new(status, "Directory_ConcurrencyViolation", message)
}
