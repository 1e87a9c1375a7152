//! Sign-ups to be consumed: the contract's full sample, each of another user.

use anyhow::Context;
use clap::Parser;
use usher_bus::{Bus, BusSettings, Message, ServiceBus};
use usher_event::{CONTENT_TYPE, EVENT_TYPE, Event, SUBJECT, property};
use uuid::Uuid;

const SAMPLE: &str = include_str!("../../../../schemas/samples/full.json");
/// Traces begin with the sign-up, so every message carries one.
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// The sample.
///
/// # Errors
/// It does not keep the contract.
pub(crate) fn sample() -> anyhow::Result<Event> {
    Event::from_json(SAMPLE.as_bytes()).context("the sample can't be read")
}

/// Whose subscription is measured: with copies for all consumers the topic would be full before the runs are over.
const SUBSCRIPTION: &str = "billing";

/// Publishes so many sign-ups, for one subscription alone.
///
/// # Errors
/// The broker does not take them.
pub(crate) async fn publish(connection_string: &str, count: u32) -> anyhow::Result<()> {
    let bus = ServiceBus::connect(&settings(connection_string)?, None)?;
    let publisher = bus.publisher("user-signups").await?;
    let sample = sample()?;
    publisher.publish((0..count).map(|_| message(&sample)).collect()).await?;
    bus.close().await;
    Ok(())
}

fn message(sample: &Event) -> Message {
    let mut data = sample.data.clone();
    data.user_id = Uuid::new_v4();
    let event = Event::new(data);
    let mut message = Message::new(event.id.to_string(), event.to_json())
        .with_property(property::EVENT_TYPE, EVENT_TYPE)
        .with_property(property::TENANT_ID, event.data.tenant_id.to_string())
        .with_property(property::REPLAY_TO, SUBSCRIPTION)
        .with_property(property::TRACEPARENT, TRACEPARENT);
    message.subject = Some(SUBJECT.to_owned());
    message.content_type = Some(CONTENT_TYPE.to_owned());
    message
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    bus: BusSettings,
}

fn settings(connection_string: &str) -> anyhow::Result<BusSettings> {
    let flags = ["usher-bench", "--servicebus-connection-string", connection_string];
    Ok(Flags::try_parse_from(flags)?.bus)
}
