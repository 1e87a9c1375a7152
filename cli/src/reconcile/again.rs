//! Publishing again, for one subscription alone: every other's rule passes over it.

use std::{path::Path, sync::Arc};

use time::OffsetDateTime;
use tracing::{Span, info_span};
use usher_bus::{Bus, BusError, BusSettings, Message, Publisher, ServiceBus};
use usher_clock::Clock;
use usher_event::{CONTENT_TYPE, EVENT_TYPE, Event, SUBJECT, property};
use usher_service::Failure;
use usher_telemetry::{Part, SignUpTrace};
use uuid::{Uuid, uuid};

/// The namespace of the MessageIds that are made here.
const NAMESPACE: Uuid = uuid!("0b6f0c7e-5d5f-4f0e-8a3d-6f1d4c1f5a60");
/// For so many seconds what is published again has the same MessageId: somebody who runs the command twice in a row sends
/// it once, and it is under way.
const SAME_FOR: i64 = 15 * 60;

/// The way to the topic.
pub(super) struct Again {
    bus: ServiceBus,
    publisher: Arc<dyn Publisher>,
    subscription: String,
}

impl Again {
    /// # Errors
    /// The broker refuses us or can't be reached.
    pub(super) async fn open(
        settings: &BusSettings,
        extra_ca: Option<&Path>,
        subscription: &str,
    ) -> Result<Self, Failure> {
        let bus = ServiceBus::connect(settings, extra_ca).map_err(|e| Failure::setting(e.setting(), e))?;
        match bus.publisher(settings.topic()).await {
            Ok(publisher) => Ok(Self { bus, publisher, subscription: subscription.to_owned() }),
            Err(error) => {
                bus.close().await;
                Err(match error {
                    BusError::Unauthorized { .. } => {
                        let said = format!("{error}: --fix takes Send on the topic");
                        Failure::setting(settings.credential_setting(), said)
                    }
                    error => Failure::Unavailable(error.to_string()),
                })
            }
        }
    }

    /// Publishes these; all of them are accepted when it returns.
    ///
    /// # Errors
    /// The broker does not take them. Some may have been taken: the same again does no harm.
    pub(super) async fn publish(&self, events: &[&Event]) -> Result<(), Failure> {
        if events.is_empty() {
            return Ok(());
        }
        let now = Clock::system().now();
        let topic = self.publisher.topic().unwrap_or_default();
        let spans: Vec<_> = events.iter().map(|event| span(event, topic)).collect();
        let within =
            |(event, span): (&&Event, &Span)| span.in_scope(|| message(event, &self.subscription, now));
        let messages = events.iter().zip(&spans).map(within).collect();
        let sent = self.publisher.publish(messages).await;
        spans.iter().for_each(|span| end(span, &sent));
        sent.map_err(|error| Failure::Unavailable(error.to_string()))
    }

    pub(super) async fn close(self) {
        self.bus.close().await;
    }
}

/// In the trace of the sign-up.
fn span(event: &Event, topic: &str) -> Span {
    let span = info_span!(
        "send",
        otel.kind = "producer",
        otel.name = format!("send {topic}").as_str(),
        "messaging.system" = "servicebus",
        "messaging.operation.name" = "send",
        "messaging.operation.type" = "send",
        "messaging.destination.name" = topic,
        "usher.event.id" = %event.id,
        "usher.user.id" = %event.data.user_id,
        "usher.reconcile" = true,
    );
    let root = SignUpTrace::of(event.id.into()).and_then(|trace| trace.context_of(Part::SignUp));
    usher_telemetry::set_parent(&span, root.as_ref().map(|(parent, _)| parent.as_str()), None);
    span
}

/// A span ends when it was last entered: now.
fn end(span: &Span, sent: &Result<(), BusError>) {
    if let Err(error) = sent {
        usher_telemetry::failed(span, error.kind(), String::new());
    }
    span.in_scope(|| ());
}

/// As the producer publishes it, with an id of its own: duplicate detection would take the producer's for a repeat.
fn message(event: &Event, subscription: &str, now: OffsetDateTime) -> Message {
    let period = now.unix_timestamp() / SAME_FOR;
    let id = Uuid::new_v5(&NAMESPACE, format!("{}/{subscription}/{period}", event.id).as_bytes());
    let mut message = Message::new(id.to_string(), event.to_json())
        .with_property(property::EVENT_TYPE, EVENT_TYPE)
        .with_property(property::TENANT_ID, event.data.tenant_id.to_string())
        .with_property(property::REPLAY_TO, subscription);
    message.subject = Some(SUBJECT.to_owned());
    message.content_type = Some(CONTENT_TYPE.to_owned());
    match usher_telemetry::current_trace_context() {
        Some((parent, _)) => message.with_property(property::TRACEPARENT, parent),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);

    fn sample() -> Event {
        Event::from_json(include_bytes!("../../../schemas/samples/full.json")).unwrap()
    }

    #[test]
    fn what_is_published_again_is_for_one_subscription_and_no_repeat_of_what_was_published_before() {
        let (event, message) = (sample(), message(&sample(), "billing", NOON));
        assert_eq!(message.text_property(property::REPLAY_TO), Some("billing"));
        assert_eq!(Event::from_json(&message.body).unwrap(), event);
        assert_ne!(message.id, event.id.to_string());
    }

    #[test]
    fn twice_in_a_row_is_once_and_later_is_again() {
        let id = |subscription, after: i64| {
            message(&sample(), subscription, NOON + time::Duration::seconds(after)).id
        };
        assert_eq!(id("billing", 0), id("billing", SAME_FOR - 1));
        assert_ne!(id("billing", 0), id("billing", SAME_FOR));
        assert_ne!(id("billing", 0), id("email", 0));
    }
}
