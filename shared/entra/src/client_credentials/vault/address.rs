//! Where a certificate is: `https://VAULT/certificates/NAME`, as the portal shows it, without the version.

use std::str::FromStr;

use usher_http::{BaseUrl, Url};

/// A certificate in a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VaultCertificateUrl {
    vault: String,
    name: String,
    is_here: bool,
}

impl VaultCertificateUrl {
    /// The vault's own address.
    pub(super) fn vault(&self) -> &str {
        &self.vault
    }

    /// The certificate's name in it.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it is on this very machine.
    pub(super) fn is_here(&self) -> bool {
        self.is_here
    }
}

impl FromStr for VaultCertificateUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let base: BaseUrl = text.parse().map_err(|_| FORM)?;
        if !base.is_https() {
            return Err("must be https, even on a loopback host");
        }
        let url = Url::parse(text).map_err(|_| FORM)?;
        let path: Vec<&str> = url.path_segments().into_iter().flatten().collect();
        match path[..] {
            ["certificates", name] | ["certificates", name, ""] if is_name(name) => {
                Ok(Self { vault: base.origin(), name: name.to_owned(), is_here: is_here(&url) })
            }
            ["certificates", _, _] => {
                Err("must name no version: the newest counts, so that it can be replaced without a restart")
            }
            _ => Err(FORM),
        }
    }
}

const FORM: &str = "must be https://VAULT/certificates/NAME";

/// <https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#objects-identifiers-and-versioning>
fn is_name(name: &str) -> bool {
    (1..=127).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_here(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<VaultCertificateUrl, &'static str> {
        text.parse()
    }

    #[test]
    fn the_portals_address_is_understood_without_its_version() {
        let url = parse("https://contoso.vault.azure.net/certificates/usher-producer").unwrap();
        assert_eq!((url.vault(), url.name()), ("https://contoso.vault.azure.net", "usher-producer"));
        assert!(!url.is_here());
        assert_eq!(parse("https://contoso.vault.azure.net/certificates/usher-producer/"), Ok(url));
        let versioned = "https://contoso.vault.azure.net/certificates/usher-producer/0123456789abcdef";
        assert!(parse(versioned).unwrap_err().contains("no version"));
    }

    #[test]
    fn what_is_no_certificates_address_is_refused() {
        for wrong in [
            "",
            "contoso",
            "https://contoso.vault.azure.net",
            "https://contoso.vault.azure.net/keys/usher-producer",
            "https://contoso.vault.azure.net/certificates/",
            "https://contoso.vault.azure.net/certificates/a%2Fb",
            "https://hush@contoso.vault.azure.net/certificates/usher-producer",
            "https://contoso.vault.azure.net/certificates/usher-producer?api-version=7.5",
        ] {
            assert_eq!(parse(wrong), Err(FORM), "{wrong}");
        }
        assert!(parse("http://127.0.0.1:1/certificates/usher").unwrap_err().contains("https"));
    }

    #[test]
    fn a_stand_in_on_this_machine_is_told_from_a_vault() {
        for here in ["https://127.0.0.1:1", "https://localhost:1", "https://[::1]:1"] {
            assert!(parse(&format!("{here}/certificates/usher")).unwrap().is_here(), "{here}");
        }
    }
}
