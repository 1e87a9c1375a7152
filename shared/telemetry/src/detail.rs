//! What only those want who are sent the traces.
//!
//! Every service gives its spans ids, so that each log line and each dead letter names its trace. All else about traces,
//! the spans within a delivery and what is known of each, is made only where somebody collects it: a consumer that does
//! fifty thousand messages a second would feel it.

use opentelemetry::{Value, trace::Status};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::past::Past;

/// The target of spans that are made only where traces are collected. They stand on no log line.
pub const DETAIL: &str = "usher::detail";

/// Whether traces of the code that asks are collected. Costs a few comparisons.
pub fn traces_are_collected() -> bool {
    Past::with(Past::is_collected).unwrap_or_default()
}

/// Says something of a span to whoever collects it, and to no log line.
pub fn attribute(span: &Span, name: &'static str, value: impl Into<Value>) {
    span.set_attribute(name, value);
}

/// A span failed: the kind of failure, of which there are few, and what is known beyond it in codes; empty if nothing is.
pub fn failed(span: &Span, kind: impl Into<Value>, what: String) {
    span.set_attribute("error.type", kind);
    span.set_status(Status::error(what));
}
