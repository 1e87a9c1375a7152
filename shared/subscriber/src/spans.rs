//! The spans of a consumer, after OpenTelemetry's conventions for messaging and for Service Bus.
//! <https://opentelemetry.io/docs/specs/semconv/messaging/azure-messaging/>
//!
//! That of a delivery is always there, since log lines and dead letters name its trace. Its parts, and all that is known of
//! it beyond what log lines say, are made only where traces are collected.

use std::sync::Arc;

use tracing::{Span, info_span};
use usher_bus::{BusError, Delivery, Entity, Settlement};
use usher_event::{Event, property};
use usher_http::Failure;
use usher_telemetry::{DETAIL, attribute, failed, traces_are_collected};

use crate::{
    Down, Outcome, Rejection,
    deliver::{Panicked, Verdict},
};

const SYSTEM: &str = "servicebus";

/// Makes the spans of one receiver.
pub(crate) struct Spans {
    /// `None` where there is no broker.
    topic: Option<Arc<str>>,
    subscription: String,
    /// The name of a delivery's span.
    process: String,
}

impl Spans {
    /// Of what is received from an entity, or of what has no other name.
    pub(crate) fn of(entity: Option<&Entity>, name: &str) -> Self {
        let topic: Option<Arc<str>> = entity.map(|entity| entity.topic.as_str().into());
        let subscription = entity.map_or(name, |entity| entity.subscription.as_str()).to_owned();
        Self { process: on("process", topic.as_deref()), topic, subscription }
    }

    /// That of a delivery, in the trace that began with the sign-up.
    pub(crate) fn process(&self, delivery: &Delivery) -> Span {
        let collected = traces_are_collected();
        let span = info_span!(
            "process",
            otel.kind = "consumer",
            otel.name = collected.then_some(self.process.as_str()),
            messaging.destination.subscription.name = self.subscription.as_str(),
            messaging.message.id = delivery.message.id.as_str(),
            messaging.servicebus.message.delivery_count = i64::from(delivery.delivery_count),
        );
        let text = |name| delivery.message.text_property(name);
        usher_telemetry::set_parent(&span, text(property::TRACEPARENT), text(property::TRACESTATE));
        if collected {
            self.describe(&span, delivery);
        }
        span
    }

    /// That of a dead letter that is tried again. It goes on with the sign-up's trace, however much later, and is linked to
    /// what the letter was sent by: that is where to look for the first time.
    pub(crate) fn replay(&self, letter: &Delivery) -> Span {
        let span = self.process(letter);
        let text = |name| letter.message.text_property(name);
        usher_telemetry::link(&span, text(property::TRACEPARENT), text(property::TRACESTATE));
        attribute(&span, "usher.replay", true);
        span
    }

    fn describe(&self, span: &Span, delivery: &Delivery) {
        attribute(span, "messaging.system", SYSTEM);
        attribute(span, "messaging.operation.name", "process");
        attribute(span, "messaging.operation.type", "process");
        if let Some(topic) = &self.topic {
            attribute(span, "messaging.destination.name", topic.clone());
        }
        let enqueued = delivery.enqueued_at.unix_timestamp();
        attribute(span, "messaging.servicebus.message.enqueued_time", enqueued);
    }

    /// That of telling the broker how a message is to end.
    pub(crate) fn settle(&self, settlement: &Settlement, message_id: &str) -> Span {
        let operation = operation(settlement);
        info_span!(
            target: DETAIL,
            "settle",
            otel.kind = "client",
            otel.name = on(operation, self.topic.as_deref()).as_str(),
            "messaging.system" = SYSTEM,
            "messaging.operation.name" = operation,
            "messaging.operation.type" = "settle",
            "messaging.destination.name" = self.topic.as_deref(),
            "messaging.destination.subscription.name" = self.subscription.as_str(),
            "messaging.message.id" = message_id,
            "messaging.servicebus.disposition_status" = operation,
            "usher.dead_letter.reason" = dead_letter_reason(settlement),
        )
    }
}

/// How a settlement ended.
pub(crate) fn settled(span: &Span, answer: &Result<(), BusError>) {
    if let Err(error) = answer {
        failed(span, error.kind(), String::new());
    }
}

/// What the present delivery is about.
pub(crate) fn about(event: &Event) {
    if traces_are_collected() {
        let span = Span::current();
        attribute(&span, "usher.event.id", event.id.to_string());
        attribute(&span, "usher.user.id", event.data.user_id.to_string());
    }
}

