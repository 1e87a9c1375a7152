//! The trace of a sign-up: one, whoever publishes it and however often.
//!
//! Its id and those of the producer's spans follow from the event's id. Whatever is published once more, after a crash, by
//! a backfill or because somebody was missed, goes on with the same trace, and what is told of it twice is told of the
//! same spans (`docs/decisions/0007`).

use std::{borrow::Cow, time::SystemTime};

use opentelemetry::{
    Context, KeyValue, Value,
    trace::{Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use uuid::Uuid;

use crate::{
    context::{self, SpanReference},
    past::Past,
};

/// What a producer tells of a sign-up's way to the topic. All are parts of the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The whole: from the moment of the audit entry until the broker has accepted the event.
    SignUp,
    /// Until we saw it in the audit log.
    AuditDelay,
    /// The user was read.
    Enrich,
    /// The event was sent. Consumers go on from here.
    Send,
}

/// What is told of a part, once it is over.
#[derive(Debug)]
pub struct Told {
    /// Of which there are few.
    pub name: Cow<'static, str>,
    /// When it began.
    pub began: SystemTime,
    /// When it ended; never before it began, whatever clocks say.
    pub ended: SystemTime,
    /// Ids and codes, never values.
    pub attributes: Vec<(&'static str, Value)>,
    /// What else was done for it, and for others at the same time.
    pub link: Option<SpanReference>,
}

/// The trace of one sign-up.
#[derive(Clone, Copy, Debug)]
pub struct SignUpTrace {
    event_id: Uuid,
    flags: TraceFlags,
}

/// The id of the trace of the sign-up that this event tells of: 32 lower-case hexadecimal digits.
pub fn trace_id_of_event(event_id: Uuid) -> String {
    trace_id(event_id).to_string()
}

impl SignUpTrace {
    /// That of the sign-up that this event tells of; `None` without a subscriber.
    pub fn of(event_id: Uuid) -> Option<Self> {
        let is_sampled = Past::with(|past| past.samples(trace_id(event_id), Part::SignUp.key()))?;
        Some(Self { event_id, flags: TraceFlags::default().with_sampled(is_sampled) })
    }

    /// The context of a part as (`traceparent`, `tracestate`), to be sent along; `tracestate` is empty.
    pub fn context_of(&self, part: Part) -> Option<(String, String)> {
        context::written(&self.within(part))
    }

    /// Does some work as a part of it: log lines name the trace.
    pub fn in_scope<T>(&self, part: Part, work: impl FnOnce() -> T) -> T {
        let _scope = self.within(part).attach();
        work()
    }

    /// Tells of a part, if somebody collects this trace.
    pub fn tell(&self, part: Part, told: impl FnOnce() -> Told) {
        if self.flags.is_sampled() {
            Past::with(|past| {
                if past.is_collected() {
                    past.record(SpanData { instrumentation_scope: past.scope(), ..self.span(part, told()) });
                }
            });
        }
    }

    fn within(&self, part: Part) -> Context {
        Context::new().with_remote_span_context(self.context(part))
    }

    fn context(&self, part: Part) -> SpanContext {
        let (trace_id, span_id) = (trace_id(self.event_id), self.span_id(part));
        SpanContext::new(trace_id, span_id, self.flags, false, TraceState::NONE)
    }

    fn span_id(&self, part: Part) -> SpanId {
        let all = without_marks(Uuid::new_v5(&self.event_id, part.key().as_bytes()));
        let [.., a, b, c, d, e, f, g, h] = all;
        SpanId::from_bytes([a, b, c, d, e, f, g, h])
    }

    fn span(&self, part: Part, told: Told) -> SpanData {
        let Told { name, began, ended, attributes, link } = told;
        let mut links = SpanLinks::default();
        links.links.extend(link.map(|SpanReference(context)| Link::with_context(context)));
        SpanData {
            span_context: self.context(part),
            parent_span_id: if part == Part::SignUp { SpanId::INVALID } else { self.span_id(Part::SignUp) },
            parent_span_is_remote: false,
            span_kind: if part == Part::Send { SpanKind::Producer } else { SpanKind::Internal },
            name,
            start_time: began,
            end_time: ended.max(began),
            attributes: attributes.into_iter().map(|(name, value)| KeyValue::new(name, value)).collect(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links,
            status: Status::Unset,
            instrumentation_scope: Default::default(),
        }
    }
}

impl Part {
    /// What its id is made from, for ever.
    const fn key(self) -> &'static str {
        match self {
            Self::SignUp => "sign-up",
            Self::AuditDelay => "audit delay",
            Self::Enrich => "enrich",
            Self::Send => "send",
        }
    }
}

fn trace_id(event_id: Uuid) -> TraceId {
    TraceId::from_bytes(without_marks(event_id))
}

/// The bytes of a UUID in another order: version and variant, which are the same in all, move to the first half. Samplers
/// take the second for a random number.
fn without_marks(uuid: Uuid) -> [u8; 16] {
    let mut bytes = uuid.into_bytes();
    bytes.swap(0, 8);
    bytes
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use uuid::uuid;

    use super::*;
    use crate::testing::Recorded;

    const EVENT: Uuid = uuid!("30d0953d-0753-5930-a905-def22332f7e0");

    fn told(name: &'static str, began: u64, ended: u64) -> Told {
        let [began, ended] = [began, ended].map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        Told { name: name.into(), began, ended, attributes: vec![("usher.user.id", "u".into())], link: None }
    }

    #[test]
    fn a_sign_up_has_one_trace_for_ever() {
        assert_eq!(trace_id_of_event(EVENT), "a9d0953d075359303005def22332f7e0");
        let _recorded = Recorded::start();
        let twice = [SignUpTrace::of(EVENT), SignUpTrace::of(EVENT)];
        let [one, other] = twice.map(|trace| trace.unwrap().context_of(Part::Send).unwrap().0);
        assert_eq!(one, other);
        assert!(one.starts_with("00-a9d0953d075359303005def22332f7e0-") && one.ends_with("-01"), "{one}");
    }

    #[test]
    fn parts_are_told_with_their_own_times_under_one_root() {
        let recorded = Recorded::start();
        let trace = SignUpTrace::of(EVENT).unwrap();
        trace.tell(Part::AuditDelay, || told("audit delay", 100, 160));
        trace.tell(Part::Send, || told("send user-signups", 161, 162));
        trace.tell(Part::SignUp, || told("sign-up", 100, 162));

        let spans = recorded.spans();
        let [delay, send, root] = &spans[..] else { panic!("three: {spans:?}") };
        assert_eq!((root.parent.as_deref(), &*root.kind, root.seconds()), (None, "internal", 62.0));
        for child in [delay, send] {
            assert_eq!(child.parent.as_ref(), Some(&root.span_id));
            assert_eq!(child.trace_id, trace_id_of_event(EVENT));
        }
        assert_eq!((&*send.kind, delay.seconds()), ("producer", 60.0));
        assert_eq!(delay.began, UNIX_EPOCH + Duration::from_secs(100));
        assert_eq!(root.attribute("usher.user.id"), Some("u"));
    }

    #[test]
    fn a_clock_that_is_behind_makes_no_span_end_before_it_began() {
        let recorded = Recorded::start();
        SignUpTrace::of(EVENT).unwrap().tell(Part::AuditDelay, || told("audit delay", 100, 90));
        assert_eq!(recorded.spans()[0].seconds(), 0.0);
    }

    #[test]
    fn log_lines_and_spans_within_a_part_are_of_the_trace() {
        let recorded = Recorded::start();
        let trace = SignUpTrace::of(EVENT).unwrap();
        let named = trace.in_scope(Part::Send, crate::current_trace_id);
        assert_eq!(named, Some(trace_id_of_event(EVENT)));
        trace.in_scope(Part::Send, || tracing::info_span!("within").in_scope(|| {}));
        let (traceparent, _) = trace.context_of(Part::Send).unwrap();
        let within = recorded.spans().remove(0);
        assert!(traceparent.contains(within.parent.as_deref().unwrap()));
    }

    #[test]
    fn samplers_take_as_many_sign_ups_as_they_are_told() {
        let recorded = Recorded::start_with(&[
            ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
        ]);
        let mut sampled = 0;
        for n in 0..4_000_u32 {
            let event = Uuid::new_v5(&EVENT, &n.to_be_bytes());
            let trace = SignUpTrace::of(event).unwrap();
            trace.tell(Part::SignUp, || told("sign-up", 1, 2));
            let (traceparent, _) = trace.context_of(Part::Send).unwrap();
            sampled += usize::from(traceparent.ends_with("-01"));
        }
        assert!((900..1_100).contains(&sampled), "{sampled}");
        assert_eq!(recorded.spans().len(), sampled, "what is not sampled is not told");
    }

    #[test]
    fn without_a_subscriber_there_is_none() {
        assert!(SignUpTrace::of(EVENT).is_none());
    }
}
