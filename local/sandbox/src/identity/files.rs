//! The files with which a service shows who it is, as an operator or the platform would put them there.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use p12_keystore::{KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use secrecy::ExposeSecret;
use time::OffsetDateTime;

use super::{CLUSTER, Certificate, Identities, IdentityError, SERVICE_ACCOUNT, secret};
use crate::PKCS12_PASSWORD;

/// For how long the cluster's token is good: longer than any test runs. A real cluster writes a new one in time.
const WORKLOAD_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// Rounds of key derivation, as OpenSSL makes them. The password is known anyway.
const ROUNDS: u32 = 2_048;

/// All of them, by name.
pub(super) struct Files(Vec<(&'static str, Vec<u8>)>);

impl Files {
    pub(super) fn of(identities: &Identities, now: OffsetDateTime) -> Result<Self, IdentityError> {
        let token = identities.issuer.token(CLUSTER, SERVICE_ACCOUNT, now, WORKLOAD_LIFETIME)?;
        let secret = secret(identities.number);
        Ok(Self(vec![
            ("producer.pem", identities.file.pem().into()),
            ("producer.p12", pkcs12(&identities.file)?),
            ("expired.pem", identities.expired.pem().into()),
            ("workload-token", token.into()),
            ("client-secret", secret.expose_secret().into()),
        ]))
    }

    /// Each is there whole or not at all, whoever reads it meanwhile.
    pub(super) async fn write(self, folder: &Path) -> Result<(), IdentityError> {
        let path = folder.to_owned();
        let written = tokio::task::spawn_blocking(move || self.replace_in(&path)).await;
        let written = written.unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()));
        written.map_err(|source| IdentityError::Folder { path: PathBuf::from(folder), source })
    }

    fn replace_in(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        for (name, content) in &self.0 {
            let new = folder.join(format!(".{name}.new"));
            let mut options = OpenOptions::new();
            let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(content)?;
            fs::rename(new, folder.join(name))?;
        }
        Ok(())
    }
}

fn pkcs12(certificate: &Certificate) -> Result<Vec<u8>, IdentityError> {
    let store = || -> Result<Vec<u8>, p12_keystore::error::Error> {
        let key = PrivateKey::from_der(certificate.key_der())?;
        let chain = [p12_keystore::Certificate::from_der(certificate.der())?];
        let entry = KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new("usher", key, chain));
        let mut store = KeyStore::new();
        store.add_entry("usher", entry);
        store.writer(PKCS12_PASSWORD).encryption_iterations(ROUNDS).mac_iterations(ROUNDS).write()
    };
    store().map_err(|error| IdentityError::Pkcs12(error.to_string()))
}