/// The span of an attempt, the first being 1.
pub(crate) fn attempt(number: u32) -> Span {
    info_span!(target: DETAIL, "attempt", "usher.attempt" = i64::from(number))
}

/// How an attempt ended.
pub(crate) fn attempted(span: &Span, outcome: &Result<Outcome, Panicked>) {
    if span.is_disabled() {
        return;
    }
    match outcome {
        Ok(Outcome::Done) => {}
        Ok(Outcome::Skipped(why)) => attribute(span, "usher.skipped.reason", *why),
        Ok(Outcome::Reject(Rejection { reason, detail })) => failed(span, reason.clone(), detail.clone()),
        Ok(Outcome::Retry(failure) | Outcome::Unavailable { failure, .. }) => {
            failed(span, kind(failure), failure.to_string());
        }
        Err(Panicked) => failed(span, "panic", String::new()),
    }
}

/// The span of a look whether the destination is there.
pub(crate) fn probe() -> Span {
    info_span!(target: DETAIL, "probe")
}

/// What was seen.
pub(crate) fn probed(span: &Span, answer: &Result<(), Down>) {
    if let Err(down) = answer {
        failed(span, kind(&down.failure), down.to_string());
    }
}

/// What has become of the present delivery.
pub(crate) fn ended(verdict: &Verdict) {
    if traces_are_collected() {
        let span = Span::current();
        attribute(&span, "usher.outcome", outcome(verdict));
        note(&span, verdict);
    }
}

/// What comes of trying the present dead letter again, which stays one unless that succeeds.
pub(crate) fn tried_again(verdict: &Verdict) {
    if traces_are_collected() {
        let span = Span::current();
        let outcome = if let Verdict::DeadLetter(_) = verdict { "still_dead" } else { outcome(verdict) };
        attribute(&span, "usher.outcome", outcome);
        note(&span, verdict);
    }
}

/// The broker did not let the present delivery end as it was to.
pub(crate) fn unsettled(error: &BusError) {
    if traces_are_collected() {
        let span = Span::current();
        let outcome = if *error == BusError::LockLost { "lock_lost" } else { "unsettled" };
        attribute(&span, "usher.outcome", outcome);
        failed(&span, error.kind(), String::new());
    }
}

/// The names that the counter `usher.deliveries` has for them.
fn outcome(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Complete(effect) if effect.skipped.is_some() => "skipped",
        Verdict::Complete(_) => "done",
        Verdict::DeadLetter(_) => "dead_lettered",
        Verdict::Abandon => "abandoned",
        Verdict::Release => "released",
    }
}

fn note(span: &Span, verdict: &Verdict) {
    match verdict {
        Verdict::Complete(effect) => {
            if let Some(why) = effect.skipped {
                attribute(span, "usher.skipped.reason", why);
            }
        }
        Verdict::DeadLetter(Rejection { reason, detail }) => {
            attribute(span, "usher.dead_letter.reason", reason.clone());
            failed(span, reason.clone(), without_place(detail).to_owned());
        }
        Verdict::Abandon => failed(span, "panic", String::new()),
        Verdict::Release => {}
    }
}

/// What is known of a dead letter, without which consumer and which attempt it was: the span says that.
fn without_place(description: &str) -> &str {
    let known = description.find("consumer=").unwrap_or(description.len());
    description[..known].trim_end()
}

/// Of few kinds: what a vendor calls it stands beside it.
fn kind(failure: &Failure) -> String {
    let status = failure.status.map(|status| status.to_string());
    status.or_else(|| failure.code.clone()).unwrap_or_else(|| "_OTHER".to_owned())
}

fn operation(settlement: &Settlement) -> &'static str {
    match settlement {
        Settlement::Complete => "complete",
        Settlement::Abandon => "abandon",
        Settlement::Release => "release",
        Settlement::DeadLetter { .. } => "dead_letter",
    }
}

fn dead_letter_reason(settlement: &Settlement) -> Option<&str> {
    if let Settlement::DeadLetter { reason, .. } = settlement { Some(reason) } else { None }
}

/// The name of an operation on a topic.
fn on(operation: &str, topic: Option<&str>) -> String {
    topic.map_or_else(|| operation.to_owned(), |topic| format!("{operation} {topic}"))
}
