//! The life of one delivery: admitted, handled, perhaps retried, settled once.

use std::{
    fmt::Write,
    ops::ControlFlow,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use backon::Retryable;
use futures_util::FutureExt;
use tokio::sync::Notify;
use tracing::Instrument;
use usher_bus::{BusError, Delivery, Receiver, Settlement};
use usher_event::{Event, property};
use usher_http::{Failure, FailureClass};
use usher_service::{Health, Shutdown};

use crate::{
    Handler, Limits, Outcome, Rejection,
    admit::Admission,
    backoff::{self, Backoff},
    circuit::Circuit,
    locks::Locks,
    permits::Permits,
    spans::{self, Spans},
    tally::{Back, Effect, Tally},
};

/// A handler that has not answered for this long never will: its calls are bounded by much less.
const HANDLE_TIMEOUT: Duration = Duration::from_secs(300);
/// The longest description on a dead letter, in bytes.
const DESCRIPTION: usize = 1024;

/// What all deliveries of one receiver share.
pub(crate) struct Desk {
    pub(crate) name: &'static str,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) receiver: Arc<dyn Receiver>,
    pub(crate) admission: Admission,
    pub(crate) limits: Limits,
    pub(crate) permits: Permits,
    pub(crate) locks: Arc<Locks>,
    pub(crate) circuit: Circuit,
    pub(crate) tally: Tally,
    pub(crate) spans: Spans,
    pub(crate) health: Health,
    pub(crate) shutdown: Shutdown,
    /// How many deliveries wait for their next attempt, and a word to the receive loop when that changes.
    pub(crate) waiting: AtomicUsize,
    pub(crate) waiting_changed: Notify,
}

/// How a delivery is to end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The effect is there, or none was called for.
    Complete(Effect),
    /// It can't succeed: out of the queue, with the reason.
    DeadLetter(Rejection),
    /// The handler broke: delivered again, and counted.
    Abandon,
    /// Not its time: given back unharmed.
    Release,
}

impl Desk {
    /// Takes a delivery to its settlement.
    pub(crate) async fn deliver(&self, delivery: Delivery) {
        let span = self.spans.process(&delivery);
        async {
            let held = self.locks.hold(&delivery);
            let verdict = tokio::select! {
                biased;
                () = held.lost() => return self.lock_lost(),
                verdict = self.decide(&delivery) => verdict,
            };
            self.settle(&delivery, &verdict).await;
        }
        .instrument(span)
        .await;
    }

    /// What is to become of a delivery. Returns only when that is certain; until then it is held.
    pub(crate) async fn decide(&self, delivery: &Delivery) -> Verdict {
        let event = match self.admit(delivery) {
            Ok(event) => event,
            Err(verdict) => return verdict,
        };
        let mut backoff = Backoff::new(self.limits.retry_budget, seed(delivery));
        for attempt in 1.. {
            let Some(outcome) = self.attempt(&event, attempt).await else { return Verdict::Release };
            let failure = match self.judge(delivery, &event, outcome, attempt).await {
                ControlFlow::Break(verdict) => return verdict,
                ControlFlow::Continue(failure) => failure,
            };
            self.circuit.failed(event.id, &failure);
            if self.circuit.is_open() {
                return Verdict::Release;
            }
            let wait = backoff.next(failure.retry_after).filter(|_| !self.is_last_allowed(delivery));
            match wait {
                Some(wait) if self.wait(wait, &failure).await => {}
                Some(_) => return Verdict::Release,
                None => return self.exhausted(delivery, &failure, attempt).await,
            }
        }
        unreachable!("the backoff ends before the attempts can't be counted")
    }

    /// The event that is to be handled, or what becomes of the delivery without that.
    fn admit(&self, delivery: &Delivery) -> Result<Event, Verdict> {
        let rejected = |rejection| self.dead_letter(delivery, rejection, 0);
        let event = self.admission.admit(&delivery.message).map_err(rejected)?;
        spans::about(&event);
        if let Some(why) = self.handler.passes_over(&event) {
            return Err(self.skip(&event, why));
        }
        match self.admission.too_old(&event) {
            Some(rejection) => Err(rejected(rejection)),
            None => Ok(event),
        }
    }

