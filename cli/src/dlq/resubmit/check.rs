//! Whether what somebody has written can take the place of a dead letter: an event of the schema, about the same
//! sign-up. What is wrong is named by its place, never by its value.

use serde_json::Value;
use usher_bus::Peeked;
use usher_event::Event;
use usher_service::Failure;
use uuid::Uuid;

use super::schema;

/// What says whose sign-up it is.
const FIXED: [(&str, &str); 3] =
    [("/id", "id"), ("/data/tenantId", "data.tenantId"), ("/data/userId", "data.userId")];

/// The dead letter as it lies in the queue.
pub(super) struct Original {
    peeked: Peeked,
    /// Its body, if that is JSON.
    value: Option<Value>,
    event_id: Uuid,
}

/// An event that can be sent.
pub(super) struct Checked {
    pub(super) event: Event,
    pub(super) body: Vec<u8>,
}

impl Original {
    /// # Errors
    /// It does not tell which sign-up it is about.
    pub(super) fn of(peeked: Peeked) -> Result<Self, Failure> {
        let value: Option<Value> = serde_json::from_slice(&peeked.message.body).ok();
        let in_body = value.as_ref().and_then(|value| value.get("id")).and_then(Value::as_str);
        // The producer's MessageId is the event's id.
        let ids = [in_body, Some(peeked.message.id.as_str())];
        let event_id = ids.into_iter().flatten().find_map(|id| Uuid::parse_str(id).ok());
        let Some(event_id) = event_id else {
            return Err(Failure::Negative(
                "it holds no event's id, neither in its body nor as its MessageId, so there is no sign-up to \
                 correct; `usher dlq drop` removes it"
                    .to_owned(),
            ));
        };
        Ok(Self { peeked, value, event_id })
    }

    pub(super) fn peeked(&self) -> &Peeked {
        &self.peeked
    }

    /// What is shown in the editor.
    pub(super) fn text(&self) -> Vec<u8> {
        match &self.value {
            Some(value) => format!("{value:#}\n").into_bytes(),
            None => self.peeked.message.body.to_vec(),
        }
    }

    /// Whether a text says the same.
    pub(super) fn is_same(&self, text: &[u8]) -> bool {
        let value: Option<Value> = serde_json::from_slice(text).ok();
        if value.is_some() { value == self.value } else { text == self.text() }
    }

    /// # Errors
    /// What is wrong, and where.
    pub(super) fn check(&self, text: &[u8]) -> Result<Checked, String> {
        let value: Value = serde_json::from_slice(text)
            .map_err(|e| format!("it is not JSON (line {}, column {})", e.line(), e.column()))?;
        self.check_identity(&value)?;
        let event = Event::from_json(text).map_err(|error| error.to_string())?;
        schema::check(&value, self.value.as_ref())?;
        if event.id.to_string() != self.event_id.to_string() {
            return Err(stays("the sign-up that it is about"));
        }
        let same = self.value.as_ref() == Some(&value);
        let body = if same { self.peeked.message.body.to_vec() } else { value.to_string().into_bytes() };
        Ok(Checked { event, body })
    }

    fn check_identity(&self, value: &Value) -> Result<(), String> {
        let before = |pointer: &str| self.value.as_ref().and_then(|value| value.pointer(pointer));
        let changed = FIXED
            .iter()
            .find(|(pointer, _)| before(pointer).is_some_and(|it| value.pointer(pointer) != Some(it)));
        changed.map_or(Ok(()), |(_, name)| Err(stays(name)))
    }
}

fn stays(what: &str) -> String {
    format!(
        "{what} can't be changed: the event's id follows from tenant and user, and every consumer knows the sign-up by it"
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::OffsetDateTime;
    use usher_bus::Message;

    use super::*;

    const SAMPLE: &[u8] = include_bytes!("../../../../schemas/samples/full.json");

    fn original(id: &str, body: &[u8]) -> Result<Original, Failure> {
        let enqueued_at = OffsetDateTime::UNIX_EPOCH;
        let message = Message::new(id, body.to_vec());
        Original::of(Peeked { message, sequence_number: 7, delivery_count: 1, enqueued_at })
    }

    fn with(pointer: &str, value: Value) -> Vec<u8> {
        let mut event: Value = serde_json::from_slice(SAMPLE).unwrap();
        *event.pointer_mut(pointer).unwrap() = value;
        event.to_string().into_bytes()
    }

    fn problem(text: &[u8]) -> String {
        original("m", SAMPLE).unwrap().check(text).err().unwrap()
    }

    #[test]
    fn a_corrected_address_can_be_sent() {
        let original = original("m", SAMPLE).unwrap();
        let text = with("/data/email", json!("lucja@example.com"));
        let checked = original.check(&text).unwrap();
        assert_eq!(checked.event.data.email.as_deref(), Some("lucja@example.com"));
        assert_eq!(Event::from_json(&checked.body).unwrap(), checked.event);
        assert!(!original.is_same(&text) && original.is_same(&original.text()) && original.is_same(SAMPLE));
    }

    #[test]
    fn whose_sign_up_it_is_stays() {
        let other = json!("ffffffff-ffff-4fff-8fff-ffffffffffff");
        for (pointer, name) in FIXED {
            let problem = problem(&with(pointer, other.clone()));
            assert!(problem.starts_with(&format!("{name} can't be changed")), "{problem}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place_and_never_by_its_value() {
        for (text, place) in [
            (with("/data/emailVerified", json!("ada")), "data.emailVerified"),
            (with("/data/signedUpAt", json!("ada")), "data.signedUpAt"),
            (with("/type", json!("usher.user-signed-up.v9")), "major version 9"),
            (with("/data/email", json!(7)), "data.email"),
            (b"{\n  ada".to_vec(), "line 2"),
        ] {
            let problem = problem(&text);
            assert!(problem.contains(place) && !problem.contains("\"ada"), "{problem}");
        }
    }

    #[test]
    fn an_event_that_could_not_be_read_is_known_by_its_body_or_by_its_message() {
        let broken = with("/data/emailVerified", json!("yes"));
        assert!(original("m", &broken).unwrap().check(SAMPLE).is_ok());
        let id = "30d0953d-0753-5930-a905-def22332f7e0";
        assert!(original(id, b"{ no json").unwrap().check(SAMPLE).is_ok());
        let other = "ffffffff-ffff-4fff-8fff-ffffffffffff";
        assert!(original(other, b"{ no json").unwrap().check(SAMPLE).is_err());
        assert!(original("m", b"{ no json").is_err());
    }

    #[test]
    fn what_is_sent_as_it_is_is_sent_byte_by_byte() {
        let checked = original("m", SAMPLE).unwrap().check(SAMPLE).unwrap();
        assert_eq!(checked.body, SAMPLE);
    }
}
