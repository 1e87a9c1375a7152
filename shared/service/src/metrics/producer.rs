//! What the producer measures.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry::metrics::{Histogram, Meter};
use time::OffsetDateTime;
use usher_clock::Clock;

use super::DELAYS;

/// The instruments of the producer. Cheap to clone; the default measures nothing.
#[derive(Clone, Default)]
pub struct ProducerMetrics(Option<Instruments>);

#[derive(Clone)]
struct Instruments {
    publish_delay: Histogram<f64>,
    watermark: Watermark,
}

/// Up to where the log was read; `None` before the checkpoint was.
#[derive(Clone, Default)]
struct Watermark(Arc<Mutex<Option<OffsetDateTime>>>);

impl ProducerMetrics {
    pub(super) fn new(meter: &Meter) -> Self {
        let publish_delay = meter
            .f64_histogram("usher.signup.publish.delay")
            .with_unit("s")
            .with_description("From a sign-up to the broker's acceptance of its event")
            .with_boundaries(DELAYS.to_vec())
            .build();
        let watermark = Watermark::default();
        watermark.observe(meter);
        Self(Some(Instruments { publish_delay, watermark }))
    }

    /// So long after the sign-up the broker has accepted its event.
    pub fn published(&self, delay: Duration) {
        if let Some(instruments) = &self.0 {
            instruments.publish_delay.record(delay.as_secs_f64(), &[]);
        }
    }

    /// Another producer works: how far it is, it tells itself.
    pub fn stand_down(&self) {
        if let Some(instruments) = &self.0 {
            *instruments.watermark.lock() = None;
        }
    }

    /// Everything up to then was read and published.
    pub fn reached(&self, watermark: OffsetDateTime) {
        if let Some(instruments) = &self.0 {
            *instruments.watermark.lock() = Some(watermark);
        }
    }
}

impl Watermark {
    /// The lag is reckoned when somebody reads it: it grows while a producer hangs.
    fn observe(&self, meter: &Meter) {
        let watermark = self.clone();
        meter
            .f64_observable_gauge("usher.watermark.lag")
            .with_unit("s")
            .with_description("How far behind the present the audit log was read and published")
            .with_callback(move |gauge| {
                if let Some(reached) = *watermark.lock() {
                    gauge.observe(Clock::system().since(reached).as_secs_f64(), &[]);
                }
            })
            .build();
    }

    fn lock(&self) -> MutexGuard<'_, Option<OffsetDateTime>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ProducerMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ProducerMetrics").field(&self.0.is_some()).finish()
    }
}
