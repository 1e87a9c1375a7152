//! Where a vendor's API lives. Every base URL is a setting, so that a stand-in can take the vendor's place.

use std::{fmt, str::FromStr};

use thiserror::Error;
use url::{Host, Url, form_urlencoded};

/// The address under which a vendor's API lives: https, or plain http for a loopback host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl(Url);

/// Why a text is not a base URL. The text itself is not repeated: it could hold a password.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum BaseUrlError {
    /// Not a URL with a host.
    #[error("not a URL such as https://api.example.com")]
    Malformed,
    /// Anybody on the way could read what is sent there.
    #[error("must be https (plain http is for a loopback host only)")]
    Insecure,
    /// It says more than where the API lives.
    #[error("must have no user name, password, query or fragment")]
    Overloaded,
}

impl BaseUrl {
    /// The URL of `path` below this one, with a query. Values are encoded here: pass them raw.
    pub fn join<'a>(&self, path: &str, query: impl IntoIterator<Item = (&'a str, &'a str)>) -> Url {
        let mut url = self.0.clone();
        let base = self.0.path().trim_end_matches('/');
        url.set_path(&format!("{base}/{}", path.trim_start_matches('/')));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        if !query.is_empty() {
            // OData readers differ on what a plus is; nobody differs on %20.
            url.set_query(Some(&query.replace('+', "%20")));
        }
        url
    }

    /// Whether `url` has the same scheme, host and port: whether what may be sent here may be sent there.
    pub fn is_origin_of(&self, url: &Url) -> bool {
        self.0.origin() == url.origin()
    }

    /// Scheme, host and port, without a slash at the end.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Whether it is https, even if it is a loopback host.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }
}

/// Whether a request may go there: https anywhere, plain http to this very machine.
pub(crate) fn is_confidential(url: &Url) -> bool {
    match url.scheme() {
        "https" => url.has_host(),
        "http" => is_loopback(url),
        _ => false,
    }
}

/// Whether the host is this very machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether it is a service of the platform on this machine's link, as where an Azure machine or app is given the tokens of
/// its identity (169.254.169.254 and the like). It speaks plain http, which gets no further than the machine's own host.
pub(crate) fn is_on_the_link(url: &Url) -> bool {
    url.scheme() == "http" && matches!(url.host(), Some(Host::Ipv4(address)) if address.is_link_local())
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let url = Url::parse(text).ok().filter(Url::has_host).ok_or(BaseUrlError::Malformed)?;
        let overloaded = !url.username().is_empty()
            || url.password().is_some()
            || url.query().is_some()
            || url.fragment().is_some();
        if overloaded {
            return Err(BaseUrlError::Overloaded);
        }
        if is_confidential(&url) { Ok(Self(url)) } else { Err(BaseUrlError::Insecure) }
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> BaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn plain_http_is_for_loopback_only() {
        for fine in
            ["https://graph.microsoft.com", "http://127.0.0.1:8080", "http://[::1]/v1", "http://localhost"]
        {
            assert_eq!(base(fine).to_string(), fine);
        }
        let problem = |text: &str| text.parse::<BaseUrl>().unwrap_err();
        assert_eq!(problem("http://graph.microsoft.com"), BaseUrlError::Insecure);
        assert_eq!(problem("http://localhost.example.com"), BaseUrlError::Insecure);
        assert_eq!(problem("ftp://localhost"), BaseUrlError::Insecure);
        assert_eq!(problem("https://ada:secret@example.com"), BaseUrlError::Overloaded);
        assert_eq!(problem("https://example.com/?a=b"), BaseUrlError::Overloaded);
        assert_eq!(problem("graph.microsoft.com"), BaseUrlError::Malformed);
    }

    #[test]
    fn a_path_is_joined_below_the_base_and_its_query_encoded() {
        let url = base("http://localhost:1/stand-in/").join("/v1.0/users", [("$filter", "name eq 'A+B'")]);
        assert_eq!(url.as_str(), "http://localhost:1/stand-in/v1.0/users?%24filter=name%20eq%20%27A%2BB%27");
        assert_eq!(base("https://a.example").join("x", []).as_str(), "https://a.example/x");
    }

    #[test]
    fn the_platforms_own_services_are_told_by_their_address_and_are_no_base_url() {
        let link = |text| is_on_the_link(&Url::parse(text).unwrap());
        assert!(link("http://169.254.169.254/metadata/identity/oauth2/token"));
        assert!(link("http://169.254.129.5:8081/msi/token"));
        assert!(!link("http://169.253.169.254/"));
        assert!(!link("http://169.254.169.254.example.com/"));
        assert_eq!("http://169.254.169.254".parse::<BaseUrl>(), Err(BaseUrlError::Insecure));
    }

    #[test]
    fn another_host_scheme_or_port_is_another_origin() {
        let graph = base("https://graph.microsoft.com");
        let same = |text| graph.is_origin_of(&Url::parse(text).unwrap());
        assert!(same("https://graph.microsoft.com:443/v1.0?$skiptoken=x"));
        assert!(!same("https://graph.microsoft.com.evil.example/"));
        assert!(!same("https://graph.microsoft.com@evil.example/"));
        assert!(!same("http://graph.microsoft.com/"));
        assert!(!same("https://graph.microsoft.com:444/"));
    }
}
