//! What is told of a sign-up's way to the topic: all at once, when it is there. Until then nobody knows whether it will be
//! and how often it takes, and a poll that fails and the next one, which sees the same sign-up, would tell it twice.

use std::time::SystemTime;

use time::OffsetDateTime;
use usher_telemetry::{Part, SignUpTrace, SpanReference, Told, Value};

use crate::publish::Ready;

/// How the user of a sign-up was read, together with others.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) began: OffsetDateTime,
    pub(crate) ended: OffsetDateTime,
    /// The span of that.
    pub(crate) span: Option<SpanReference>,
}

/// How its event was sent, together with others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sending<'a> {
    pub(crate) topic: &'a str,
    pub(crate) began: OffsetDateTime,
    pub(crate) ended: OffsetDateTime,
}

/// Tells it, unless it was told before: of what only a sweep finds, nobody knows that it was not.
pub(crate) fn tell(trace: &SignUpTrace, ready: &Ready, sending: Sending<'_>) {
    let Ready { sign_up, reading, .. } = ready;
    let Some(seen) = sign_up.seen_at else { return };
    trace.tell(Part::AuditDelay, || told("audit delay", sign_up.at, seen));
    trace.tell(Part::Enrich, || Told {
        link: reading.span.clone(),
        ..told("enrich", reading.began, reading.ended)
    });
    trace.tell(Part::Send, || Told {
        name: format!("send {}", sending.topic).into(),
        attributes: [about(ready), message(ready, sending.topic)].concat(),
        ..told("", sending.began, sending.ended)
    });
    trace.tell(Part::SignUp, || Told {
        attributes: about(ready),
        ..told("sign-up", sign_up.at, sending.ended)
    });
}

fn told(name: &'static str, began: OffsetDateTime, ended: OffsetDateTime) -> Told {
    let [began, ended] = [began, ended].map(SystemTime::from);
    Told { name: name.into(), began, ended, attributes: Vec::new(), link: None }
}

fn about(Ready { sign_up, event, .. }: &Ready) -> Vec<(&'static str, Value)> {
    vec![
        ("usher.event.id", event.id.to_string().into()),
        ("usher.user.id", sign_up.user_id.to_string().into()),
    ]
}

/// As OpenTelemetry's conventions for Service Bus have it.
/// <https://opentelemetry.io/docs/specs/semconv/messaging/azure-messaging/#send-span-producer>
fn message(Ready { event, .. }: &Ready, topic: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("messaging.system", "servicebus".into()),
        ("messaging.operation.name", "send".into()),
        ("messaging.operation.type", "send".into()),
        ("messaging.destination.name", topic.to_owned().into()),
        ("messaging.message.id", event.id.to_string().into()),
    ]
}
