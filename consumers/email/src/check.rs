//! Whether whoever agreed is on the list and has the welcome tag, for `usher reconcile`. Reads only.

use usher_event::Event;
use usher_http::Failure;
use usher_subscriber::Presence;

use crate::{Email, mailchimp::Found};

impl Email {
    /// Somebody who has left the list is on it still, and has the tag. Whoever an administrator has archived is not to
    /// be brought back by us.
    pub(crate) async fn look(&self, event: &Event) -> Result<Presence, Failure> {
        let member = match self.member(event) {
            Ok(member) => member,
            Err(why) => return Ok(Presence::NotExpected(why)),
        };
        Ok(match self.mailchimp.find(&member).await? {
            None => Presence::Missing("not-on-the-list"),
            Some(found) if found.is_archived() => Presence::NotExpected("archived"),
            Some(found) if found.has_tag(&self.settings.mailchimp_welcome_tag) => Presence::Present,
            Some(Found { .. }) => Presence::Missing("no-welcome-tag"),
        })
    }
}
