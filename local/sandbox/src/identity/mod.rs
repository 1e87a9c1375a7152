//! The stand-in for what a service proves itself with when it sends no secret: certificates of app registrations,
//! federated credentials, and the platform that gives a container its identity.
//!
//! They are made when the sandbox is told to (`--identity-dir`). From then on every app registration takes, in place of its
//! own secret, the certificate in the folder's files and the one in the [vault](crate::vault), the secret in the folder,
//! the cluster's token in the folder, and, but for the platform's own, the token of the platform's managed identity.

mod certificate;
mod files;
mod issuer;
pub(crate) mod keys;
mod managed;

use std::{
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::{IDENTITY_CLIENT_ID, IDENTITY_PRINCIPAL_ID, Sandbox, vault::Version};
pub(crate) use certificate::{Certificate, Registered};
use files::Files;
pub(crate) use issuer::{CLUSTER, EXCHANGE, Issuer, SERVICE_ACCOUNT, entra};
pub(crate) use managed::{ordered, router};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// For how long a certificate is good.
const VALIDITY: Duration = Duration::from_secs(90 * 24 * 3600);
/// The number of the certificate that has expired; the others have numbers from 1 on.
const EXPIRED: u64 = 1_000_000;

/// Why there are no certificates.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// A certificate can't be made.
    #[error("certificates can't be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A PKCS#12 file can't be made.
    #[error("no PKCS#12 file can be made: {0}")]
    Pkcs12(String),
    /// The key of a certificate is not one that the vault can sign with.
    #[error("the vault's keys are unusable")]
    Key,
    /// A file can't be written.
    #[error("{path} can't be written: {source}", path = path.display())]
    Folder {
        /// The folder that it belongs in.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nobody has asked for them.
    #[error("there are none: the sandbox was started without --identity-dir")]
    None,
}

/// What there is to prove oneself with, and what of it is trusted.
pub(crate) struct Identities {
    folder: PathBuf,
    pub(crate) issuer: Issuer,
    /// How often there has been something new: the number of what is there now.
    number: u64,
    file: Certificate,
    expired: Certificate,
    /// The versions of the vault's certificate, the present one last.
    pub(crate) vault: Vec<Version>,
    trust: Trust,
}

/// What the app registrations trust besides a secret of their own.
#[derive(Default)]
struct Trust {
    certificates: Vec<Registered>,
    secrets: Vec<SecretString>,
    federated: bool,
}

impl Identities {
    fn new(folder: &Path, now: OffsetDateTime) -> Result<Self, IdentityError> {
        let number = 1;
        let mut identities = Self {
            folder: folder.to_owned(),
            issuer: Issuer::new()?,
            number,
            file: in_a_file(number, now)?,
            expired: Certificate::new(keys::FILES[0], EXPIRED, now - VALIDITY..now - DAY)?,
            vault: vec![Version::new(number, validity(now))?],
            trust: Trust::default(),
        };
        identities.trust_present();
        Ok(identities)
    }

    /// Everything anew, and trusted beside what was there.
    fn renew(&mut self, now: OffsetDateTime) -> Result<(), IdentityError> {
        self.number += 1;
        self.file = in_a_file(self.number, now)?;
        self.vault.push(Version::new(self.number, validity(now))?);
        self.trust_present();
        Ok(())
    }

    fn trust_present(&mut self) {
        let vault = self.vault.last().map(|version| &version.certificate);
        let present = [&self.file, &self.expired].into_iter().chain(vault);
        self.trust.certificates.extend(present.map(Certificate::registered));
        self.trust.secrets.push(secret(self.number));
        self.trust.federated = true;
    }

    /// What has been replaced is trusted no more.
    fn retire(&mut self) {
        self.trust = Trust::default();
        self.trust_present();
    }

    /// The certificate with this thumbprint, if app registrations have it.
    pub(crate) fn registered(&self, thumbprint: &str) -> Option<&Registered> {
        self.trust.certificates.iter().find(|certificate| certificate.thumbprint == thumbprint)
    }

    /// Whether app registrations have this secret beside their own.
    pub(crate) fn has_secret(&self, secret: &str) -> bool {
        self.trust.secrets.iter().any(|known| known.expose_secret() == secret)
    }

    /// Issuers and subjects of the federated credentials of an app registration.
    pub(crate) fn federated(&self, app: Uuid, tenant: Uuid) -> Vec<(String, String)> {
        let workload = (CLUSTER.to_owned(), SERVICE_ACCOUNT.to_owned());
        let managed = (entra(tenant), IDENTITY_PRINCIPAL_ID.to_string());
        match is_ushers(app) {
            true if self.trust.federated => vec![workload, managed],
            true => Vec::new(),
            // The platform's own, which nobody takes away.
            false => vec![workload],
        }
    }
}

/// The app registrations of the producer and of consumers: all but the platform's own.
fn is_ushers(app: Uuid) -> bool {
    app != IDENTITY_CLIENT_ID
}

fn in_a_file(number: u64, now: OffsetDateTime) -> Result<Certificate, rcgen::Error> {
    Certificate::new(keys::of(keys::FILES, number), number, validity(now))
}

/// Since yesterday: clocks differ.
fn validity(now: OffsetDateTime) -> Range<OffsetDateTime> {
    now - DAY..now + VALIDITY
}

fn secret(number: u64) -> SecretString {
    format!("sandbox~secret-in-a-file-{number}").into()
}

impl Sandbox {
    /// Makes certificates, tokens and a secret, has the app registrations trust them, and writes them to `folder`.
    ///
    /// # Errors
    /// [`IdentityError`] if one can't be made or written.
    pub async fn open_identities(&self, folder: &Path) -> Result<(), IdentityError> {
        let files = self.with(|world, now| {
            let identities = Identities::new(folder, now)?;
            let files = Files::of(&identities, now);
            world.identities = Some(identities);
            files
        })?;
        files.write(folder).await
    }

    /// Replaces all of them: first the new ones are trusted, then they are written, then the old ones are trusted no more.
    /// What was revoked is there again.
    ///
    /// # Errors
    /// As [`Sandbox::open_identities`], and [`IdentityError::None`] if there are none.
    pub async fn rotate_identities(&self) -> Result<(), IdentityError> {
        let (files, folder) = self.with(|world, now| {
            let identities = world.identities.as_mut().ok_or(IdentityError::None)?;
            identities.renew(now)?;
            Ok::<_, IdentityError>((Files::of(identities, now)?, identities.folder.clone()))
        })?;
        files.write(&folder).await?;
        self.with(|world, _| world.identities.iter_mut().for_each(Identities::retire));
        Ok(())
    }

    /// Takes all of them from the app registrations and ends the tokens that those hold: in life these last for up to
    /// an hour more, for which no test waits. Secrets of their own stay.
    ///
    /// # Errors
    /// [`IdentityError::None`] if there are none.
    pub fn revoke_identities(&self) -> Result<(), IdentityError> {
        self.with(|world, _| {
            world.identities.as_mut().ok_or(IdentityError::None)?.trust = Trust::default();
            world.tenant.end_tokens(is_ushers);
            Ok(())
        })
    }
}
