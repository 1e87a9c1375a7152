//! A dry run: the same producer, with a publisher that prints and a checkpoint that forgets.

use std::sync::Mutex;

use async_trait::async_trait;
use usher_bus::{BusError, Message, Publisher};
use usher_event::{Event, UserSignedUp};

/// Prints what it is given to publish, for people; addresses are masked and names left out.
pub(crate) struct Printer<W>(Mutex<W>);

impl<W: std::io::Write> Printer<W> {
    pub(crate) fn new(to: W) -> Self {
        Self(Mutex::new(to))
    }

    fn print(&self, line: &str) -> std::io::Result<()> {
        let mut to = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(to, "{line}")
    }
}

#[async_trait]
impl<W: std::io::Write + Send> Publisher for Printer<W> {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        for message in messages {
            let event =
                Event::from_json(&message.body).map_err(|error| BusError::Refused(error.to_string()))?;
            // Whoever was to read it is gone: then there is nothing more to do for them.
            self.print(&line(&event)).map_err(|_| BusError::Closed)?;
        }
        Ok(())
    }
}

fn line(event: &Event) -> String {
    let UserSignedUp { user_id, signed_up_at, email, email_verified, attributes, .. } = &event.data;
    let email = email.as_deref().map_or_else(|| "no e-mail".to_owned(), masked);
    let verified = if *email_verified { "verified" } else { "not verified" };
    let attributes = attributes.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    let id = event.id;
    format!(
        "would publish {id}: user {user_id}, {email} ({verified}), signed up {signed_up_at}, with [{attributes}]"
    )
}

/// The first character of an address and of its domain: enough to see that there is one.
fn masked(email: &str) -> String {
    let first = |text: &str| text.chars().next().map(String::from).unwrap_or_default();
    match email.rsplit_once('@') {
        Some((name, domain)) => format!("{}***@{}***", first(name), first(domain)),
        None => "***".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A message about somebody, as the producer publishes it.
    fn message() -> Message {
        let data = serde_json::from_value(json!({
            "tenantId": "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d", "userId": "a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d",
            "displayName": "Ada Lovelace", "email": "ada@example.com", "emailVerified": true, "identityProviders": [],
            "signedUpAt": "2026-01-01T12:00:00Z", "attributes": { "city": "London" }, "audit": { "id": "Directory_1" }
        }));
        Message::new("id", Event::new(data.unwrap()).to_json())
    }

    #[tokio::test]
    async fn a_dry_run_shows_whom_it_would_welcome_and_nothing_personal() {
        let printer = Printer::new(Vec::new());
        printer.publish(vec![message()]).await.unwrap();
        let printed = String::from_utf8(printer.0.into_inner().unwrap()).unwrap();
        assert_eq!(
            printed,
            "would publish 30d0953d-0753-5930-a905-def22332f7e0: user a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d, \
             a***@e*** (verified), signed up 2026-01-01 12:00:00.0 +00:00:00, with [city]\n"
        );
    }

    #[test]
    fn a_masked_address_tells_nothing_but_that_it_is_one() {
        assert_eq!(masked("ada.lovelace@example.com"), "a***@e***");
        assert_eq!(masked("@"), "***@***");
        assert_eq!(masked("ada"), "***");
        assert_eq!(masked("Ω@ü@straße.example"), "Ω***@s***");
    }
}
