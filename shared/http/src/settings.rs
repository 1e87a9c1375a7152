//! The settings that all outbound HTTP shares.

use std::path::{Path, PathBuf};

use clap::Args;
use reqwest::Certificate;
use thiserror::Error;

use crate::{HttpClient, sockets::Sockets};

/// How to reach the world. Proxies come from the environment as everywhere: `HTTPS_PROXY`, `NO_PROXY`.
#[derive(Args, Clone, Debug, Default)]
pub struct HttpSettings {
    /// A PEM file with certificate authorities to trust beside the system's
    #[arg(long = "extra-ca-file", env = "USHER_EXTRA_CA_FILE", value_name = "FILE")]
    pub extra_ca_file: Option<PathBuf>,
}

/// Why there is no client.
#[derive(Debug, Error)]
pub enum HttpSettingsError {
    /// The file of `USHER_EXTRA_CA_FILE` can't be read.
    #[error("{} can't be read: {kind}", file.display())]
    Unreadable {
        /// Its path.
        file: PathBuf,
        /// The kind of the problem.
        kind: std::io::ErrorKind,
    },
    /// The file of `USHER_EXTRA_CA_FILE` holds no certificate.
    #[error("{} holds no certificate in PEM form", file.display())]
    NoCertificate {
        /// Its path.
        file: PathBuf,
    },
    /// The system's certificate authorities or the extra ones are unusable, or a proxy setting is.
    #[error("certificate authorities or proxy settings are unusable")]
    Unusable,
}

impl HttpSettings {
    /// A client that talks over sockets.
    ///
    /// # Errors
    /// [`HttpSettingsError`] if the extra certificate authorities can't be used.
    pub fn client(&self) -> Result<HttpClient, HttpSettingsError> {
        let extra = self.extra_ca_file.as_deref().map(certificates).transpose()?.unwrap_or_default();
        // An error means that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let sockets = Sockets::new(extra).map_err(|_| HttpSettingsError::Unusable)?;
        Ok(sockets.into_client())
    }
}

fn certificates(file: &Path) -> Result<Vec<Certificate>, HttpSettingsError> {
    let pem = std::fs::read(file)
        .map_err(|error| HttpSettingsError::Unreadable { file: file.to_owned(), kind: error.kind() })?;
    let certificates = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    if certificates.is_empty() {
        return Err(HttpSettingsError::NoCertificate { file: file.to_owned() });
    }
    Ok(certificates)
}
