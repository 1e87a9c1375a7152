//! Whether a sign-up has its customer, for `usher reconcile`. Reads only.

use usher_entra::GraphError;
use usher_event::Event;
use usher_http::Failure;
use usher_subscriber::Presence;

use crate::{Billing, customer::NewCustomer};

impl Billing {
    /// By what the user and the customers say now. A customer whose id is not on the user is not of use to anybody yet.
    pub(crate) async fn look(&self, event: &Event) -> Result<Presence, Failure> {
        let user = match self.graph.user(event.data.user_id, &self.fields()).await {
            Err(GraphError::NotFound(_)) => return Ok(Presence::NotExpected("user-gone")),
            user => user?,
        };
        let new = NewCustomer::of(event, user.email(), user.text("displayName"));
        let known = self.known(&user, &new).await.map_err(|error| error.failure())?;
        Ok(match known {
            Some(customer) if user.text(&self.attribute) == Some(&customer.id) => Presence::Present,
            Some(_) => Presence::Missing("id-not-on-user"),
            None => Presence::Missing("no-customer"),
        })
    }
}
