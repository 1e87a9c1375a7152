//! What a dead letter says of itself, whether it was looked at or received.

use time::OffsetDateTime;
use usher_bus::{Delivery, Message, Peeked};
use usher_event::Event;
use uuid::Uuid;

/// The reason of a letter that has none: brokers always say, people who move messages by hand may not.
const NO_REASON: &str = "(none given)";

/// A dead letter.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetter<'a> {
    /// The message, with the properties that say why it is dead.
    pub message: &'a Message,
    /// Its place in the queue.
    pub sequence_number: i64,
    /// When the broker accepted the message.
    pub enqueued_at: OffsetDateTime,
}

impl<'a> From<&'a Peeked> for DeadLetter<'a> {
    fn from(peeked: &'a Peeked) -> Self {
        let Peeked { message, sequence_number, enqueued_at, .. } = peeked;
        Self { message, sequence_number: *sequence_number, enqueued_at: *enqueued_at }
    }
}

impl<'a> From<&'a Delivery> for DeadLetter<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        let Delivery { message, sequence_number, enqueued_at, .. } = delivery;
        Self { message, sequence_number: *sequence_number, enqueued_at: *enqueued_at }
    }
}

impl<'a> DeadLetter<'a> {
    /// Why it is dead, to group by.
    pub fn reason(&self) -> &'a str {
        self.message.dead_letter().0.unwrap_or(NO_REASON)
    }

    /// What is known beyond the reason: fields such as `status=400`, as [`crate::Rejection`] writes them.
    pub fn description(&self) -> &'a str {
        self.message.dead_letter().1.unwrap_or_default()
    }

    /// The status that the destination answered.
    pub fn status(&self) -> Option<u16> {
        self.field("status")?.parse().ok()
    }

    /// The destination's own name for what was wrong.
    pub fn code(&self) -> Option<&'a str> {
        self.field("code")
    }

    /// Whether it is about this event. A corrected copy has a MessageId of its own, so the body counts too.
    pub fn is_of_event(&self, id: Uuid) -> bool {
        let id = id.to_string();
        self.message.id.eq_ignore_ascii_case(&id)
            || Event::from_json(&self.message.body).is_ok_and(|event| event.id.to_string() == id)
    }

    /// Whether it is about this user, also if the event can't be read as a whole.
    pub fn is_of_user(&self, id: Uuid) -> bool {
        if let Ok(event) = Event::from_json(&self.message.body) {
            return event.data.user_id == id;
        }
        let body: Option<serde_json::Value> = serde_json::from_slice(&self.message.body).ok();
        let user = body.as_ref().and_then(|body| body.pointer("/data/userId")).and_then(|it| it.as_str());
        user.and_then(|user| Uuid::parse_str(user).ok()) == Some(id)
    }

    fn field(&self, name: &str) -> Option<&'a str> {
        let value = |word: &'a str| word.strip_prefix(name)?.strip_prefix('=');
        self.description().split_ascii_whitespace().find_map(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(description: &str) -> Message {
        Message::new("m", "").with_property("DeadLetterErrorDescription", description)
    }

    fn letter(message: &Message) -> DeadLetter<'_> {
        DeadLetter { message, sequence_number: 1, enqueued_at: OffsetDateTime::UNIX_EPOCH }
    }

    #[test]
    fn status_and_code_are_read_from_what_the_runtime_describes() {
        let message = described("status=400 code=email_invalid consumer=billing attempt=1");
        assert_eq!((letter(&message).status(), letter(&message).code()), (Some(400), Some("email_invalid")));
        let message = described("the event is invalid at data.statuscode consumer=billing");
        assert_eq!((letter(&message).status(), letter(&message).code()), (None, None));
        assert_eq!(letter(&message).reason(), NO_REASON);
    }

    #[test]
    fn a_user_is_found_in_an_event_that_is_invalid_elsewhere() {
        let user = Uuid::from_u128(7);
        let message = Message::new("m", format!(r#"{{"data": {{"userId": "{user}", "emailVerified": 3}}}}"#));
        assert!(letter(&message).is_of_user(user));
        assert!(!letter(&message).is_of_user(Uuid::from_u128(8)));
        assert!(!letter(&Message::new("m", "not json")).is_of_user(user));
    }
}
