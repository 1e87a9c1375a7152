//! Whether a message is one that we act on at all.

use std::time::Duration;

use usher_bus::Message;
use usher_clock::Clock;
use usher_event::{Event, EventError};
use uuid::Uuid;

use crate::Rejection;

/// The largest body that is looked at, in bytes: as much as Service Bus's Standard tier carries. An event is a page of
/// text; the Premium tier lets whoever may send put 100 MB into a message.
const LARGEST: usize = 256 * 1024;

/// The conditions that a message must meet before its handler sees it.
#[derive(Clone, Copy)]
pub(crate) struct Admission {
    pub(crate) tenant_id: Uuid,
    pub(crate) max_event_age: Option<Duration>,
    pub(crate) clock: Clock,
}

impl Admission {
    /// The event in a message, or why it is rejected unhandled.
    pub(crate) fn admit(&self, message: &Message) -> Result<Event, Rejection> {
        if message.body.len() > LARGEST {
            return Err(Rejection::new("TooLarge", format_args!("bytes={}", message.body.len())));
        }
        let event = Event::from_json(&message.body).map_err(|error| undecodable(&error))?;
        if event.data.tenant_id != self.tenant_id {
            return Err(Rejection::new("ForeignTenant", format_args!("tenant={}", event.data.tenant_id)));
        }
        Ok(event)
    }

    /// Why an event that something is to be done for is rejected all the same, if it is.
    pub(crate) fn too_old(&self, event: &Event) -> Option<Rejection> {
        let age = self.clock.since(event.data.signed_up_at);
        let is_too_old = self.max_event_age.is_some_and(|most| age > most);
        is_too_old.then(|| Rejection::new("TooOld", format_args!("age_s={}", age.as_secs())))
    }
}

fn undecodable(error: &EventError) -> Rejection {
    let reason = match error {
        EventError::UnknownMajorVersion(_) => "UnknownMajorVersion",
        _ => "Undecodable",
    };
    Rejection::new(reason, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The broker on one machine refuses it before: it carries as much as the Standard tier.
    #[test]
    fn a_message_larger_than_an_event_can_be_is_rejected_unread() {
        let admission = Admission { tenant_id: Uuid::nil(), max_event_age: None, clock: Clock::system() };
        let reason =
            |bytes: usize| admission.admit(&Message::new("1", vec![b' '; bytes])).unwrap_err().reason;
        assert_eq!([LARGEST, LARGEST + 1].map(reason), ["Undecodable", "TooLarge"]);
    }
}
