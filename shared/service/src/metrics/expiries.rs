//! When our credentials expire, asked whenever somebody reads it.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use opentelemetry::{KeyValue, metrics::Meter};
use time::OffsetDateTime;
use usher_clock::Clock;

type Expiry = Box<dyn Fn() -> Option<OffsetDateTime> + Send + Sync>;

/// By the names of the settings that hold them.
#[derive(Clone, Default)]
pub(super) struct Expiries(Arc<Mutex<BTreeMap<&'static str, Expiry>>>);

impl Expiries {
    pub(super) fn set(&self, setting: &'static str, expiry: Expiry) {
        self.lock().insert(setting, expiry);
    }

    pub(super) fn observe(&self, meter: &Meter) {
        let expiries = self.clone();
        meter
            .f64_observable_gauge("usher.credential.expires_in")
            .with_unit("s")
            .with_description("How long a credential still holds; below zero, it has expired")
            .with_callback(move |gauge| {
                let now = Clock::system().now();
                for (setting, expiry) in expiries.lock().iter() {
                    if let Some(at) = expiry() {
                        gauge.observe((at - now).as_seconds_f64(), &[KeyValue::new("setting", *setting)]);
                    }
                }
            })
            .build();
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, Expiry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Expiries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}
