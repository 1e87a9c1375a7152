//! What tests see of spans: all that this thread makes, kept in memory, as they would be exported.

use std::{collections::BTreeMap, time::SystemTime};

use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry_sdk::{
    Resource,
    trace::{InMemorySpanExporter, SimpleSpanProcessor, SpanData},
};
use tracing::dispatcher::DefaultGuard;

use crate::{Look, dispatch, export::Traces, settings::Settings};

/// Records the spans of this thread for as long as it lives.
pub struct Recorded {
    exporter: InMemorySpanExporter,
    _subscriber: DefaultGuard,
}

impl Recorded {
    /// Starts to record.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// As it would be done with these settings, which stand for the environment.
    ///
    /// # Panics
    /// If they can't be used.
    pub fn start_with(environment: &[(&str, &str)]) -> Self {
        let value = |name: &str| {
            environment.iter().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned())
        };
        let settings = Settings::read(value).expect("settings that can be used");
        let exporter = InMemorySpanExporter::default();
        let processor = SimpleSpanProcessor::new(exporter.clone());
        let resource = Resource::builder_empty().build();
        let traces = Traces::going_to(Some(processor), resource, settings.sampler.clone());
        let dispatch = dispatch("usher-test", traces, &settings, Look::Machine, std::io::sink);
        Self { exporter, _subscriber: tracing::dispatcher::set_default(&dispatch) }
    }

    /// The spans that have ended, the first to end first.
    ///
    /// # Panics
    /// If a thread panicked that recorded one.
    pub fn spans(&self) -> Vec<SeenSpan> {
        let spans = self.exporter.get_finished_spans().expect("nothing panics while it records");
        spans.into_iter().map(SeenSpan::from).collect()
    }
}

/// A span that has ended.
#[derive(Clone, Debug)]
pub struct SeenSpan {
    /// Its name.
    pub name: String,
    /// Its kind, in lower case.
    pub kind: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 of them.
    pub span_id: String,
    /// The id of the span that it is a part of, in this process or another.
    pub parent: Option<String>,
    /// When it began.
    pub began: SystemTime,
    /// When it ended.
    pub ended: SystemTime,
    /// `None` unless it failed; what is known of that.
    pub error: Option<String>,
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The ids of the spans that it is linked to.
    pub links: Vec<String>,
    /// The names of what happened meanwhile.
    pub events: Vec<String>,
}

impl SeenSpan {
    /// An attribute.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// How long it took.
    ///
    /// # Panics
    /// If it ended before it began.
    pub fn seconds(&self) -> f64 {
        self.ended.duration_since(self.began).expect("spans end after they began").as_secs_f64()
    }
}

impl From<SpanData> for SeenSpan {
    fn from(span: SpanData) -> Self {
        let parent = Some(span.parent_span_id).filter(|id| *id != SpanId::INVALID);
        let attributes = span.attributes.into_iter();
        Self {
            name: span.name.into_owned(),
            kind: kind(&span.span_kind).to_owned(),
            trace_id: span.span_context.trace_id().to_string(),
            span_id: span.span_context.span_id().to_string(),
            parent: parent.map(|id| id.to_string()),
            began: span.start_time,
            ended: span.end_time,
            error: if let Status::Error { description } = span.status {
                Some(description.into_owned())
            } else {
                None
            },
            attributes: attributes.map(|it| (it.key.to_string(), it.value.to_string())).collect(),
            links: span.links.into_iter().map(|link| link.span_context.span_id().to_string()).collect(),
            events: span.events.into_iter().map(|event| event.name.into_owned()).collect(),
        }
    }
}

fn kind(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "client",
        SpanKind::Server => "server",
        SpanKind::Producer => "producer",
        SpanKind::Consumer => "consumer",
        SpanKind::Internal => "internal",
    }
}
