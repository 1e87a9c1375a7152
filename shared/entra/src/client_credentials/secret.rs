//! A secret that we share with Entra: in the environment, or in a file that somebody else may replace.

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use async_trait::async_trait;
use secrecy::SecretString;
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{App, Proof, Prover};
use crate::{CredentialError, CredentialKind};

/// The longest file, in bytes. Entra's secrets have 40 characters, Kubernetes' tokens a kilobyte or two.
const LONGEST_FILE: u64 = 16 * 1024;

/// One that stays for the life of the process.
pub(crate) struct Secret(pub(crate) SecretString);

#[async_trait]
impl Prover for Secret {
    fn kind(&self) -> CredentialKind {
        CredentialKind::ClientSecret
    }

    async fn prove(&self, _app: &App, _now: OffsetDateTime) -> Result<Proof, CredentialError> {
        Ok(Proof::Secret(self.0.clone()))
    }
}

/// One that is read from its file whenever a token is asked for.
pub(crate) struct SecretFile(PathBuf);

impl SecretFile {
    /// The secret in this file.
    ///
    /// # Errors
    /// [`CredentialError::Unusable`] if there is none now.
    pub(crate) fn new(file: PathBuf) -> Result<Self, CredentialError> {
        let it = Self(file);
        it.read().map(|_| it)
    }

    fn read(&self) -> Result<SecretString, CredentialError> {
        read(&self.0).map_err(|problem| CredentialError::unusable(CredentialKind::ClientSecretFile, problem))
    }
}

#[async_trait]
impl Prover for SecretFile {
    fn kind(&self) -> CredentialKind {
        CredentialKind::ClientSecretFile
    }

    async fn prove(&self, _app: &App, _now: OffsetDateTime) -> Result<Proof, CredentialError> {
        self.read().map(Proof::Secret)
    }
}

/// A file's one word, without the white space around it. The file is small and on this machine: it is read at once.
pub(super) fn read(file: &Path) -> Result<SecretString, String> {
    let unreadable = |error: io::Error| format!("the file can't be read: {}", error.kind());
    // Room for all of it from the start: a buffer that moves would leave a copy behind.
    let mut text = Zeroizing::new(String::with_capacity(LONGEST_FILE as usize + 1));
    let length = File::open(file)
        .and_then(|file| file.take(LONGEST_FILE + 1).read_to_string(&mut text))
        .map_err(unreadable)?;
    if length as u64 > LONGEST_FILE {
        return Err(format!("the file is longer than {LONGEST_FILE} bytes"));
    }
    match text.trim() {
        "" => Err("the file is empty".to_owned()),
        word => Ok(word.into()),
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_file_holds_one_word_and_its_line_break_is_no_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        let secret = || read(&file).map(|secret| secret.expose_secret().to_owned());
        assert_eq!(secret().unwrap_err(), "the file can't be read: entity not found");
        std::fs::write(&file, "hush\r\n").unwrap();
        assert_eq!(secret().unwrap(), "hush");
        std::fs::write(&file, "\n").unwrap();
        assert_eq!(secret().unwrap_err(), "the file is empty");
        std::fs::write(&file, "x".repeat(100_000)).unwrap();
        assert!(secret().unwrap_err().contains("longer than"));
    }
}
