//! Step 4: one message for each sign-up.
//!
//! Its MessageId is the event's id, which follows from tenant and user: whatever we repeat after a crash, the
//! broker's duplicate detection and the consumers know it again. So does its trace, which consumers go on with.

use usher_bus::{BusError, Message, Publisher};
use usher_clock::Clock;
use usher_event::{CONTENT_TYPE, EVENT_TYPE, Event, SUBJECT, property};
use usher_telemetry::{Part, SignUpTrace};

use crate::{
    SignUp,
    trace::{self, Reading, Sending},
};

/// A sign-up that can be published.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) sign_up: SignUp,
    pub(crate) event: Event,
    pub(crate) reading: Reading,
}

/// Publishes the sign-ups and returns once the broker has accepted every one.
///
/// # Errors
/// As [`Publisher::publish`]: any of them may have been accepted.
pub(crate) async fn publish(
    publisher: &dyn Publisher,
    ready: &[Ready],
    clock: Clock,
) -> Result<(), BusError> {
    if ready.is_empty() {
        return Ok(());
    }
    let traces: Vec<_> = ready.iter().map(|it| SignUpTrace::of(it.event.id.into())).collect();
    let messages = ready.iter().zip(&traces).map(|(it, trace)| message(&it.event, trace.as_ref())).collect();
    let began = clock.now();
    publisher.publish(messages).await?;
    let ended = clock.now();
    for (ready, trace) in ready.iter().zip(&traces) {
        match (trace, publisher.topic()) {
            (Some(trace), Some(topic)) => {
                trace.in_scope(Part::Send, || note(&ready.event));
                trace::tell(trace, ready, Sending { topic, began, ended });
            }
            _ => note(&ready.event),
        }
    }
    Ok(())
}

/// Without the span around it, which is that of a poll.
fn note(event: &Event) {
    tracing::info!(parent: None, event = %event.id, user = %event.data.user_id, "published");
}

