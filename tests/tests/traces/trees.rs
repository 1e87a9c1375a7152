//! What every trace must be like, whoever it is about: one root, no orphan, no part that began before its whole.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;

use crate::receiver::Span;

/// All that was received, by trace.
pub(crate) struct Traces<'a>(BTreeMap<&'a str, Vec<&'a Span>>);

impl<'a> Traces<'a> {
    pub(crate) fn of(spans: &'a [Span]) -> Self {
        let mut traces = BTreeMap::<_, Vec<_>>::new();
        spans.iter().for_each(|span| traces.entry(&*span.trace_id).or_default().push(span));
        Self(traces)
    }

    pub(crate) fn get(&self, trace_id: &str) -> &[&'a Span] {
        self.0.get(trace_id).map_or(&[], Vec::as_slice)
    }

    /// What is not as it must be.
    pub(crate) fn flaws(&self) -> Vec<String> {
        self.0.values().flat_map(|trace| flaws(trace)).collect()
    }
}

fn flaws(trace: &[&Span]) -> Vec<String> {
    let ids: BTreeSet<_> = trace.iter().map(|span| &*span.span_id).collect();
    let roots: Vec<_> = trace.iter().filter(|span| span.parent.is_none()).map(|span| &*span.name).collect();
    let mut flaws = Vec::new();
    if roots.len() != 1 || ids.len() != trace.len() {
        flaws.push(format!("{} has the roots {roots:?}, and {} ids", trace[0].trace_id, ids.len()));
    }
    for span in trace {
        let of = format!("{} of {} in {}", span.name, span.service, span.trace_id);
        if span.parent.as_deref().is_some_and(|parent| !ids.contains(parent)) {
            flaws.push(format!("an orphan: {of}"));
        }
        if span.kind != kind(&span.name) {
            flaws.push(format!("of the kind {:?}: {of}", span.kind));
        }
        if span.end < span.start {
            flaws.push(format!("ends before it began: {of}"));
        }
    }
    flaws
}

/// The kind that a span of this name has.
fn kind(name: &str) -> SpanKind {
    match name.split(' ').next().unwrap() {
        "send" => SpanKind::Producer,
        "process" => SpanKind::Consumer,
        "complete" | "abandon" | "release" | "dead_letter" | "upsert" => SpanKind::Client,
        method if method.chars().all(|letter| letter.is_ascii_uppercase()) => SpanKind::Client,
        _ => SpanKind::Internal,
    }
}

/// The parts of a span, the earliest first.
pub(crate) fn parts<'a>(trace: &[&'a Span], of: &Span) -> Vec<&'a Span> {
    let is_part = |span: &&&Span| span.parent.as_ref() == Some(&of.span_id);
    let mut parts: Vec<_> = trace.iter().filter(is_part).copied().collect();
    parts.sort_by_key(|span| span.start);
    parts
}
