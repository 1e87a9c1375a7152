//! The resolver of guarded calls: of what a name leads to, only what may be called comes out.

use std::{net::SocketAddr, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::lookup_host;

use crate::guard::{Forbidden, Guard};

/// The machine's own resolver.
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // Port 0: the connector puts the URL's in its place.
            let found: Vec<_> = lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A resolver behind a guard.
pub(crate) struct GuardedResolver {
    pub(crate) guard: Guard,
    pub(crate) resolver: Arc<dyn Resolve>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, resolving) = (self.guard.clone(), self.resolver.resolve(name));
        Box::pin(async move { Ok(permitted(&guard, resolving.await?)?) })
    }
}

/// Those that may be called, of all that there are.
fn permitted(guard: &Guard, found: impl Iterator<Item = SocketAddr>) -> Result<Addrs, Forbidden> {
    let (permitted, refused): (Vec<_>, Vec<_>) = found.partition(|address| guard.permits(address.ip()));
    if permitted.is_empty() && !refused.is_empty() {
        return Err(Forbidden);
    }
    Ok(Box::new(permitted.into_iter()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(addresses: &[&str]) -> Result<Vec<String>, Forbidden> {
        let found = addresses.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0));
        permitted(&Guard::default(), found).map(|them| them.map(|it| it.ip().to_string()).collect())
    }

    #[test]
    fn of_a_name_that_leads_to_both_only_the_public_addresses_come_out() {
        assert_eq!(found(&["127.0.0.1", "8.8.8.8", "::1"]), Ok(vec!["8.8.8.8".to_owned()]));
        assert_eq!(found(&["127.0.0.1", "::1"]), Err(Forbidden));
        assert_eq!(found(&[]), Ok(Vec::new()), "nowhere is not the same as where it may not");
    }
}