/// The message for an event, in the trace of its sign-up.
fn message(event: &Event, trace: Option<&SignUpTrace>) -> Message {
    let mut message = Message::new(event.id.to_string(), event.to_json())
        .with_property(property::EVENT_TYPE, EVENT_TYPE)
        .with_property(property::TENANT_ID, event.data.tenant_id.to_string());
    message.subject = Some(SUBJECT.to_owned());
    message.content_type = Some(CONTENT_TYPE.to_owned());
    match trace.and_then(|trace| trace.context_of(Part::Send)) {
        Some((parent, _)) => message.with_property(property::TRACEPARENT, parent),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::Mutex,
        time::{Duration, SystemTime},
    };

    use async_trait::async_trait;
    use serde_json::json;
    use time::{OffsetDateTime, macros::datetime};
    use usher_event::UserSignedUp;
    use usher_telemetry::{
        testing::{Recorded, SeenSpan},
        trace_id_of, trace_id_of_event,
    };
    use uuid::Uuid;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-01-01 12:00 UTC);
    const MINUTE: Duration = Duration::from_secs(60);

    /// Accepts all but the first few batches.
    #[derive(Default)]
    struct Topic {
        messages: Mutex<Vec<Message>>,
        refuses: Mutex<usize>,
    }

    #[async_trait]
    impl Publisher for Topic {
        async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
            let mut refuses = self.refuses.lock().unwrap();
            // Accepted all the same, as it may be when a connection breaks before the broker's word arrives.
            self.messages.lock().unwrap().extend(messages);
            if *refuses == 0 {
                return Ok(());
            }
            *refuses -= 1;
            Err(BusError::Unavailable("broken".to_owned()))
        }

        fn topic(&self) -> Option<&str> {
            Some("user-signups")
        }
    }

    impl Topic {
        /// The trace and the span that each message names.
        fn contexts(&self) -> Vec<(String, String)> {
            let context = |message: &Message| {
                let parent = message.text_property(property::TRACEPARENT).unwrap();
                (trace_id_of(parent).unwrap(), parent.split('-').nth(2).unwrap().to_owned())
            };
            self.messages.lock().unwrap().iter().map(context).collect()
        }
    }

    /// Signed up at noon, seen two minutes later, read at once.
    fn ready(user: u128) -> Ready {
        let data = json!({
            "tenantId": Uuid::from_u128(1), "userId": Uuid::from_u128(user), "emailVerified": false,
            "displayName": "Ada Lovelace", "email": "ada@example.com",
            "identityProviders": [], "signedUpAt": "2026-01-01T12:00:00Z", "audit": { "id": "Directory_1" }
        });
        let event = Event::new(serde_json::from_value::<UserSignedUp>(data).unwrap());
        let sign_up = SignUp {
            user_id: Uuid::from_u128(user),
            at: NOON,
            entry_id: "Directory_1".to_owned(),
            correlation_id: None,
            app_id: None,
            seen_at: Some(NOON + 2 * MINUTE),
        };
        let reading = Reading { began: NOON + 3 * MINUTE, ended: NOON + 3 * MINUTE, span: None };
        Ready { sign_up, event, reading }
    }

    fn clock() -> Clock {
        Clock::starting_at(NOON + 4 * MINUTE)
    }

    fn named<'a>(spans: &'a [SeenSpan], name: &str) -> Vec<&'a SeenSpan> {
        spans.iter().filter(|span| span.name == name).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_sign_up_is_a_trace_of_its_own_from_the_audit_entry_to_the_topic() {
        let recorded = Recorded::start();
        let topic = Topic::default();
        let poll = tracing::info_span!("poll").entered();
        publish(&topic, &[ready(2), ready(3)], clock()).await.unwrap();
        drop(poll);

        let spans = recorded.spans();
        let roots = named(&spans, "sign-up");
        assert_eq!(roots.len(), 2);
        for (root, context) in roots.into_iter().zip(topic.contexts()) {
            let event_id = root.attribute("usher.event.id").unwrap().parse().unwrap();
            assert_eq!((&root.trace_id, &root.trace_id), (&context.0, &trace_id_of_event(event_id)));
            assert_eq!((root.parent.as_deref(), root.seconds()), (None, 240.0));
            assert_eq!(root.began, SystemTime::from(NOON));
            let parts: Vec<_> = spans.iter().filter(|it| it.parent.as_ref() == Some(&root.span_id)).collect();
            let names: Vec<_> = parts.iter().map(|it| (&*it.name, &*it.kind)).collect();
            let expected =
                [("audit delay", "internal"), ("enrich", "internal"), ("send user-signups", "producer")];
            assert_eq!(names, expected);
            assert_eq!((parts[0].seconds(), &parts[2].span_id), (120.0, &context.1));
            assert_eq!(parts[2].attribute("messaging.operation.type"), Some("send"));
        }
        assert!(!format!("{spans:?}").contains("Ada") && !format!("{spans:?}").contains("ada@"), "{spans:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_broker_had_to_be_told_twice_is_told_once_and_under_the_same_ids() {
        let recorded = Recorded::start();
        let topic = Topic { refuses: Mutex::new(1), ..Topic::default() };
        assert!(publish(&topic, &[ready(2)], clock()).await.is_err());
        assert!(recorded.spans().is_empty(), "nobody knows yet what became of it");
        publish(&topic, &[ready(2)], clock()).await.unwrap();
        assert_eq!(named(&recorded.spans(), "sign-up").len(), 1);
        let [first, second] = &topic.contexts()[..] else { panic!("two messages") };
        assert_eq!(first, second);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_sweep_publishes_again_goes_on_with_its_trace_and_is_not_told_again() {
        let recorded = Recorded::start();
        let topic = Topic::default();
        let mut swept = ready(2);
        swept.sign_up.seen_at = None;
        publish(&topic, &[swept], clock()).await.unwrap();
        assert!(recorded.spans().is_empty());
        assert_eq!(topic.contexts()[0].0, trace_id_of_event(ready(2).event.id.into()));
    }

    #[tokio::test]
    async fn without_a_subscriber_a_message_names_no_trace() {
        let topic = Topic::default();
        publish(&topic, &[ready(2)], clock()).await.unwrap();
        assert_eq!(topic.messages.lock().unwrap()[0].text_property(property::TRACEPARENT), None);
    }
}
