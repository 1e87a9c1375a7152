//! A blob's URL, as the portal shows it.

use std::{fmt, net::IpAddr, str::FromStr};

use secrecy::{ExposeSecret, SecretString};
use usher_http::Url;

/// Where a blob is: `https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB`, or on this machine
/// `http://127.0.0.1:10000/ACCOUNT/CONTAINER/BLOB`. It holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobAddress(Url);

impl FromStr for BlobAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SHAPE: &str = "must be a file, or a blob: https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB";
        let address = Self(text.parse().map_err(|_| SHAPE)?);
        let Self(url) = &address;
        match url.scheme() {
            "https" => {}
            "http" if address.is_here() => {}
            "http" => return Err("must be https, but for Azurite on this machine"),
            _ => return Err(SHAPE),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("must end with the blob's name: a signature goes into CHECKPOINT_SAS");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not hold a user or a password");
        }
        if address.names_no_blob() { Err(SHAPE) } else { Ok(address) }
    }
}

impl BlobAddress {
    /// The blob that has this behind its name.
    pub(crate) fn beside(&self, suffix: &str) -> Self {
        let mut url = self.0.clone();
        url.set_path(&format!("{}{suffix}", self.0.path()));
        Self(url)
    }

    /// Whether it is reached without TLS.
    pub(crate) fn is_plain(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// The name of the storage account.
    pub(super) fn account(&self) -> &str {
        if self.is_here() { self.segment(0) } else { self.host().split('.').next().unwrap_or_default() }
    }

    /// The name of the container.
    pub(super) fn container(&self) -> &str {
        self.segment(usize::from(self.is_here()))
    }

    /// What is sent, with the signature if there is one.
    pub(super) fn signed(&self, sas: Option<&SecretString>) -> Url {
        let mut url = self.0.clone();
        url.set_query(sas.map(|sas| sas.expose_secret().trim().trim_start_matches('?')));
        url
    }

    fn names_no_blob(&self) -> bool {
        let names: Vec<_> = self.0.path_segments().into_iter().flatten().collect();
        names.len() < 2 + usize::from(self.is_here()) || names.iter().any(|name| name.is_empty())
    }

    fn segment(&self, at: usize) -> &str {
        self.0.path_segments().and_then(|mut segments| segments.nth(at)).unwrap_or_default()
    }

    /// Azurite's address has the account in the path, since this machine has no name for each.
    fn is_here(&self) -> bool {
        let host = self.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl fmt::Display for BlobAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AZURE: &str = "https://contoso.blob.core.windows.net/usher/tenants/a/checkpoint.json";
    const AZURITE: &str = "http://127.0.0.1:10000/devstoreaccount1/usher/checkpoint.json";

    fn address(text: &str) -> BlobAddress {
        text.parse().unwrap()
    }

    #[test]
    fn account_and_container_are_read_from_the_host_or_on_this_machine_from_the_path() {
        let (azure, azurite) = (address(AZURE), address(AZURITE));
        assert_eq!((azure.account(), azure.container()), ("contoso", "usher"));
        assert_eq!((azurite.account(), azurite.container()), ("devstoreaccount1", "usher"));
        assert!(!azure.is_plain() && azurite.is_plain());
        assert_eq!(azure.beside(".backfill").to_string(), format!("{AZURE}.backfill"));
    }

    #[test]
    fn what_is_no_blobs_address_is_refused() {
        for text in [
            "https://contoso.blob.core.windows.net/usher",
            "https://contoso.blob.core.windows.net/usher/",
            "https://contoso.blob.core.windows.net//checkpoint.json",
            "http://127.0.0.1:10000/devstoreaccount1/usher",
            "http://contoso.blob.core.windows.net/usher/checkpoint.json",
            "ftp://contoso.blob.core.windows.net/usher/checkpoint.json",
            "https://ada:hush@contoso.blob.core.windows.net/usher/checkpoint.json",
        ] {
            let problem = text.parse::<BlobAddress>().unwrap_err();
            assert!(!problem.contains("hush"), "{text}: {problem}");
        }
        let signed = format!("{AZURE}?sv=2025-11-05&sig=hush").parse::<BlobAddress>().unwrap_err();
        assert!(signed.contains("CHECKPOINT_SAS"), "{signed}");
    }

    #[test]
    fn a_signature_is_sent_and_never_shown() {
        let sas = SecretString::from("?sv=2025-11-05&sig=a%2Bb%3D");
        let sent = address(AZURE).signed(Some(&sas));
        assert_eq!(sent.as_str(), format!("{AZURE}?sv=2025-11-05&sig=a%2Bb%3D"));
        assert_eq!(address(AZURE).signed(None).as_str(), AZURE);
    }
}
