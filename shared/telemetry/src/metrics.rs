//! Metrics: instruments of one meter, read in two ways. Prometheus comes and asks for them; a collector is sent them over
//! OTLP, every `OTEL_METRIC_EXPORT_INTERVAL` and once more at the end, if somebody has set an endpoint.
//!
//! What a process measures is that process's: [`init`](crate::init) makes its meters. In a simulation, where many services
//! share one process, nobody does, and there [`Meters::of_process`] measures nothing.

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use opentelemetry::{
    KeyValue,
    metrics::{Meter, MeterProvider},
};
use opentelemetry_otlp::{MetricExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{SdkMeterProvider, Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
};
use prometheus::{Registry, TextEncoder};
use uuid::Uuid;

use crate::{
    OURS, TelemetryError,
    settings::{Endpoint, Settings},
};

static PROCESS: OnceLock<Meters> = OnceLock::new();

/// Where instruments are made, and where they are read. Cheap to clone; the default is one that measures nothing.
#[derive(Clone, Default)]
pub struct Meters(Option<Arc<Readings>>);

struct Readings {
    provider: SdkMeterProvider,
    registry: Registry,
    /// Whether somebody is sent them.
    pushed: bool,
}

impl Meters {
    /// Those of this process, which nobody but [`init`](crate::init) can make.
    pub fn of_process() -> Self {
        PROCESS.get().cloned().unwrap_or_default()
    }

    /// Meters of their own that are sent nowhere, for one of several services in one process.
    pub fn apart() -> Self {
        Self::read_by(None::<Watched<MetricExporter>>, Resource::builder_empty().build())
    }

    /// What a service's own meters are; a collector is sent them if the settings name one.
    pub(crate) fn of(service: &'static str, settings: &Settings) -> Result<Self, TelemetryError> {
        let exporter = settings.metrics.as_ref().map(exporter).transpose()?;
        Ok(Self::read_by(exporter, resource(service, settings)))
    }

    fn read_by(exporter: Option<impl PushMetricExporter>, resource: Resource) -> Self {
        let registry = Registry::new();
        let scraped = opentelemetry_prometheus::exporter()
            .with_registry(registry.clone())
            // All instruments are of one scope: a label on each point would say nothing.
            .scope_info_enabled(false)
            .build()
            .expect("a registry that is new takes one collector");
        let provider = SdkMeterProvider::builder().with_resource(resource).with_reader(scraped);
        let pushed = exporter.is_some();
        let provider = match exporter {
            Some(exporter) => provider.with_periodic_exporter(exporter).build(),
            None => provider.build(),
        };
        Self(Some(Arc::new(Readings { provider, registry, pushed })))
    }

    /// From now on these are the process's; the first that were made stay.
    pub(crate) fn install(&self) {
        let _ = PROCESS.set(self.clone());
    }

    /// What makes instruments; `None` where nothing is measured.
    pub fn meter(&self) -> Option<Meter> {
        self.0.as_ref().map(|readings| readings.provider.meter(OURS))
    }

    /// All that is measured, in Prometheus's text format; `None` where nothing is.
    /// <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>
    pub fn text(&self) -> Option<String> {
        let readings = self.0.as_ref()?;
        TextEncoder::new().encode_to_string(&readings.registry.gather()).ok()
    }

    /// Sends what is left, on a thread of its own: the SDK waits for a collector longer than we may take to end. The
    /// receiver hears once that is done, or that there is nothing to do. Whoever stops listening ends the process, and
    /// with it the thread.
    pub(crate) fn shut_down(&self) -> mpsc::Receiver<()> {
        let (done, ended) = mpsc::channel();
        if let Some(readings) = self.0.clone().filter(|readings| readings.pushed) {
            let send = move || {
                // A failure has been logged by the exporter.
                let _ = readings.provider.shutdown();
                let _ = done.send(());
            };
            // Without a thread they are lost, as they would be without a collector.
            let _ = thread::Builder::new().name("usher-last-metrics".to_owned()).spawn(send);
        }
        ended
    }
}

impl fmt::Debug for Meters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pushed = self.0.as_ref().map(|readings| readings.pushed);
        f.debug_struct("Meters").field("measure", &pushed.is_some()).field("pushed", &pushed).finish()
    }
}

/// Who measures. Replicas must be told apart, and a replay from the consumer beside it: a collector would take their sums
/// for one sum that falls and rises.
fn resource(service: &'static str, settings: &Settings) -> Resource {
    let mut resource = Resource::builder();
    if !settings.named {
        resource = resource.with_service_name(service);
    }
    if !settings.instance_named {
        let instance = Uuid::new_v4().to_string();
        resource = resource.with_attributes([KeyValue::new("service.instance.id", instance)]);
    }
    resource.build()
}

fn exporter(endpoint: &Endpoint) -> Result<Watched<MetricExporter>, TelemetryError> {
    // Its own message would quote the URL, which may hold a key.
    let unusable = |_| TelemetryError::new(endpoint.setting, "not a URL that metrics can be sent to");
    let inner =
        MetricExporter::builder().with_http().with_endpoint(&endpoint.url).build().map_err(unusable)?;
    Ok(Watched { inner, failing: AtomicBool::new(false) })
}

/// An exporter that says when it begins to fail and when it works again, and nothing in between.
#[derive(Debug)]
struct Watched<E> {
    inner: E,
    failing: AtomicBool,
}

impl<E: PushMetricExporter> PushMetricExporter for Watched<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.inner.export(metrics).await;
        let failed_before = self.failing.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(why) if !failed_before => {
                tracing::warn!(error = %why, "metrics can't be exported until the collector is back");
            }
            Ok(()) if failed_before => tracing::info!("metrics are exported again"),
            _ => {}
        }
        result
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Fails as often as it is told.
    #[derive(Default)]
    struct Flaky {
        failures: Mutex<u32>,
    }

    impl PushMetricExporter for Flaky {
        async fn export(&self, _: &ResourceMetrics) -> OTelSdkResult {
            let mut left = self.failures.lock().unwrap();
            if *left == 0 {
                return Ok(());
            }
            *left -= 1;
            Err(opentelemetry_sdk::error::OTelSdkError::InternalFailure("no collector".to_owned()))
        }

        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }

        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }

        fn temporality(&self) -> Temporality {
            Temporality::Cumulative
        }
    }

    #[test]
    fn where_nobody_measures_there_is_no_meter_and_no_text() {
        let none = Meters::default();
        assert!(none.meter().is_none() && none.text().is_none());
        assert!(none.shut_down().recv().is_err(), "there is nothing to wait for");
    }

    #[test]
    fn two_services_in_one_process_measure_apart() {
        let (one, other) = (Meters::apart(), Meters::apart());
        one.meter()
            .unwrap()
            .u64_counter("usher.test")
            .build()
            .add(3, &[KeyValue::new("consumer", "billing")]);
        assert!(one.text().unwrap().contains("usher_test_total{consumer=\"billing\"} 3\n"));
        assert!(!other.text().unwrap().contains("usher_test"));
    }

    #[test]
    fn a_collector_that_is_away_is_one_failure_however_often_it_is_tried() {
        let flaky = Flaky { failures: Mutex::new(2) };
        let watched = Watched { inner: flaky, failing: AtomicBool::new(false) };
        let provider = SdkMeterProvider::builder().with_periodic_exporter(watched).build();
        provider.meter("test").u64_counter("test").build().add(1, &[]);
        let flushed = [(); 3].map(|()| provider.force_flush().is_ok());
        assert_eq!(flushed, [false, false, true]);
    }
}
