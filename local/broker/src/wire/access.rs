//! What a connection may touch, by the tokens that it has put to `$cbs` or by its login.

use std::collections::BTreeMap;

use super::{codec::fault::Fault, sas::Grant};
use crate::machine::{Millis, address_key};

/// The most tokens that a connection may hold: one for each of its links, and room for their successors.
const MOST_GRANTS: usize = 1024;

/// A connection's rights.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    /// Logged in by PLAIN: everything, for as long as the connection lives.
    everything: bool,
    /// Paths in lower case, and until when each is open.
    grants: BTreeMap<String, Millis>,
}

impl Access {
    /// Access to everything.
    pub(crate) fn to_everything() -> Self {
        Self { everything: true, ..Self::default() }
    }

    /// Adds what a token opens, in place of an older one for the same path. `false`: there are too many already.
    pub(crate) fn add(&mut self, grant: Grant, now: Millis) -> bool {
        self.grants.retain(|_, expires_at| *expires_at > now);
        if self.grants.len() >= MOST_GRANTS && !self.grants.contains_key(&grant.resource) {
            return false;
        }
        self.grants.insert(grant.resource, grant.expires_at);
        true
    }

    /// Whether the address is open: a token for a path opens all that lies under it.
    ///
    /// # Errors
    /// The fault to name to the peer: it never had a token for this, or had one that has expired.
    pub(crate) fn check(&self, address: &str, now: Millis) -> Result<(), Fault> {
        if self.everything {
            return Ok(());
        }
        let path = address_key(address);
        match self
            .grants
            .iter()
            .filter(|(resource, _)| lies_under(&path, resource))
            .map(|(_, until)| *until)
            .max()
        {
            Some(until) if until > now => Ok(()),
            Some(_) => Err(Fault::TOKEN_EXPIRED),
            None => Err(Fault::UNAUTHORIZED),
        }
    }
}

fn lies_under(path: &str, resource: &str) -> bool {
    resource.is_empty()
        || path.strip_prefix(resource).is_some_and(|below| below.is_empty() || below.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(resource: &str) -> Access {
        let mut access = Access::default();
        assert!(access.add(Grant { resource: resource.to_owned(), expires_at: Millis(100) }, Millis(0)));
        access
    }

    #[test]
    fn a_token_opens_its_path_and_all_below_it_but_no_neighbour() {
        let access = access("signups");
        assert_eq!(access.check("amqp://h/SignUps/Subscriptions/billing", Millis(0)), Ok(()));
        assert_eq!(access.check("signups", Millis(0)), Ok(()));
        assert_eq!(access.check("signups2", Millis(0)), Err(Fault::UNAUTHORIZED));
    }

    #[test]
    fn a_token_for_the_namespace_opens_everything_until_it_expires() {
        let access = access("");
        assert_eq!(access.check("work", Millis(99)), Ok(()));
        assert_eq!(access.check("work", Millis(100)), Err(Fault::TOKEN_EXPIRED));
    }
}