    /// What an attempt comes to: a verdict, or a failure of the moment that is worth another attempt.
    async fn judge(
        &self,
        delivery: &Delivery,
        event: &Event,
        outcome: Result<Outcome, Panicked>,
        attempt: u32,
    ) -> ControlFlow<Verdict, Failure> {
        ControlFlow::Break(match outcome {
            Ok(Outcome::Done) => self.complete("done", event, None),
            Ok(Outcome::Skipped(why)) => self.skip(event, why),
            Ok(Outcome::Reject(rejection)) => self.dead_letter(delivery, rejection, attempt),
            Ok(Outcome::Retry(failure)) => return ControlFlow::Continue(failure),
            Ok(Outcome::Unavailable { vendor, failure }) => match self.circuit.check(&*self.handler).await {
                Err(_) => Verdict::Release,
                // The probe passes with the same credentials and settings: it was this message after all.
                Ok(()) if matches!(failure.class, FailureClass::Unauthorized | FailureClass::Refused) => {
                    self.dead_letter(delivery, Rejection::by(vendor, &failure), attempt)
                }
                Ok(()) => return ControlFlow::Continue(failure),
            },
            Err(Panicked) => self.panicked(delivery, attempt),
        })
    }

    /// Handles the event once, under a permit. `None` if it is not the time to: stopping, or the circuit is open.
    async fn attempt(&self, event: &Event, number: u32) -> Option<Result<Outcome, Panicked>> {
        let _permit = tokio::select! {
            biased;
            () = self.interrupted() => return None,
            permit = self.permits.acquire() => permit,
        };
        self.health.count("attempts", 1);
        let span = spans::attempt(number);
        let handled = AssertUnwindSafe(self.handler.handle(event)).catch_unwind();
        let late = Failure::named(FailureClass::Transient, "no outcome in time");
        let handled = tokio::time::timeout(HANDLE_TIMEOUT, handled).instrument(span.clone());
        let outcome = match handled.await {
            Ok(outcome) => outcome.map_err(|_| Panicked),
            Err(_) => Ok(Outcome::Retry(late)),
        };
        spans::attempted(&span, &outcome);
        self.note(&outcome);
        Some(outcome)
    }

    /// What an attempt that came to an end says about the destination. One that was skipped may never have asked it.
    fn note(&self, outcome: &Result<Outcome, Panicked>) {
        if matches!(outcome, Ok(Outcome::Done | Outcome::Reject(_))) {
            self.circuit.succeeded();
        }
        if matches!(outcome, Ok(Outcome::Done | Outcome::Reject(_) | Outcome::Skipped(_))) {
            self.permits.one_more();
        }
    }

    /// Waits for the next attempt, lock renewed, without a permit. `false` if interrupted.
    async fn wait(&self, wait: Duration, after: &Failure) -> bool {
        let _waiting = Waiting::start(self);
        self.health.count("retries", 1);
        self.tally.retried(after);
        tokio::select! {
            biased;
            () = self.interrupted() => false,
            () = tokio::time::sleep(wait) => true,
        }
    }

    async fn interrupted(&self) {
        tokio::select! {
            biased;
            () = self.shutdown.requested() => {}
            () = self.circuit.opened() => {}
        }
    }

    fn is_last_allowed(&self, delivery: &Delivery) -> bool {
        delivery.delivery_count + 1 >= self.limits.delivery_limit.get()
    }

    fn complete(&self, what: &str, event: &Event, skipped: Option<&'static str>) -> Verdict {
        self.health.count(what, 1);
        Verdict::Complete(Effect { signed_up_at: event.data.signed_up_at, skipped })
    }

    fn skip(&self, event: &Event, why: &'static str) -> Verdict {
        self.complete(&format!("skipped:{why}"), event, Some(why))
    }

    fn lock_lost(&self) {
        spans::unsettled(&BusError::LockLost);
        self.health.count("lock_lost", 1);
        self.tally.lock_lost();
    }

    /// Why whatever is given back now is.
    pub(crate) fn why_back(&self) -> Back {
        if self.circuit.is_open() { Back::CircuitOpen } else { Back::Stopping }
    }

    fn dead_letter(&self, delivery: &Delivery, rejection: Rejection, attempt: u32) -> Verdict {
        let detail = self.describe(delivery, &rejection.detail, attempt);
        Verdict::DeadLetter(Rejection { detail, ..rejection })
    }

