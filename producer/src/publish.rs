//! Step 4: one message for each sign-up.
//!
//! Its MessageId is the event's id, which follows from tenant and user: whatever we repeat after a crash, the
//! broker's duplicate detection and the consumers know it again.

use tracing::{Span, info_span};
use usher_bus::{BusError, Message, Publisher};
use usher_event::{CONTENT_TYPE, EVENT_TYPE, Event, SUBJECT, UserSignedUp, property};

/// Publishes the sign-ups and returns once the broker has accepted every one. Each starts a trace of its own,
/// which its consumers continue.
///
/// # Errors
/// As [`Publisher::publish`]: any of them may have been accepted.
pub(crate) async fn publish(publisher: &dyn Publisher, sign_ups: Vec<UserSignedUp>) -> Result<(), BusError> {
    if sign_ups.is_empty() {
        return Ok(());
    }
    let events: Vec<_> = sign_ups.into_iter().map(Event::new).collect();
    // Held until the broker has answered: a span lasts as long as its sending.
    let spans: Vec<_> = events.iter().map(span).collect();
    let messages = events.iter().zip(&spans).map(|(event, span)| span.in_scope(|| message(event))).collect();
    let sent = publisher.publish(messages).await;
    for (event, span) in events.iter().zip(&spans) {
        span.in_scope(|| note(event, span, &sent));
    }
    sent
}

fn note(event: &Event, span: &Span, sent: &Result<(), BusError>) {
    match sent {
        Ok(()) => tracing::info!(event = %event.id, user = %event.data.user_id, "published"),
        Err(error) => {
            span.record("error.type", tracing::field::display(error));
            span.record("otel.status_code", "ERROR");
        }
    }
}

fn span(event: &Event) -> Span {
    info_span!(
        parent: None,
        "publish sign-up",
        otel.kind = "producer",
        messaging.system = "servicebus",
        messaging.operation.r#type = "send",
        messaging.message.id = %event.id,
        usher.user.id = %event.data.user_id,
        error.r#type = tracing::field::Empty,
        otel.status_code = tracing::field::Empty,
    )
}

/// The message for an event, in the trace of the current span.
fn message(event: &Event) -> Message {
    let mut message = Message::new(event.id.to_string(), event.to_json())
        .with_property(property::EVENT_TYPE, EVENT_TYPE)
        .with_property(property::TENANT_ID, event.data.tenant_id.to_string());
    message.subject = Some(SUBJECT.to_owned());
    message.content_type = Some(CONTENT_TYPE.to_owned());
    if let Some((parent, state)) = usher_telemetry::current_trace_context() {
        message = message.with_property(property::TRACEPARENT, parent);
        if !state.is_empty() {
            message = message.with_property(property::TRACESTATE, state);
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use serde_json::json;
    use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};
    use usher_telemetry::trace_id_of;
    use uuid::Uuid;

    use super::*;

    #[derive(Default)]
    struct Topic(Mutex<Vec<Message>>);

    #[async_trait]
    impl Publisher for Topic {
        async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
            self.0.lock().unwrap().extend(messages);
            Ok(())
        }
    }

    fn sign_up(user: u128) -> UserSignedUp {
        let data = json!({
            "tenantId": Uuid::from_u128(1), "userId": Uuid::from_u128(user), "emailVerified": false,
            "identityProviders": [], "signedUpAt": "2026-01-01T12:00:00Z", "audit": { "id": "Directory_1" }
        });
        serde_json::from_value(data).unwrap()
    }

    #[tokio::test]
    async fn each_sign_up_starts_a_trace_of_its_own() {
        let tracer = SdkTracerProvider::builder().build().tracer("test");
        let traced = tracing_subscriber::registry().with(tracing_opentelemetry::layer().with_tracer(tracer));
        let _guard = traced.set_default();
        let topic = Topic::default();
        let _poll = info_span!("poll").entered();
        let poll = usher_telemetry::current_trace_id();

        publish(&topic, vec![sign_up(2), sign_up(3)]).await.unwrap();

        let messages = topic.0.lock().unwrap();
        let trace = |at: usize| messages[at].text_property(property::TRACEPARENT).and_then(trace_id_of);
        assert!(trace(0).is_some() && trace(1).is_some());
        assert!(trace(0) != trace(1) && trace(0) != poll && trace(1) != poll);
    }
}
