//! The corrected copy: the original's message with another body, for one subscription alone.

use usher_bus::{Message, Peeked};
use usher_event::{CONTENT_TYPE, EVENT_TYPE, Event, SUBJECT, property};
use uuid::{Uuid, uuid};

/// The namespace of the MessageIds of corrected copies, and of the hashes of their bodies.
const NAMESPACE: Uuid = uuid!("8c1a5b0e-0f6d-5d5c-9a51-2f0c7f6f1e42");
/// What the names of the properties begin with that a broker adds to a dead letter.
const OF_A_DEAD_LETTER: &str = "DeadLetter";

/// The copy. It stays in the trace of the sign-up.
pub(super) fn corrected(original: &Peeked, event: &Event, subscription: &str, body: Vec<u8>) -> Message {
    let id = message_id(&event.id.to_string(), subscription, original.sequence_number, &body);
    let mut copy = Message {
        id: id.to_string(),
        subject: Some(SUBJECT.to_owned()),
        content_type: Some(CONTENT_TYPE.to_owned()),
        body: body.into(),
        ..original.message.clone()
    };
    copy.properties.retain(|name, _| !name.starts_with(OF_A_DEAD_LETTER));
    copy.with_property(property::EVENT_TYPE, EVENT_TYPE)
        .with_property(property::TENANT_ID, event.data.tenant_id.to_string())
        .with_property(property::REPLAY_TO, subscription)
}

/// The copy as it is sent: whoever receives it goes on from the present span, if there is one.
pub(super) fn in_present_trace(copy: Message) -> Message {
    let Some((parent, state)) = usher_telemetry::current_trace_context() else { return copy };
    let copy = copy.with_property(property::TRACEPARENT, parent);
    if state.is_empty() { copy } else { copy.with_property(property::TRACESTATE, state) }
}

/// Another one for each correction, so that duplicate detection takes it for news, and the same one when the same
/// correction is sent again, after a connection broke between the copy and the original's completion.
fn message_id(event_id: &str, subscription: &str, sequence_number: i64, body: &[u8]) -> Uuid {
    let hash = Uuid::new_v5(&NAMESPACE, body);
    let name = format!("{event_id}/{subscription}/{sequence_number}/{hash}");
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use time::OffsetDateTime;
    use usher_bus::PropertyValue;
    use usher_telemetry::testing::Recorded;

    use super::*;

    const EVENT: &[u8] = include_bytes!("../../../../schemas/samples/full.json");

    #[test]
    fn the_copy_keeps_the_trace_is_for_one_subscription_and_is_no_dead_letter() {
        let event = Event::from_json(EVENT).unwrap();
        let message = Message::new(event.id.to_string(), EVENT)
            .with_property("DeadLetterReason", "StripeRejected")
            .with_property("DeadLetterErrorDescription", "status=400")
            .with_property("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let enqueued_at = OffsetDateTime::UNIX_EPOCH;
        let original = Peeked { message, sequence_number: 7, delivery_count: 1, enqueued_at };
        let copy = corrected(&original, &event, "billing", b"{}".to_vec());
        assert_eq!(copy.dead_letter(), (None, None));
        assert_eq!(copy.properties["replayTo"], PropertyValue::from("billing"));
        assert_eq!(copy.properties["traceparent"], original.message.properties["traceparent"]);
        assert_eq!(&copy.body[..], b"{}");
        assert_ne!(copy.id, original.message.id);
    }

    #[test]
    fn what_receives_the_copy_goes_on_from_where_it_was_sent_in_the_same_trace() {
        const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let recorded = Recorded::start();
        let span = tracing::info_span!("send");
        usher_telemetry::set_parent(&span, Some(PARENT), None);
        let message = Message::new("m", "{}").with_property(property::TRACEPARENT, PARENT);
        let copy = span.in_scope(|| in_present_trace(message.clone()));
        drop(span);
        let sent = recorded.spans().remove(0);
        let expected = format!("00-0af7651916cd43dd8448eb211c80319c-{}-01", sent.span_id);
        assert_eq!(copy.text_property(property::TRACEPARENT), Some(&*expected));
        assert_eq!(in_present_trace(message.clone()), message, "outside it stays as it is");
    }

    #[test]
    fn each_correction_has_an_id_of_its_own_and_the_same_one_has_the_same() {
        let ids = [
            message_id("e", "billing", 7, b"a"),
            message_id("f", "billing", 7, b"a"),
            message_id("e", "email", 7, b"a"),
            message_id("e", "billing", 8, b"a"),
            message_id("e", "billing", 7, b"b"),
        ];
        assert_eq!(BTreeSet::from(ids).len(), ids.len());
        assert_eq!(message_id("e", "billing", 7, b"a"), ids[0]);
        assert_eq!(ids[0].get_version_num(), 5);
    }
}
