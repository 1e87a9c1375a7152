//! A span as it is kept: one JSON object a line.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

const USER_ID: &str = "usher.user.id";
const EVENT_ID: &str = "usher.event.id";
const ATTEMPT: &str = "usher.attempt";
const REPLAY: &str = "usher.replay";
const OUTCOME: &str = "usher.outcome";
const DEAD_LETTER_REASON: &str = "usher.dead_letter.reason";
const OPERATION: &str = "messaging.operation.name";
const SUBSCRIPTION: &str = "messaging.destination.subscription.name";

/// What the span of the work on a message begins with; the topic may follow.
const PROCESS: &str = "process";
/// What the name of each service of ours begins with.
const OURS: &str = "usher-";

/// A piece of work that some service did, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Span {
    /// 32 hexadecimal digits, in lower case.
    pub(crate) trace_id: String,
    /// 16 of them.
    pub(crate) span_id: String,
    pub(crate) parent_span_id: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    /// Whose work it was, such as `usher-billing`.
    pub(crate) service: String,
    pub(crate) start_unix_nano: u64,
    pub(crate) end_unix_nano: u64,
    pub(crate) status: State,
    /// What the status says beyond that; mostly nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) status_message: String,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) links: Vec<Link>,
}

/// What role a span had in a call or a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Unspecified,
    Internal,
    Server,
    Client,
    Producer,
    Consumer,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    Unset,
    Ok,
    Error,
}

/// Another span that this one has to do with, without being its child.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Link {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
    pub(crate) attributes: Map<String, Value>,
}

/// How a consumer parted with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Completed,
    /// With the reason.
    DeadLettered(String),
    /// Given back, to be delivered again.
    GivenBack,
}

impl Span {
    /// Who signed up.
    pub(crate) fn user_id(&self) -> Option<String> {
        self.text(USER_ID)
    }

    /// The event that the sign-up became.
    pub(crate) fn event_id(&self) -> Option<String> {
        self.text(EVENT_ID)
    }

    /// Whether it is about this user, event or trace.
    pub(crate) fn is_about(&self, id: &str) -> bool {
        let is = |known: Option<String>| known.is_some_and(|known| known.eq_ignore_ascii_case(id));
        self.trace_id.eq_ignore_ascii_case(id) || is(self.user_id()) || is(self.event_id())
    }

    /// Whose work it was, without what all names of ours begin with.
    pub(crate) fn short_service(&self) -> &str {
        short(&self.service)
    }

    /// The consumer whose work on a message this is, the whole of it; `None` if it is anything else.
    pub(crate) fn consumer(&self) -> Option<String> {
        let behind = self.name.strip_prefix(PROCESS).filter(|_| self.kind == Kind::Consumer)?;
        let is_it = behind.is_empty() || behind.starts_with(' ');
        is_it.then(|| self.text(SUBSCRIPTION).unwrap_or_else(|| self.short_service().to_owned()))
    }

    /// What the consumer says has become of the message, if this is the whole of its work on it.
    pub(crate) fn outcome(&self) -> Option<Settled> {
        Some(match self.text(OUTCOME)?.as_str() {
            "done" | "skipped" => Settled::Completed,
            "dead_lettered" | "still_dead" => Settled::DeadLettered(self.dead_letter_reason()),
            _ => Settled::GivenBack,
        })
    }

    /// Which attempt on a message this is; `None` if it is anything else.
    pub(crate) fn attempt(&self) -> Option<String> {
        self.text(ATTEMPT).filter(|_| self.name == "attempt")
    }

    /// Whether it is work on a dead letter.
    pub(crate) fn is_replay(&self) -> bool {
        self.text(REPLAY).as_deref() == Some("true")
    }

    /// How the message was parted with, if this is the span of that.
    pub(crate) fn settled(&self) -> Option<Settled> {
        match self.text(OPERATION)?.as_str() {
            "complete" => Some(Settled::Completed),
            "dead_letter" => Some(Settled::DeadLettered(self.dead_letter_reason())),
            "abandon" | "release" => Some(Settled::GivenBack),
            _ => None,
        }
    }

    fn dead_letter_reason(&self) -> String {
        self.text(DEAD_LETTER_REASON).unwrap_or_else(|| "no reason given".to_owned())
    }

    /// An attribute as text: a number that an exporter has sent as text is the same to us.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        Some(match self.attributes.get(name)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    }

    /// Whether it failed.
    pub(crate) fn failed(&self) -> bool {
        self.status == State::Error
    }

    /// Why, in a few words; empty if it does not say.
    pub(crate) fn why(&self) -> String {
        match self.status_message.as_str() {
            "" => self.text("error.type").unwrap_or_default(),
            said => said.to_owned(),
        }
    }
}

/// The name of a service without what all names of ours begin with.
pub(crate) fn short(service: &str) -> &str {
    service.strip_prefix(OURS).unwrap_or(service)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::span;

    #[test]
    fn a_span_is_written_and_read_by_the_names_that_are_promised() {
        let span = span("1", None, "usher-billing", "process billing", 1..2).with("usher.attempt", 1);
        let line = serde_json::to_value(&span).unwrap();
        for field in [
            "trace_id",
            "span_id",
            "parent_span_id",
            "name",
            "kind",
            "service",
            "start_unix_nano",
            "end_unix_nano",
            "status",
            "attributes",
            "links",
        ] {
            assert!(line.get(field).is_some(), "{field}");
        }
        assert_eq!((&line["kind"], &line["status"]), (&"internal".into(), &"unset".into()));
        assert_eq!(serde_json::from_value::<Span>(line).unwrap(), span);
    }

    #[test]
    fn it_is_found_by_user_event_and_trace_whatever_the_case() {
        let found = span("1", None, "usher-crm", "process crm", 0..1)
            .with("usher.user.id", "a1b2")
            .with("usher.event.id", "c3d4");
        assert!(found.is_about("A1B2") && found.is_about("c3d4") && found.is_about(&found.trace_id));
        assert!(!found.is_about("a1b") && !found.is_about(""));
    }

    #[test]
    fn a_consumer_is_known_by_its_subscription_and_says_what_became_of_the_message() {
        let process = span("1", None, "usher-crm", "process user-signups", 0..1).of_kind(Kind::Consumer);
        assert_eq!(process.consumer().as_deref(), Some("crm"));
        let process = process.with(SUBSCRIPTION, "crm-of-old").with(OUTCOME, "still_dead");
        assert_eq!(process.consumer().as_deref(), Some("crm-of-old"));
        let process = process.with(DEAD_LETTER_REASON, "SalesforceRejected");
        assert_eq!(process.outcome(), Some(Settled::DeadLettered("SalesforceRejected".to_owned())));
        assert_eq!(process.with(OUTCOME, "skipped").outcome(), Some(Settled::Completed));
        assert_eq!(span("1", None, "usher-crm", "process user-signups", 0..1).consumer(), None);
    }

    #[test]
    fn how_a_message_was_parted_with_is_read_off_its_span() {
        let settle = |how: &str| span("1", None, "usher-crm", "settle", 0..1).with(OPERATION, how);
        assert_eq!(settle("complete").settled(), Some(Settled::Completed));
        assert_eq!(
            settle("dead_letter").with(DEAD_LETTER_REASON, "SalesforceRejected").settled(),
            Some(Settled::DeadLettered("SalesforceRejected".to_owned()))
        );
        assert_eq!(settle("release").settled(), Some(Settled::GivenBack));
        assert_eq!(settle("process").settled(), None);
    }
}
