use bytes::{Bytes, BytesMut};
use fe2o3_amqp_types::{
    definitions::{Error, ErrorCondition, Handle, ReceiverSettleMode, Role, SenderSettleMode},
    messaging::{
        self, ApplicationProperties, Body, DeliveryState, MessageAnnotations,
        annotations::OwnedKey,
        message::__private::{Deserializable, Serializable},
    },
    performatives,
    primitives::{Binary, OrderedMap, SimpleValue, Symbol, Value},
};
use proptest::prelude::*;
use usher_bus::{LockToken, PropertyValue};
use uuid::Uuid;

use super::{
    fault::Fault,
    frame::{self, MAX_FRAME},
    incoming::{self, Performative, State},
    message::{Sections, Stamp, admit, deliver},
    outgoing::{self, Outcome},
    reader::Reader,
    write,
};
use crate::machine::{DeadLetter, Millis};

type Message = messaging::Message<Body<Value>>;

fn message(properties: &[(&str, SimpleValue)]) -> Message {
    let properties = properties.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    Message {
        header: Some(messaging::Header { ttl: Some(60_000), ..Default::default() }),
        delivery_annotations: None,
        message_annotations: Some(MessageAnnotations(OrderedMap::from_iter([
            (Symbol::from("x-opt-partition-key").into(), Value::String("p".into())),
            (Symbol::from("x-opt-sequence-number").into(), Value::Long(99)),
        ]))),
        properties: Some(messaging::Properties {
            message_id: Some("id-1".to_owned().into()),
            subject: Some("UserSignedUp".to_owned()),
            ..Default::default()
        }),
        application_properties: Some(ApplicationProperties(properties.collect())),
        body: Body::Data(vec![messaging::Data(Binary::from(b"\x00\xff body".to_vec()))].into()),
        footer: None,
    }
}

fn encoded(message: Message) -> Vec<u8> {
    serde_amqp::to_vec(&Serializable(message)).unwrap()
}

/// The one frame in `out`, read by the other crate.
fn read_back(out: &BytesMut) -> performatives::Performative {
    let frame = frame::first(out).unwrap().unwrap();
    assert_eq!(frame.size, out.len());
    serde_amqp::from_slice(frame.body).unwrap()
}

fn stamp(dead_letter: Option<&DeadLetter>) -> Stamp<'_> {
    Stamp {
        sequence_number: 7,
        delivery_count: 2,
        enqueued_at: Millis(1000),
        locked_until: Some(Millis(2000)),
        token: Some(LockToken(Uuid::from_u128(5))),
        dead_letter,
    }
}

fn delivered(payload: &Bytes, dead_letter: Option<&DeadLetter>) -> Message {
    let mut out = Vec::new();
    deliver(&mut out, payload, &stamp(dead_letter)).unwrap();
    serde_amqp::from_slice::<Deserializable<Message>>(&out).unwrap().0
}

#[test]
fn the_machine_sees_what_the_sender_said() {
    let bytes =
        encoded(message(&[("tier", SimpleValue::String("gold".into())), ("n", SimpleValue::Long(-3))]));
    let admitted = admit(&bytes, 0).unwrap().remove(0);
    assert_eq!(admitted.facets.message_id.as_deref(), Some("id-1"));
    assert_eq!(admitted.facets.subject.as_deref(), Some("UserSignedUp"));
    assert_eq!(admitted.facets.time_to_live, Some(std::time::Duration::from_secs(60)));
    assert_eq!(admitted.facets.properties["tier"], PropertyValue::Text("gold".to_owned()));
    assert_eq!(admitted.facets.properties["n"], PropertyValue::Integer(-3));
    assert_eq!(admitted.facets.size, bytes.len());
}

#[test]
fn a_delivery_is_the_message_with_the_brokers_own_marks() {
    let sent = message(&[("tier", SimpleValue::String("gold".into()))]);
    let payload = admit(&encoded(sent.clone()), 0).unwrap().remove(0).payload;
    let got = delivered(&payload, None);
    assert_eq!(
        (got.body, got.properties, got.application_properties),
        (sent.body, sent.properties, sent.application_properties)
    );
    let header = got.header.unwrap();
    assert_eq!((header.ttl, header.delivery_count), (Some(60_000), 2));
    let annotations = got.message_annotations.unwrap().0;
    let at = |key: &str| annotations.get::<OwnedKey>(&Symbol::from(key).into()).cloned();
    assert_eq!(at("x-opt-sequence-number"), Some(Value::Long(7)), "the sender's own was dropped");
    assert_eq!(at("x-opt-partition-key"), Some(Value::String("p".into())));
    assert_eq!(annotations.len(), 4);
}