    /// A message that panics its handler is tried anew by the broker, up to the last delivery allowed.
    fn panicked(&self, delivery: &Delivery, attempt: u32) -> Verdict {
        self.health.count("panics", 1);
        if self.is_last_allowed(delivery) {
            return self.dead_letter(delivery, Rejection::new("HandlerPanicked", ""), attempt);
        }
        Verdict::Abandon
    }

    /// Out of retries: the message's end, unless the destination turns out to be down.
    async fn exhausted(&self, delivery: &Delivery, failure: &Failure, attempt: u32) -> Verdict {
        match self.circuit.check(&*self.handler).await {
            Ok(()) => self.dead_letter(delivery, Rejection::retries_exhausted(failure), attempt),
            Err(_) => Verdict::Release,
        }
    }

    /// The description on a dead letter: statuses, codes and ids.
    fn describe(&self, delivery: &Delivery, detail: &str, attempt: u32) -> String {
        let mut text = format!("{detail} consumer={} attempt={attempt}", self.name).trim_start().to_owned();
        let trace_id =
            delivery.message.text_property(property::TRACEPARENT).and_then(usher_telemetry::trace_id_of);
        if let Some(trace_id) = trace_id {
            // Writing to a string can't fail.
            let _ = write!(text, " trace={trace_id}");
        }
        text.truncate(text.floor_char_boundary(DESCRIPTION));
        text
    }

    async fn settle(&self, delivery: &Delivery, verdict: &Verdict) {
        let effect = if let Verdict::Complete(effect) = verdict { Some(*effect) } else { None };
        let (settlement, counted) = match verdict {
            Verdict::Complete(_) => (Settlement::Complete, "completed"),
            Verdict::Abandon => (Settlement::Abandon, "abandoned"),
            Verdict::Release => (Settlement::Release, "released"),
            Verdict::DeadLetter(Rejection { reason, detail }) => {
                let (reason, description) = (reason.clone(), detail.clone());
                (Settlement::DeadLetter { reason, description }, "dead_lettered")
            }
        };
        if settlement == Settlement::Release {
            self.locks.give_back(delivery);
        }
        match self.settle_while_held(delivery, &settlement).await {
            Ok(()) => {
                if let Verdict::DeadLetter(Rejection { reason, detail }) = verdict {
                    tracing::warn!(reason, detail, "dead-lettered");
                }
                spans::ended(verdict);
                self.health.count(counted, 1);
                self.tally.settled(&settlement, effect, self.why_back());
            }
            Err(BusError::LockLost) => self.lock_lost(),
            // Not settled means delivered again: nothing is lost, and handling it again changes nothing.
            Err(error) => {
                spans::unsettled(&error);
                tracing::warn!(%error, "not settled, it will come again");
            }
        }
    }

    /// Settles, and tries again while the broker can't be reached: the effect is there, and each further
    /// delivery is a further chance for it to look like a failure.
    async fn settle_while_held(&self, delivery: &Delivery, settlement: &Settlement) -> Result<(), BusError> {
        let span = self.spans.settle(settlement, &delivery.message.id);
        let settle = || self.receiver.settle(delivery.lock, settlement.clone());
        let settle = settle.retry(backoff::settling(seed(delivery))).when(BusError::is_transient);
        let settled = settle.instrument(span.clone()).await;
        spans::settled(&span, &settled);
        settled
    }
}

/// The handler panicked. What it said is not kept: it could be somebody's data.
pub(crate) struct Panicked;

/// Counts a delivery as waiting for as long as it lives.
struct Waiting<'a>(&'a Desk);

impl<'a> Waiting<'a> {
    fn start(desk: &'a Desk) -> Self {
        desk.waiting.fetch_add(1, Ordering::Relaxed);
        desk.waiting_changed.notify_one();
        Self(desk)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.waiting_changed.notify_one();
    }
}

/// Differs between messages and between deliveries of one, and is the same in every run of a simulation.
fn seed(delivery: &Delivery) -> u64 {
    delivery.sequence_number.unsigned_abs().wrapping_mul(31).wrapping_add(u64::from(delivery.delivery_count))
}
