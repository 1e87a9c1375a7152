//! Where a request may go whose address an outsider has chosen: to public addresses, and to what was allowed by name.
//!
//! A URL can name a machine that only we reach: the cloud's metadata service, a database, a neighbour. Looking at the
//! URL is not enough, since a name can lead anywhere, and elsewhere the next time. So addresses are judged where a
//! connection is made to one: literal ones before the call, all others as they come out of the resolver. No redirect is
//! followed by any client of ours, and a guarded call goes through no proxy: that would resolve the name where nobody
//! judges.

use std::{net::IpAddr, str::FromStr, sync::LazyLock};

use ipnet::IpNet;
use thiserror::Error;
use url::{Host, Url};

/// What is not public, or not to be reached as itself. Of IPv6, only 2000::/3 is given out for public use.
/// <https://www.iana.org/assignments/iana-ipv4-special-registry>,
/// <https://www.iana.org/assignments/iana-ipv6-special-registry>
const NOT_PUBLIC: [&str; 21] = [
    "0.0.0.0/8",       // this network
    "10.0.0.0/8",      // private
    "100.64.0.0/10",   // behind a provider's NAT
    "127.0.0.0/8",     // this machine
    "168.63.129.16",   // Azure's platform, as each of its machines sees it
    "169.254.0.0/16",  // link-local; clouds' metadata services
    "172.16.0.0/12",   // private
    "192.0.0.0/24",    // protocol assignments
    "192.0.2.0/24",    // documentation
    "192.88.99.0/24",  // 6to4 relays, once
    "192.168.0.0/16",  // private
    "198.18.0.0/15",   // benchmarks
    "198.51.100.0/24", // documentation
    "203.0.113.0/24",  // documentation
    "224.0.0.0/4",     // multicast
    "240.0.0.0/4",     // reserved, and broadcast
    "2001::/23",       // protocol assignments, Teredo
    "2001:db8::/32",   // documentation
    "2002::/16",       // 6to4: leads to any IPv4 address
    "3fff::/20",       // documentation
    "5f00::/16",       // segment routing
];

static NETWORKS: LazyLock<Vec<IpNet>> = LazyLock::new(|| {
    NOT_PUBLIC.iter().map(|network| read(network).expect("a test reads the table")).collect()
});
static PUBLIC_V6: LazyLock<IpNet> = LazyLock::new(|| "2000::/3".parse().expect("a test reads it"));

/// Which addresses may be called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Guard(Allowed);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    /// Public addresses, and these.
    Public { besides: Vec<IpNet> },
    /// Whatever there is.
    Any,
}

impl Default for Allowed {
    fn default() -> Self {
        Self::Public { besides: Vec::new() }
    }
}

/// Why a text says of no addresses that they are allowed.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("must be false, true, or networks such as 10.1.0.0/16,fd12::/64")]
pub struct GuardError;

/// Nothing that a name leads to may be called.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the address may not be called")]
pub(crate) struct Forbidden;

impl Guard {
    /// Whether this address may be called.
    pub fn permits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        match &self.0 {
            Allowed::Any => true,
            Allowed::Public { besides } => {
                is_public(address) || besides.iter().any(|network| network.contains(&address))
            }
        }
    }

    /// Whether the host of this URL may be called, as far as the URL tells: a name is judged by where it leads.
    pub fn permits_host(&self, url: &Url) -> bool {
        match url.host() {
            Some(Host::Ipv4(address)) => self.permits(address.into()),
            Some(Host::Ipv6(address)) => self.permits(address.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }
}

fn is_public(address: IpAddr) -> bool {
    let is_unicast = address.is_ipv4() || PUBLIC_V6.contains(&address);
    is_unicast && !NETWORKS.iter().any(|network| network.contains(&address))
}

impl FromStr for Guard {
    type Err = GuardError;

    fn from_str(text: &str) -> Result<Self, GuardError> {
        match text.trim() {
            "true" => Ok(Self(Allowed::Any)),
            "false" => Ok(Self::default()),
            networks => {
                let besides =
                    networks.split(',').map(|network| read(network.trim())).collect::<Result<_, _>>()?;
                Ok(Self(Allowed::Public { besides }))
            }
        }
    }
}

/// A network, or a single address.
fn read(text: &str) -> Result<IpNet, GuardError> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    text.parse::<IpNet>().or_else(|_| single()).map_err(|_| GuardError)
}

#[cfg(test)]
mod tests;
