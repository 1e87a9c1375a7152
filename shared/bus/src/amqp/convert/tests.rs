use fe2o3_amqp_types::messaging::message::{
    __private::{Deserializable, Serializable},
    EmptyBody,
};
use time::macros::datetime;

use super::*;

const NOW: OffsetDateTime = datetime!(2026-03-01 12:00 UTC);

fn clock() -> Clock {
    Clock::starting_at(NOW)
}

/// Through the real codec and back.
fn over_the_wire(message: Message) -> Message {
    let bytes = serde_amqp::to_vec(&Serializable(to_wire(message).message)).unwrap();
    let arrived: Deserializable<WireMessage> = serde_amqp::from_slice(&bytes).unwrap();
    from_wire(arrived.0)
}

fn arrived(body: WireBody) -> WireMessage {
    AmqpMessage::<EmptyBody>::default().map_body(|EmptyBody {}| body)
}

fn annotated(name: &str, value: Value) -> WireMessage {
    let mut annotations = OrderedMap::new();
    annotations.insert(name.into(), value);
    WireMessage { message_annotations: Some(MessageAnnotations(annotations)), ..arrived(Body::Empty) }
}

fn timestamp(at: OffsetDateTime) -> Value {
    Value::Timestamp(Timestamp::from_milliseconds(milliseconds(at)))
}

#[test]
fn a_message_crosses_the_wire_unchanged() {
    let message = Message {
        subject: Some("UserSignedUp".into()),
        content_type: Some("application/cloudevents+json".into()),
        correlation_id: Some("c-1".into()),
        time_to_live: Some(Duration::from_secs(60)),
        ..Message::new("m-1", &b"{\"name\":\"Zo\xc3\xab\"}"[..])
    }
    .with_property("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    .with_property("n", PropertyValue::Integer(-7))
    .with_property("f", PropertyValue::Float(1.5))
    .with_property("b", PropertyValue::Boolean(true))
    .with_property("u", PropertyValue::Uuid(Uuid::from_u128(5)))
    .with_property("t", PropertyValue::Time(datetime!(2026-01-02 03:04:05.678 UTC)));
    assert_eq!(over_the_wire(message.clone()), message);
}

#[test]
fn whole_numbers_of_any_width_are_whole_numbers() {
    for value in [SimpleValue::Ubyte(7), SimpleValue::Ushort(7), SimpleValue::Uint(7), SimpleValue::Ulong(7)]
    {
        assert_eq!(property_value(value), Some(PropertyValue::Integer(7)));
    }
    for value in [SimpleValue::Byte(-7), SimpleValue::Short(-7), SimpleValue::Int(-7), SimpleValue::Long(-7)]
    {
        assert_eq!(property_value(value), Some(PropertyValue::Integer(-7)));
    }
    assert_eq!(property_value(SimpleValue::Ulong(u64::MAX)), Some(PropertyValue::Text(u64::MAX.to_string())));
}

#[test]
fn what_has_no_kind_of_ours_becomes_text_or_is_dropped() {
    assert_eq!(property_value(SimpleValue::Symbol("s".into())), Some("s".into()));
    assert_eq!(property_value(SimpleValue::Char('ë')), Some("ë".into()));
    assert_eq!(property_value(SimpleValue::Null), None);
    assert_eq!(property_value(SimpleValue::Binary(vec![1].into())), None);
}

#[test]
fn bodies_of_other_kinds_are_bytes_or_empty() {
    let text = Body::Value(AmqpValue(Value::String("x".into())));
    assert_eq!(from_wire(arrived(text)).body, "x");
    assert_eq!(from_wire(arrived(Body::Value(AmqpValue(Value::Int(1))))).body, "");
    assert_eq!(from_wire(arrived(Body::Empty)).body, "");
    let parts = Body::Data(vec![Data(vec![b'a'].into()), Data(vec![b'b'].into())].into());
    assert_eq!(from_wire(arrived(parts)).body, "ab");
}

#[tokio::test(start_paused = true)]
async fn a_lock_lasts_until_the_broker_says() {
    let message = annotated(LOCKED_UNTIL, timestamp(NOW + Duration::from_secs(45)));
    let received = delivery(&DeliveryTag::from(vec![0; 16]), message, clock());
    assert_eq!(received.locked_for, Duration::from_secs(45));
}

#[tokio::test(start_paused = true)]
async fn where_the_clocks_differ_a_lock_is_taken_to_be_short() {
    for until in [None, Some(NOW - Duration::from_secs(9)), Some(NOW + Duration::from_secs(3600))] {
        assert_eq!(lock_duration(until, clock()), ASSUMED_LOCK);
    }
}

#[tokio::test(start_paused = true)]
async fn the_brokers_annotations_are_read() {
    let message = annotated(SEQUENCE_NUMBER, Value::Long(42));
    let seen = peeked(message, clock());
    assert_eq!((seen.sequence_number, seen.delivery_count, seen.enqueued_at), (42, 0, NOW));
    let earlier = NOW - Duration::from_secs(5);
    assert_eq!(peeked(annotated(ENQUEUED_TIME, timestamp(earlier)), clock()).enqueued_at, earlier);
}

#[test]
fn the_delivery_tag_is_the_lock_token_as_a_little_endian_guid() {
    let token = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);
    assert_eq!(lock_token(&DeliveryTag::from(token.to_bytes_le().to_vec())), LockToken(token));
}
