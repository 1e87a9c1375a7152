//! The token endpoint's certificate: made at start, signed by an authority made at start.

use std::{path::Path, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

use crate::ServeError;

/// The names that the certificate is good for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// Makes the certificates, writes the authority's to `ca_file`, and returns what accepts with the other.
pub(super) async fn acceptor(ca_file: &Path) -> Result<TlsAcceptor, ServeError> {
    let (ca_pem, config) = certificates().map_err(|e| ServeError::Certificate(e.to_string()))?;
    let written = tokio::fs::write(ca_file, ca_pem).await;
    written.map_err(|source| ServeError::CaFile { path: ca_file.to_owned(), source })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates() -> Result<(String, ServerConfig), Box<dyn std::error::Error>> {
    let ca_key = KeyPair::generate()?;
    let ca = authority()?;
    let ca_pem = ca.self_signed(&ca_key)?.pem();

    let key = KeyPair::generate()?;
    let names = NAMES.map(str::to_owned);
    let certificate = CertificateParams::new(names)?.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    // Said by name, so that it doesn't matter what else the process installs as its default.
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((ca_pem, config))
}

fn authority() -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::<String>::new())?;
    params.distinguished_name.push(DnType::CommonName, "Usher sandbox");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(params)
}
