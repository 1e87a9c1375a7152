//! Traces on their way out: OTLP over HTTP, in batches, from a thread of the SDK's own.
//!
//! The batch processor drives its exporter from a plain thread, so that only a blocking HTTP client works
//! with it; it shares the one `reqwest` of the other crates. A collector that is down costs a bounded queue
//! and one log line.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanProcessor},
};

use crate::{
    TelemetryError,
    past::{Past, Shared},
    settings::{Endpoint, Settings},
};

/// What becomes of spans, whichever way they are made.
pub(crate) struct Traces {
    /// Always, so that spans have ids; with an exporter if somebody collects them.
    pub(crate) provider: SdkTracerProvider,
    /// For those that are over by the time they are made.
    pub(crate) past: Past,
}

impl Traces {
    /// Those of a service; a collector is sent them if the settings name one.
    pub(crate) fn of(service: &'static str, settings: &Settings) -> Result<Self, TelemetryError> {
        let mut resource = Resource::builder();
        if !settings.named {
            resource = resource.with_service_name(service);
        }
        let exporter = settings.endpoint.as_ref().map(exporter).transpose()?;
        let processor = exporter.map(|exporter| BatchSpanProcessor::builder(exporter).build());
        Ok(Self::going_to(processor, resource.build(), settings.sampler.clone()))
    }

    /// Those that a processor is handed, if there is one.
    pub(crate) fn going_to(
        processor: Option<impl SpanProcessor + 'static>,
        resource: Resource,
        sampler: Sampler,
    ) -> Self {
        let processor = processor.map(|mut processor| {
            processor.set_resource(&resource);
            Shared::new(processor)
        });
        let provider = SdkTracerProvider::builder().with_resource(resource).with_sampler(sampler.clone());
        let provider = match processor.clone() {
            Some(processor) => provider.with_span_processor(processor).build(),
            None => provider.build(),
        };
        Self { provider, past: Past::new(processor, sampler) }
    }
}

fn exporter(endpoint: &Endpoint) -> Result<Watched<SpanExporter>, TelemetryError> {
    // Its own message would quote the URL, which may hold a key.
    let unusable = |_| TelemetryError::new(endpoint.setting, "not a URL that traces can be sent to");
    let inner = SpanExporter::builder().with_http().with_endpoint(&endpoint.url).build().map_err(unusable)?;
    Ok(Watched { inner, lost: AtomicU64::new(0) })
}

/// An exporter that says when it begins to fail and when it works again, and nothing in between.
#[derive(Debug)]
struct Watched<E> {
    inner: E,
    /// Spans lost since the last success.
    lost: AtomicU64,
}

impl<E> Watched<E> {
    fn failed(&self, spans: u64, why: &OTelSdkError) {
        if self.lost.fetch_add(spans, Ordering::Relaxed) == 0 {
            tracing::warn!(error = %why, "traces can't be exported and are lost until the collector is back");
        }
    }

    fn succeeded(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            tracing::info!(lost, "traces are exported again");
        }
    }
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for Watched<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len() as u64;
        let result = self.inner.export(batch).await;
        match &result {
            Ok(()) => self.succeeded(),
            Err(why) => self.failed(spans, why),
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