#[test]
fn a_dead_letter_says_why_in_its_properties_in_place_of_what_it_said_before() {
    let sent =
        message(&[("DeadLetterReason", SimpleValue::String("old".into())), ("a", SimpleValue::Bool(true))]);
    let payload = admit(&encoded(sent), 0).unwrap().remove(0).payload;
    let why = DeadLetter { reason: "R".to_owned(), description: "D".to_owned(), source: "work".to_owned() };
    let got = delivered(&payload, Some(&why)).application_properties.unwrap().0;
    assert_eq!(got.get("DeadLetterReason"), Some(&SimpleValue::String("R".into())));
    assert_eq!(got.get("DeadLetterErrorDescription"), Some(&SimpleValue::String("D".into())));
    assert_eq!(got.len(), 3);
}

#[test]
fn a_batch_is_taken_apart() {
    let inner = ["a", "b"].map(|key| encoded(message(&[(key, SimpleValue::Bool(true))])));
    let data = inner.iter().map(|bytes| messaging::Data(Binary::from(bytes.clone())));
    let batch = Message { body: Body::Data(data.collect::<Vec<_>>().into()), ..message(&[]) };
    let messages = admit(&encoded(batch), 0x8001_3700).unwrap();
    assert_eq!(messages.len(), 2);
    assert!(messages[1].facets.properties.contains_key("b"));
}

#[test]
fn an_attach_is_read_and_answered_as_the_other_crate_writes_and_reads_it() {
    let sent = performatives::Attach {
        name: "link".to_owned(),
        handle: Handle(3),
        role: Role::Receiver,
        snd_settle_mode: SenderSettleMode::Settled,
        rcv_settle_mode: ReceiverSettleMode::Second,
        source: Some(Box::new(messaging::Source::builder().address("work").build())),
        target: Some(Box::new(messaging::Target::builder().address("reply").build().into())),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: None,
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    };
    let bytes = serde_amqp::to_vec(&sent).unwrap();
    let Ok(Performative::Attach(attach)) = Performative::decode(&bytes) else { panic!("not an attach") };
    assert_eq!(
        (attach.name, attach.handle, attach.peer_receives, attach.snd_settle_mode),
        ("link", 3, true, 1)
    );
    assert_eq!((attach.source.address, attach.target.address), (Some("work"), Some("reply")));
    let mut out = BytesMut::new();
    outgoing::attach(&mut out, 0, &attach, 1024, false);
    let performatives::Performative::Attach(answer) = read_back(&out) else { panic!("not an attach") };
    assert_eq!((answer.role, answer.source, answer.target), (Role::Sender, sent.source, sent.target));
    assert_eq!((answer.initial_delivery_count, answer.max_message_size), (Some(0), Some(1024)));
}

#[test]
fn dead_letter_reasons_are_found_under_symbols_and_under_strings() {
    let rejected = |key: fn(&mut Vec<u8>, &str)| {
        let mut out = Vec::new();
        write::composite(&mut out, incoming::code::DISPOSITION, 5, |out| {
            out.extend_from_slice(&[0x41, 0x43, 0x40, 0x42]);
            write::composite(out, incoming::code::REJECTED, 1, |out| {
                write::composite(out, incoming::code::ERROR, 3, |out| {
                    write::symbol(out, "com.microsoft:dead-letter");
                    write::null(out);
                    write::map(out, 4, |out| {
                        key(out, "DeadLetterReason");
                        write::text(out, "R");
                        key(out, "DeadLetterErrorDescription");
                        write::text(out, "D");
                    });
                });
            });
        });
        let Ok(Performative::Disposition(disposition)) = Performative::decode(&out) else {
            panic!("{out:?}")
        };
        disposition.state
    };
    let expected = Some(State::Rejected { reason: "R".to_owned(), description: "D".to_owned() });
    assert_eq!(rejected(write::symbol), expected);
    assert_eq!(rejected(write::text), expected);
}

