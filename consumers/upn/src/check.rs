//! Whether a user has one of the names that the template gives, for `usher reconcile`. Reads only.

use usher_entra::GraphError;
use usher_event::Event;
use usher_http::Failure;
use usher_subscriber::Presence;

use crate::{
    Upn,
    naming::{FIELDS, Plan},
};

impl Upn {
    /// A name that somebody has chosen is not ours to miss.
    pub(crate) async fn look(&self, event: &Event) -> Result<Presence, Failure> {
        let user = match self.graph.user(event.data.user_id, &FIELDS).await {
            Err(GraphError::NotFound(_)) => return Ok(Presence::NotExpected("user-gone")),
            user => user?,
        };
        Ok(match self.naming.plan(&user) {
            Plan::Done => Presence::Present,
            Plan::LeaveAlone(why) => Presence::NotExpected(why),
            Plan::Change(_) => Presence::Missing("generated-name"),
        })
    }
}
