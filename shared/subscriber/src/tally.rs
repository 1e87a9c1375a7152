//! What is measured of deliveries: each counts once, by how it ended, and each effect by how long after its sign-up it was
//! there. Both when the broker has heard of it: a delivery that can't be settled comes again, and counts then.

use time::OffsetDateTime;
use usher_bus::Settlement;
use usher_clock::Clock;
use usher_http::Failure;
use usher_service::{ConsumerMetrics, Ended};

/// What a delivery that is completed came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) signed_up_at: OffsetDateTime,
    /// Why there is none, if none was called for.
    pub(crate) skipped: Option<&'static str>,
}

/// Why a delivery is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Back {
    /// The destination is down.
    CircuitOpen,
    /// We are told to stop.
    Stopping,
}

/// Counts for one consumer.
pub(crate) struct Tally {
    metrics: ConsumerMetrics,
    clock: Clock,
}

impl Tally {
    pub(crate) fn new(metrics: ConsumerMetrics, clock: Clock) -> Self {
        Self { metrics, clock }
    }

    /// The broker has settled a delivery. `effect` is that of one that was completed.
    pub(crate) fn settled(&self, settlement: &Settlement, effect: Option<Effect>, back: Back) {
        match settlement {
            Settlement::Complete => effect.into_iter().for_each(|effect| self.effect(effect)),
            Settlement::DeadLetter { reason, .. } => self.metrics.ended(Ended::DeadLettered, Some(reason), 1),
            Settlement::Abandon => self.metrics.ended(Ended::Abandoned, Some("panicked"), 1),
            Settlement::Release => self.given_back(1, back),
        }
    }

    /// A delivery is completed, or a dead letter is replayed.
    pub(crate) fn effect(&self, effect: Effect) {
        let how = if effect.skipped.is_some() { Ended::Skipped } else { Ended::Done };
        self.metrics.ended(how, effect.skipped, 1);
        self.metrics.effect(how, self.clock.since(effect.signed_up_at));
    }

    /// So many were given back unharmed.
    pub(crate) fn given_back(&self, how_many: u64, why: Back) {
        let reason = match why {
            Back::CircuitOpen => "circuit-open",
            Back::Stopping => "stopping",
        };
        if how_many > 0 {
            self.metrics.ended(Ended::Released, Some(reason), how_many);
        }
    }

    /// An attempt failed, and another follows.
    pub(crate) fn retried(&self, failure: &Failure) {
        self.metrics.ended(Ended::Retried, Some(kind(failure)), 1);
    }

    /// The lock was lost before the delivery was settled.
    pub(crate) fn lock_lost(&self) {
        self.metrics.ended(Ended::LockLost, None, 1);
    }
}

/// What kind of failure an attempt ended with. A vendor's own codes are many; they stand in the log and on dead letters.
fn kind(failure: &Failure) -> &'static str {
    match failure.status {
        Some(429) => "throttled",
        Some(500..) => "server-error",
        Some(_) => "not-yet",
        None => "no-answer",
    }
}

#[cfg(test)]
mod tests {
    use usher_http::FailureClass;

    use super::*;

    #[test]
    fn the_kinds_of_failures_are_few() {
        let of = |status| kind(&Failure::status(FailureClass::Transient, status));
        assert_eq!([429, 503, 404, 409].map(of), ["throttled", "server-error", "not-yet", "not-yet"]);
        assert_eq!(kind(&Failure::named(FailureClass::Transient, "no answer in time")), "no-answer");
    }
}
