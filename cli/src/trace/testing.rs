//! Spans for tests, in the milliseconds of a sign-up.

use std::ops::Range;

use serde_json::{Map, Value};

use super::span::{Kind, Link, Span, State};

/// The trace of all of them, unless a test says otherwise.
pub(crate) const TRACE: &str = "5231e74098163514c0fa8943e8ece282";
/// When the sign-ups of the tests begin: 2026-01-01 12:00 in UTC, in nanoseconds.
pub(crate) const NOON: u64 = 1_767_268_800_000_000_000;

const MILLISECOND: u64 = 1_000_000;

/// Work that went on from one millisecond after noon to another.
pub(crate) fn span(id: &str, parent: Option<&str>, service: &str, name: &str, millis: Range<u64>) -> Span {
    Span {
        trace_id: TRACE.to_owned(),
        span_id: span_id(id),
        parent_span_id: parent.map(span_id),
        name: name.to_owned(),
        kind: Kind::Internal,
        service: service.to_owned(),
        start_unix_nano: NOON + millis.start * MILLISECOND,
        end_unix_nano: NOON + millis.end * MILLISECOND,
        status: State::Unset,
        status_message: String::new(),
        attributes: Map::new(),
        links: Vec::new(),
    }
}

fn span_id(id: &str) -> String {
    format!("{id:0>16}")
}

impl Span {
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    pub(crate) fn of_kind(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    pub(crate) fn of_trace(self, trace_id: &str) -> Self {
        Self { trace_id: trace_id.to_owned(), ..self }
    }

    pub(crate) fn which_failed(self, why: &str) -> Self {
        Self { status: State::Error, status_message: why.to_owned(), ..self }
    }

    pub(crate) fn linked_to(mut self, trace_id: &str, id: &str) -> Self {
        let link = Link { trace_id: trace_id.to_owned(), span_id: span_id(id), attributes: Map::new() };
        self.links.push(link);
        self
    }
}

/// A sign-up of this user, and what its consumers did: each a name, and how it parted with the message.
pub(crate) fn sign_up(user: &str, consumers: &[(&str, &str)]) -> Vec<Span> {
    let about = |span: Span| span.with("usher.user.id", user).with("usher.event.id", format!("event-{user}"));
    let mut spans = vec![
        about(span("1", None, "usher-producer", "sign-up", 0..4_200)),
        about(span("2", Some("1"), "usher-producer", "send user-signups", 4_180..4_200)),
    ];
    for (n, (consumer, settled)) in consumers.iter().enumerate() {
        let (id, settle_id) = (format!("{n}a"), format!("{n}b"));
        let (service, name) = (format!("usher-{consumer}"), format!("process {consumer}"));
        let process = span(&id, Some("2"), &service, &name, 4_210..4_900).of_kind(Kind::Consumer);
        let settle = span(&settle_id, Some(&id), &service, "settle", 4_890..4_900);
        let settle = settle.with("messaging.operation.name", *settled).of_kind(Kind::Client);
        let reason = (*settled == "dead_letter").then_some("StripeRejected");
        spans.push(about(process));
        spans.push(reason.iter().fold(settle, |it, reason| it.with("usher.dead_letter.reason", *reason)));
    }
    spans
}
