//! The circuit: whether the destination is there, judged for all messages at once.
//!
//! While it is open nothing is received and nothing waits; the destination is probed with a request of its
//! own, never with a message. Two things open it: a probe that fails, or a run of failures that spans several
//! messages with no success among them (a destination that answers its probe and fails all the same).

use std::{
    collections::BTreeSet,
    fmt::Display,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};
use tracing::Instrument;
use usher_event::EventId;
use usher_http::{Failure, FailureClass};
use usher_service::{ConsumerMetrics, Health};

use crate::{Down, Handler, backoff, spans};

/// So many different messages in a row must fail before the destination is taken to be down.
const RUN: usize = 5;
/// The first and the longest wait between two probes of a destination that is down, before jitter adds up to as much
/// again: after an outage of any length its return is noticed within 20 seconds.
const PROBE_FIRST: Duration = Duration::from_secs(1);
const PROBE_LONGEST: Duration = Duration::from_secs(10);
/// No answer to a probe for this long is a failed probe.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// The part of the health report that the circuit answers for.
const PART: &str = "destination";

/// Open or closed, and why.
pub(crate) struct Circuit {
    open: AtomicBool,
    /// Wakes whoever waits for it to open, first come first served. A watch channel would do so in an order left to
    /// chance, and no simulation would be the same twice.
    opening: Notify,
    failures: Mutex<Failures>,
    last_probe: tokio::sync::Mutex<Option<(Instant, Result<(), Down>)>>,
    health: Health,
    metrics: ConsumerMetrics,
}

/// What has failed since the last success.
#[derive(Default)]
struct Failures {
    /// The messages of the present run.
    run: BTreeSet<EventId>,
    /// How often the circuit has opened: one that opens again and again waits longer before each probe.
    openings: usize,
}

impl Circuit {
    pub(crate) fn new(health: Health, metrics: ConsumerMetrics) -> Self {
        health.gauge("circuit_open", 0);
        Self {
            open: AtomicBool::new(false),
            opening: Notify::new(),
            failures: Mutex::default(),
            last_probe: Default::default(),
            health,
            metrics,
        }
    }

    /// Whether the circuit is open.
    pub(crate) fn is_open(&self) -> bool {
        self.open.load(Ordering::SeqCst)
    }

    /// Waits until the circuit is open.
    pub(crate) async fn opened(&self) {
        loop {
            // Before the look: from now on no opening is missed.
            let opening = self.opening.notified();
            if self.is_open() {
                return;
            }
            opening.await;
        }
    }

    /// A message succeeded: the destination is there.
    pub(crate) fn succeeded(&self) {
        let mut failures = self.failures();
        failures.run.clear();
        failures.openings = 0;
    }

    /// A message failed by the moment's fault; opens the circuit if that completes a run. An answer below 500, such
    /// as "slow down" or "not yet", comes from a destination that works.
    pub(crate) fn failed(&self, message: EventId, failure: &Failure) {
        if failure.status.is_some_and(|status| status < 500) {
            return;
        }
        let mut failures = self.failures();
        failures.run.insert(message);
        let complete = failures.run.len() >= RUN;
        drop(failures);
        if complete {
            self.open(failure);
        }
    }

    /// Asks the destination whether it is there, once for all who ask at the same time. Opens the circuit if not.
    pub(crate) async fn check(&self, handler: &dyn Handler) -> Result<(), Down> {
        let asked = Instant::now();
        let mut last = self.last_probe.lock().await;
        // Only a probe begun after the failure says anything about it.
        if let Some((begun, result)) = &*last
            && *begun > asked
        {
            return result.clone();
        }
        let begun = Instant::now();
        let result = probe(handler).await;
        *last = Some((begun, result.clone()));
        if let Err(down) = &result {
            self.open(down);
        }
        result
    }

    /// Probes until the destination is there, then closes the circuit.
    pub(crate) async fn close_when_there(&self, handler: &dyn Handler, seed: u64) {
        let again = self.failures().openings.saturating_sub(1);
        for wait in backoff::unbounded(PROBE_FIRST, PROBE_LONGEST, seed).skip(again) {
            tokio::time::sleep(wait).await;
            match probe(handler).await {
                Ok(()) => break,
                Err(down) => self.health.not_ready(PART, format!("circuit open: {down}")),
            }
        }
        self.close();
    }

    fn open(&self, why: &dyn Display) {
        if !self.open.swap(true, Ordering::SeqCst) {
            self.opening.notify_waiters();
            self.failures().openings += 1;
            tracing::warn!(error = %why, "circuit open: receiving stops until the destination answers its probe");
            self.health.gauge("circuit_open", 1);
            self.metrics.circuit(true);
            self.health.count("circuit_opened", 1);
            self.health.not_ready(PART, format!("circuit open: {why}"));
        }
    }

    fn close(&self) {
        tracing::info!("circuit closed: the destination answers");
        self.failures().run.clear();
        self.health.gauge("circuit_open", 0);
        self.metrics.circuit(false);
        self.health.ready(PART);
        self.open.store(false, Ordering::SeqCst);
    }

    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Asks the destination whether it is there. One that keeps silent is not.
pub(crate) async fn probe(handler: &dyn Handler) -> Result<(), Down> {
    let late = |_| {
        let failure = Failure::named(FailureClass::Unreachable, "no answer to the probe");
        Err(Down { vendor: "destination", setting: "", failure })
    };
    let span = spans::probe();
    let probed = tokio::time::timeout(PROBE_TIMEOUT, handler.probe()).instrument(span.clone());
    let probed = probed.await.unwrap_or_else(late);
    spans::probed(&span, &probed);
    probed
}
