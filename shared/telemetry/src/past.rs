//! Spans that are over by the time they are made: of what began in the audit log, long before we heard of it.
//!
//! `tracing` knows no beginning but now, and the SDK gives every span a random id. So these are written down as a whole and
//! handed to the processor that all other spans go to. It is found through the subscriber, as a layer that does nothing
//! else: without a subscriber there is none.

use std::{fmt, sync::Arc, time::Duration};

use opentelemetry::{
    Context, InstrumentationScope,
    trace::{SpanKind, TraceId},
};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{Sampler, SamplingDecision, ShouldSample, Span, SpanData, SpanProcessor},
};
use tracing::Subscriber;
use tracing_subscriber::Layer;

use crate::OURS;

/// Where finished spans go, and which of them.
#[derive(Debug)]
pub(crate) struct Past {
    /// `None` if nobody collects them.
    processor: Option<Shared>,
    sampler: Sampler,
    scope: InstrumentationScope,
}

impl Past {
    pub(crate) fn new(processor: Option<Shared>, sampler: Sampler) -> Self {
        Self { processor, sampler, scope: InstrumentationScope::builder(OURS).build() }
    }

    /// Asks that of the present subscriber; `None` without one that has it.
    pub(crate) fn with<T>(ask: impl FnOnce(&Self) -> T) -> Option<T> {
        let mut ask = Some(ask);
        tracing::dispatcher::get_default(|dispatch| {
            let past = dispatch.downcast_ref::<Self>()?;
            ask.take().map(|ask| ask(past))
        })
    }

    pub(crate) fn is_collected(&self) -> bool {
        self.processor.is_some()
    }

    /// Whether a trace that begins here is one of those to be collected.
    pub(crate) fn samples(&self, trace_id: TraceId, root: &str) -> bool {
        let result = self.sampler.should_sample(None, trace_id, root, &SpanKind::Internal, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    pub(crate) fn scope(&self) -> InstrumentationScope {
        self.scope.clone()
    }

    /// Hands it on. Whether it is sampled, it says itself.
    pub(crate) fn record(&self, span: SpanData) {
        if let Some(Shared(processor)) = &self.processor {
            processor.on_end(span);
        }
    }
}

impl<S: Subscriber> Layer<S> for Past {}

/// A processor that spans come to on two ways: those of the SDK, and those that are written down as a whole.
#[derive(Clone)]
pub(crate) struct Shared(Arc<dyn SpanProcessor>);

impl Shared {
    /// The processor knows its resource by now: a shared one can't be told.
    pub(crate) fn new(processor: impl SpanProcessor + 'static) -> Self {
        Self(Arc::new(processor))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shared")
    }
}

impl SpanProcessor for Shared {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, span: SpanData) {
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }
}
