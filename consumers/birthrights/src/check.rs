//! Whether a user has what the rules give, for `usher reconcile`. Reads only.

use usher_entra::{Grant, GraphError};
use usher_event::Event;
use usher_http::Failure;
use usher_subscriber::Presence;

use crate::{Birthrights, rules::Facts};

impl Birthrights {
    /// By the rules and the user as they are now. A birthright that somebody took away again is missing too.
    pub(crate) async fn look(&self, event: &Event) -> Result<Presence, Failure> {
        let user = match self.graph.user(event.data.user_id, &self.rules.properties()).await {
            Err(GraphError::NotFound(_)) => return Ok(Presence::NotExpected("user-gone")),
            user => user?,
        };
        let due = self.rules.due(&Facts::of_sign_up(&user, &event.data));
        if due.is_empty() {
            return Ok(Presence::NotExpected("no-rule"));
        }
        let grants: Vec<Grant> = due.into_iter().map(|(grant, _)| grant).collect();
        let lacking = self.graph.lacking(user.id, &grants).await?;
        Ok(if lacking.is_empty() { Presence::Present } else { Presence::Missing("not-all-granted") })
    }
}
