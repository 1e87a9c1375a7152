//! How near the quotas are to their ends, asked whenever somebody reads it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use opentelemetry::{
    KeyValue,
    metrics::{AsyncInstrument, Meter},
};

/// A quota, and whom to ask about it.
pub(super) struct Quota {
    pub(super) resource: &'static str,
    pub(super) used: Box<dyn Fn() -> Option<f64> + Send + Sync>,
    pub(super) wait: Box<dyn Fn() -> Option<Duration> + Send + Sync>,
}

/// All that are watched.
#[derive(Clone, Default)]
pub(super) struct Quotas(Arc<Mutex<Vec<Quota>>>);

impl Quotas {
    pub(super) fn add(&self, quota: Quota) {
        self.lock().push(quota);
    }

    pub(super) fn observe(&self, meter: &Meter) {
        let quotas = self.clone();
        meter
            .f64_observable_gauge("usher.quota.used")
            .with_unit("1")
            .with_description("How much of a quota was used, at its busiest within the last minute")
            .with_callback(move |gauge| quotas.tell(gauge, |quota| (quota.used)()))
            .build();
        let quotas = self.clone();
        meter
            .f64_observable_gauge("usher.quota.wait")
            .with_unit("s")
            .with_description("How long a call that is asked for now waits for its turn")
            .with_callback(move |gauge| quotas.tell(gauge, |quota| Some((quota.wait)()?.as_secs_f64())))
            .build();
    }

    /// The highest of each resource.
    fn tell(&self, gauge: &dyn AsyncInstrument<f64>, of: impl Fn(&Quota) -> Option<f64>) {
        let mut highest = BTreeMap::new();
        for quota in self.lock().iter() {
            if let Some(value) = of(quota) {
                let so_far = highest.entry(quota.resource).or_insert(value);
                *so_far = f64::max(*so_far, value);
            }
        }
        for (resource, value) in highest {
            gauge.observe(value, &[KeyValue::new("resource", resource)]);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Quota>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().iter().map(|quota| quota.resource)).finish()
    }
}
