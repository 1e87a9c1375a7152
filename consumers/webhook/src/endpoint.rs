//! Where the webhook goes.

use std::{fmt, str::FromStr};

use url::Url;
use usher_http::{BaseUrl, BaseUrlError};

/// A URL that events are posted to: https, or plain http for a loopback host. Path and query often hold a secret, so no
/// more than the host is ever shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Endpoint(Url);

impl Endpoint {
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for Endpoint {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        let mut url = Url::parse(text).map_err(|_| BaseUrlError::Malformed)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::Overloaded);
        }
        url.set_fragment(None);
        // The rest is what holds for every address that we call.
        url.origin().ascii_serialization().parse::<BaseUrl>()?;
        Ok(Self(url))
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({}/..)", self.0.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_keeps_its_path_and_query_and_shows_neither() {
        let endpoint: Endpoint = "https://hooks.example/in?token=hush#here".parse().unwrap();
        assert_eq!(endpoint.url().as_str(), "https://hooks.example/in?token=hush");
        assert_eq!(format!("{endpoint:?}"), "Endpoint(https://hooks.example/..)");
    }

    #[test]
    fn what_others_could_read_or_what_is_no_address_is_refused() {
        let problem = |text: &str| text.parse::<Endpoint>().unwrap_err();
        assert_eq!(problem("http://hooks.example/in"), BaseUrlError::Insecure);
        assert_eq!(problem("ftp://127.0.0.1/in"), BaseUrlError::Insecure);
        assert_eq!(problem("https://ada:hush@hooks.example/in"), BaseUrlError::Overloaded);
        for text in ["", "hooks.example/in", "data:text/plain,hush", "https://"] {
            assert_eq!(problem(text), BaseUrlError::Malformed, "{text}");
        }
        assert!("http://127.0.0.1:8080/in".parse::<Endpoint>().is_ok());
    }
}
