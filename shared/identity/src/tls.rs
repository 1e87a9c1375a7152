//! TLS by rustls on ring: the machine's own trust store, plus one CA of the operator's choice.

use std::{path::Path, sync::Arc};

use rustls::{
    ClientConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, pem::PemObject},
};
use rustls_platform_verifier::Verifier;

use crate::IdentityError;

/// A client's configuration that trusts what this machine trusts, and `extra_ca` (a PEM file) besides.
///
/// # Errors
/// [`IdentityError::Trust`] if the file can't be read or holds no certificate, or this machine has no trust store.
pub fn tls_config(extra_ca: Option<&Path>) -> Result<ClientConfig, IdentityError> {
    let roots = extra_ca.map(read_certificates).transpose()?.unwrap_or_default();
    let provider = Arc::new(default_provider());
    let verifier = Verifier::new_with_extra_roots(roots, provider.clone()).map_err(|failure| {
        IdentityError::Trust(format!("is needed, with certificates that can be used: {failure}"))
    })?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|failure| IdentityError::Trust(format!("can't be used: {failure}")))?
        .dangerous() // only in that we name the verifier: it is the platform's own
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn read_certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let unreadable = |failure| IdentityError::Trust(format!("can't be read as PEM: {failure}"));
    let certificates: Vec<_> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(unreadable)?;
    if certificates.is_empty() {
        return Err(IdentityError::Trust("holds no certificate".to_owned()));
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn problem_with(content: &str) -> String {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let error = tls_config(Some(file.path())).unwrap_err();
        assert_eq!(error.setting(), Some("USHER_EXTRA_CA_FILE"));
        error.to_string()
    }

    #[test]
    fn a_ca_file_without_a_certificate_is_a_wrong_setting() {
        assert_eq!(problem_with("nothing here"), "holds no certificate");
    }

    #[test]
    fn a_ca_file_that_is_not_there_is_a_wrong_setting() {
        let error = tls_config(Some(Path::new("/no/such/file.pem"))).unwrap_err();
        assert!(error.to_string().starts_with("can't be read"), "{error}");
    }
}