#[test]
fn what_we_write_is_what_the_other_crate_reads() {
    let mut out = BytesMut::new();
    outgoing::disposition(&mut out, 1, false, (4, 6), Outcome::Rejected(Some(Fault::LOCK_LOST)));
    let performatives::Performative::Disposition(read) = read_back(&out) else { panic!("not a disposition") };
    assert_eq!((read.role, read.first, read.last, read.settled), (Role::Sender, 4, Some(6), true));
    let Some(DeliveryState::Rejected(rejected)) = read.state else { panic!("{:?}", read.state) };
    let Some(Error { condition: ErrorCondition::Custom(condition), .. }) = rejected.error else {
        panic!("no error")
    };
    assert_eq!(condition, Symbol::from("com.microsoft:message-lock-lost"));

    let mut out = BytesMut::new();
    outgoing::open(&mut out, "b", 512, 3, 9);
    let performatives::Performative::Open(read) = read_back(&out) else { panic!("not an open") };
    assert_eq!((read.max_frame_size.0, read.channel_max.0, read.idle_time_out), (512, 3, Some(9)));
}

#[test]
fn a_message_is_cut_into_frames_no_larger_than_the_peer_takes() {
    let message: Vec<u8> = (0..=255).cycle().take(3000).collect();
    let delivery = outgoing::Delivery { channel: 2, handle: 1, id: 70_000, tag: [9; 16], settled: false };
    let (mut together, mut frames) = (Vec::new(), 0);
    for part in outgoing::parts(&message, 512) {
        let mut out = BytesMut::new();
        outgoing::transfer(&mut out, &delivery, part);
        assert!(out.len() <= 512, "{}", out.len());
        let frame = frame::first(&out).unwrap().unwrap();
        let Ok(Performative::Transfer(transfer)) = Performative::decode(frame.body) else {
            panic!("no transfer")
        };
        assert_eq!(transfer.delivery_id, (frames == 0).then_some(70_000));
        together.extend_from_slice(transfer.payload);
        assert_eq!(transfer.more, together.len() < message.len());
        frames += 1;
    }
    assert_eq!((together, frames), (message, 7));
}

#[test]
fn an_impossible_frame_size_is_refused_before_anything_is_waited_for() {
    assert_eq!(frame::first(&[0, 0, 0, 7, 2, 0, 0, 0]), Err(Fault::FRAMING));
    assert_eq!(frame::first(&[0, 0, 0, 16, 1, 0, 0, 0]), Err(Fault::FRAMING));
    assert_eq!(frame::first(&[0xff, 0, 0, 0, 2, 0, 0, 0]), Err(Fault::FRAMING));
    assert_eq!(frame::first(&[0, 0, 0, 16, 2, 0, 0]), Ok(None));
    const { assert!(MAX_FRAME >= 64 << 10) };
}

#[test]
fn counts_beyond_the_bytes_and_depths_without_end_are_refused() {
    assert!(Reader::new(&[0xd0, 0, 0, 0, 4, 0xff, 0xff, 0xff, 0xff]).value().is_err());
    assert!(Reader::new(&[0xf0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40]).value().is_err());
    assert!(Reader::new(&vec![0; 1 << 20]).value().is_err());
    assert!(Performative::decode(&vec![0; 1 << 20]).is_err());
}

/// Bytes that begin like something real, so that more than the first check is reached.
fn nearly_valid() -> impl Strategy<Value = Vec<u8>> {
    let seeds = vec![
        encoded(message(&[("k", SimpleValue::String("v".into()))])),
        serde_amqp::to_vec(&performatives::Close {
            error: Some(Error::from(ErrorCondition::Custom(Symbol::from("x")))),
        })
        .unwrap(),
        vec![0x00, 0x53, 0x14, 0xc0, 6, 4, 0x43, 0x43, 0xa0, 1, 7, 0x43],
        vec![0x00, 0x53, 0x15, 0xc0, 9, 5, 0x41, 0x43, 0x43, 0x41, 0x00, 0x53, 0x25, 0x45],
    ];
    let change = (any::<prop::sample::Index>(), any::<u8>());
    (prop::sample::select(seeds), prop::collection::vec(change, 0..6), any::<prop::sample::Index>()).prop_map(
        |(mut bytes, changes, end)| {
            changes.into_iter().for_each(|(at, byte)| {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            });
            bytes.truncate(end.index(bytes.len()) + 1);
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop_oneof![nearly_valid(), prop::collection::vec(any::<u8>(), 0..80)]) {
        let _ = frame::first(&bytes);
        let _ = Performative::decode(&bytes);
        let _ = Sections::of(&bytes);
        for format in [0, 0x8001_3700] {
            for admitted in admit(&bytes, format).into_iter().flatten() {
                let why = DeadLetter { reason: "R".to_owned(), description: String::new(), source: String::new() };
                let mut out = Vec::new();
                prop_assert!(deliver(&mut out, &admitted.payload, &stamp(Some(&why))).is_ok(), "admitted and not deliverable");
                prop_assert!(Sections::of(&out).is_ok());
            }
        }
    }
}
