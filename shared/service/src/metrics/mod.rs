//! What a service measures: the instruments that docs/instrumentation.md lists, and no others. Prometheus reads them at
//! `/metrics`, a collector is sent them.
//!
//! The attributes have few values, nearly all of them known beforehand: a consumer's name, an outcome, a resource, the name
//! of a setting, and a reason, of which there is a bounded number. What belongs to one user or one message is never one.
//!
//! Without meters, as in simulations, each call is a look at a `None`.

mod consumer;
mod expiries;
mod producer;
mod quotas;
mod words;

use std::time::Duration;

use time::OffsetDateTime;
use usher_telemetry::Meters;

use expiries::Expiries;
use quotas::{Quota, Quotas};

pub use consumer::{ConsumerMetrics, Ended};
pub use producer::ProducerMetrics;

/// Where the buckets of a delay end, in seconds: from an entry that shows at once, past the minutes that an audit log
/// usually takes, to the day that it takes somebody to mend an outage.
const DELAYS: [f64; 18] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0, 10_800.0,
    21_600.0, 43_200.0, 86_400.0,
];

/// What a service measures. Cheap to clone; the default measures nothing.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    meters: Meters,
    quotas: Quotas,
    expiries: Expiries,
}

impl Metrics {
    /// Those of this process; they measure nothing in a process whose telemetry was not started.
    pub fn of_process() -> Self {
        Self::on(Meters::of_process())
    }

    /// Those that are made on these meters.
    pub fn on(meters: Meters) -> Self {
        let metrics = Self { meters, ..Self::default() };
        if let Some(meter) = metrics.meters.meter() {
            metrics.quotas.observe(&meter);
            metrics.expiries.observe(&meter);
        }
        metrics
    }

    /// The instruments of a consumer.
    pub fn consumer(&self, name: &'static str) -> ConsumerMetrics {
        self.meters.meter().map_or_else(ConsumerMetrics::default, |meter| ConsumerMetrics::new(meter, name))
    }

    /// The instruments of the producer.
    pub fn producer(&self) -> ProducerMetrics {
        self.meters.meter().map_or_else(ProducerMetrics::default, |meter| ProducerMetrics::new(&meter))
    }

    /// Watches a quota from now on: how much of it is `used` (0 to 1), and how long whoever asks now has to `wait`; `None`
    /// while nobody can tell. Of several quotas of one resource the one that is nearest to its end counts.
    pub fn quota(
        &self,
        resource: &'static str,
        used: impl Fn() -> Option<f64> + Send + Sync + 'static,
        wait: impl Fn() -> Option<Duration> + Send + Sync + 'static,
    ) {
        if self.meters.meter().is_some() {
            self.quotas.add(Quota { resource, used: Box::new(used), wait: Box::new(wait) });
        }
    }

    /// The credential that this setting holds expires then. To be told again whenever another has taken its place.
    pub fn credential_expires(&self, setting: &'static str, at: OffsetDateTime) {
        self.expiries.set(setting, Box::new(move || Some(at)));
    }

    /// Watches the credential that this setting holds from now on, whichever that is by then; `None` while nobody knows
    /// when it expires, or it does not.
    pub fn credential(
        &self,
        setting: &'static str,
        expires: impl Fn() -> Option<OffsetDateTime> + Send + Sync + 'static,
    ) {
        self.expiries.set(setting, Box::new(expires));
    }

    /// All of it in Prometheus's text format; `None` if nothing is measured.
    pub(crate) fn text(&self) -> Option<String> {
        self.meters.text()
    }
}

#[cfg(test)]
mod tests;
