//! Traces on their way out: OTLP over HTTP, in batches, from a thread of the SDK's own.
//!
//! The batch processor drives its exporter from a plain thread, so that only a blocking HTTP client works
//! with it; it shares the one `reqwest` of the other crates. A collector that is down costs a bounded queue
//! and one log line.

use std::sync::atomic::{AtomicU64, Ordering};

use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    error::{OTelSdkError, OTelSdkResult},
    trace::{SdkTracerProvider, SpanData},
};

use crate::{
    TelemetryError,
    settings::{Endpoint, Settings},
};

/// A provider always, so that spans have ids; with an exporter if somebody wants the traces.
pub(crate) fn provider(
    service: &'static str,
    settings: &Settings,
) -> Result<SdkTracerProvider, TelemetryError> {
    let mut resource = Resource::builder();
    if !settings.named {
        resource = resource.with_service_name(service);
    }
    let provider = SdkTracerProvider::builder().with_resource(resource.build());
    Ok(match &settings.endpoint {
        Some(endpoint) => provider.with_batch_exporter(exporter(endpoint)?).build(),
        None => provider.build(),
    })
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
            tracing::warn!(%why, "traces can't be exported and are lost until the collector is back");
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

    fn shutdown(&self) -> OTelSdkResult {
        self.inner.shutdown()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}
