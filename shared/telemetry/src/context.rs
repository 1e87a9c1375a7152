//! The trace context as it travels: W3C `traceparent` and `tracestate`.
//! <https://www.w3.org/TR/trace-context/>

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{SpanContext, TraceContextExt},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The current span's context as (`traceparent`, `tracestate`), to be sent along; `tracestate` may be empty.
/// `None` outside a span and without a subscriber.
pub fn current_trace_context() -> Option<(String, String)> {
    written(&Context::current())
}

/// A context as (`traceparent`, `tracestate`); `None` if it is nobody's.
pub(crate) fn written(context: &Context) -> Option<(String, String)> {
    let mut carrier = Carrier::default();
    TraceContextPropagator::new().inject_context(context, &mut carrier);
    Some((carrier.traceparent?, carrier.tracestate.unwrap_or_default()))
}

/// Makes a span the child of a remote one. It must not have been entered yet. A context that is missing or
/// not well-formed leaves it as it is: a stranger's broken header is no reason to fail.
pub fn set_parent(span: &Span, traceparent: Option<&str>, tracestate: Option<&str>) {
    if let Some(remote) = traceparent.and_then(|it| parse(it, tracestate)) {
        // Errors mean that nobody traces this span.
        let _ = span.set_parent(Context::new().with_remote_span_context(remote));
    }
}

/// Links a span to a remote one, which it has to do with beside its parent. A context that is missing or not well-formed
/// is passed over.
pub fn link(span: &Span, traceparent: Option<&str>, tracestate: Option<&str>) {
    if let Some(remote) = traceparent.and_then(|it| parse(it, tracestate)) {
        span.add_link(remote);
    }
}

/// A span of this process, for others to be linked to.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanReference(pub(crate) SpanContext);

/// What leads to a span; `None` if nobody traces it.
pub fn reference_to(span: &Span) -> Option<SpanReference> {
    let context = span.context();
    let context = context.span().span_context().clone();
    context.is_valid().then_some(SpanReference(context))
}

/// The trace id in a `traceparent`: 32 lower-case hexadecimal digits. `None` if it is not well-formed.
pub fn trace_id_of(traceparent: &str) -> Option<String> {
    parse(traceparent, None).map(|it| it.trace_id().to_string())
}

/// The current span's trace id; `None` outside a span and without a subscriber.
pub fn current_trace_id() -> Option<String> {
    current_ids().map(|(trace, _)| trace)
}

/// The current trace id and span id.
pub(crate) fn current_ids() -> Option<(String, String)> {
    Context::map_current(|current| {
        let span = current.span();
        let ids = span.span_context();
        ids.is_valid().then(|| (ids.trace_id().to_string(), ids.span_id().to_string()))
    })
}

fn parse(traceparent: &str, tracestate: Option<&str>) -> Option<SpanContext> {
    // The library's parser takes ids that are too short and fills them up.
    if !traceparent.split('-').map(str::len).take(4).eq([2, 32, 16, 2]) {
        return None;
    }
    let received = Received { traceparent, tracestate };
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &received);
    let remote = context.span().span_context().clone();
    remote.is_valid().then_some(remote)
}

/// The two values on their way into a message.
#[derive(Default)]
struct Carrier {
    traceparent: Option<String>,
    tracestate: Option<String>,
}

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        match key {
            "traceparent" => self.traceparent = Some(value),
            "tracestate" => self.tracestate = Some(value),
            _ => {}
        }
    }
}

/// The two values as a message brought them.
struct Received<'a> {
    traceparent: &'a str,
    tracestate: Option<&'a str>,
}

impl Extractor for Received<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => Some(self.traceparent),
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_id_is_read_from_a_well_formed_parent_only() {
        assert_eq!(trace_id_of(PARENT).as_deref(), Some("0af7651916cd43dd8448eb211c80319c"));
        for broken in
            ["", "00", "00-0af7-b7ad-01", &PARENT.replace('a', "A"), &PARENT.replace("0af7", "zzzz")]
        {
            assert_eq!(trace_id_of(broken), None, "{broken}");
        }
    }

    #[test]
    fn without_a_subscriber_nothing_happens() {
        let span = tracing::info_span!("deliver");
        set_parent(&span, Some(PARENT), None);
        span.in_scope(|| {
            assert_eq!(current_trace_context(), None);
            assert_eq!(current_trace_id(), None);
        });
    }
}
