//! What a consumer measures.

use std::{fmt, sync::Arc, time::Duration};

use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, Meter},
};

use super::{DELAYS, words::Words};

/// What became of a delivery, or of an attempt that another one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The effect is there.
    Done,
    /// None was called for.
    Skipped,
    /// It lies in the dead-letter queue.
    DeadLettered,
    /// The attempt failed and another follows: the only one here that is not the end.
    Retried,
    /// Given back unharmed.
    Released,
    /// The handler broke: it is delivered again, and that counts.
    Abandoned,
    /// Its lock was lost before it was settled.
    LockLost,
}

impl Ended {
    /// In the order in which they are declared.
    pub(super) const ALL: [Self; 7] = [
        Self::Done,
        Self::Skipped,
        Self::DeadLettered,
        Self::Retried,
        Self::Released,
        Self::Abandoned,
        Self::LockLost,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Skipped => "skipped",
            Self::DeadLettered => "dead_lettered",
            Self::Retried => "retried",
            Self::Released => "released",
            Self::Abandoned => "abandoned",
            Self::LockLost => "lock_lost",
        }
    }
}

/// The instruments of a consumer. Cheap to clone; the default measures nothing.
#[derive(Clone, Default)]
pub struct ConsumerMetrics(Option<Arc<Instruments>>);

struct Instruments {
    meter: Meter,
    deliveries: Counter<u64>,
    dead_letters: Counter<u64>,
    effect_delay: Histogram<f64>,
    circuit_open: Gauge<u64>,
    /// Attributes are made once, in the order of their names, by which the SDK finds them at the first look.
    consumer: [KeyValue; 1],
    ends: [[KeyValue; 2]; 7],
    reasons: Words,
}

impl ConsumerMetrics {
    pub(super) fn new(meter: Meter, name: &'static str) -> Self {
        let consumer = || KeyValue::new("consumer", name);
        let instruments = Instruments {
            deliveries: meter
                .u64_counter("usher.deliveries")
                .with_unit("{delivery}")
                .with_description("What became of deliveries, and attempts that were followed by another")
                .build(),
            dead_letters: meter
                .u64_counter("usher.dead_letters.made")
                .with_unit("{message}")
                .with_description("Messages put into the dead-letter queue")
                .build(),
            effect_delay: meter
                .f64_histogram("usher.signup.effect.delay")
                .with_unit("s")
                .with_description("From a sign-up to its effect")
                .with_boundaries(DELAYS.to_vec())
                .build(),
            circuit_open: meter
                .u64_gauge("usher.circuit.open")
                .with_description("1 while the destination is taken to be down, and nothing is received")
                .build(),
            consumer: [consumer()],
            ends: Ended::ALL.map(|how| [consumer(), KeyValue::new("outcome", how.word())]),
            reasons: Words::default(),
            meter,
        };
        instruments.begin_at_zero();
        Self(Some(Arc::new(instruments)))
    }

    /// So many deliveries came to this end, for a reason that is a word out of a few, if there is one to tell.
    pub fn ended(&self, how: Ended, reason: Option<&str>, more: u64) {
        let Some(instruments) = &self.0 else { return };
        let end = &instruments.ends[how as usize];
        match reason {
            None => instruments.deliveries.add(more, end),
            Some(reason) => {
                let [consumer, outcome] = end.clone();
                let reason = KeyValue::new("reason", instruments.reasons.word(reason));
                instruments.deliveries.add(more, &[consumer, outcome, reason]);
            }
        }
        if how == Ended::DeadLettered {
            instruments.dead_letters.add(more, &instruments.consumer);
        }
    }

    /// So long after the sign-up its effect is there, or it is certain that none is called for.
    pub fn effect(&self, how: Ended, delay: Duration) {
        let Some(instruments) = &self.0 else { return };
        instruments.effect_delay.record(delay.as_secs_f64(), &instruments.ends[how as usize]);
    }

    /// The circuit opens or closes.
    pub fn circuit(&self, is_open: bool) {
        let Some(instruments) = &self.0 else { return };
        instruments.circuit_open.record(u64::from(is_open), &instruments.consumer);
    }

    /// How old the oldest message is that this consumer knows of, asked whenever somebody reads it.
    pub fn oldest(&self, age: impl Fn() -> Duration + Send + Sync + 'static) {
        let Some(instruments) = &self.0 else { return };
        let consumer = instruments.consumer.clone();
        instruments
            .meter
            .f64_observable_gauge("usher.messages.oldest.age")
            .with_unit("s")
            .with_description("How long ago the oldest message was sent that is in hand, or was given back since the circuit opened")
            .with_callback(move |gauge| gauge.observe(age().as_secs_f64(), &consumer))
            .build();
    }
}

impl Instruments {
    /// What is first seen at 1 looks to Prometheus as if it had not risen: the first dead letter would alarm nobody.
    fn begin_at_zero(&self) {
        self.dead_letters.add(0, &self.consumer);
        self.deliveries.add(0, &self.ends[Ended::Done as usize]);
        self.circuit_open.record(0, &self.consumer);
    }
}

impl fmt::Debug for ConsumerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConsumerMetrics").field(&self.0.is_some()).finish()
    }
}
