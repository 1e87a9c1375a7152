//! Where the checkpoint lies: a file, or a blob that several producers share.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use clap::Args;
use secrecy::{ExposeSecret, SecretString};
use usher_service::Failure;

use super::{
    FileCheckpoint,
    blob::{BlobAddress, BlobCheckpoint},
};
use crate::{FileLease, Kept};

const CHECKPOINT: &str = "CHECKPOINT";
const SAS: &str = "CHECKPOINT_SAS";
/// What the name of a backfill's record has behind that of the checkpoint.
const RECORD: &str = ".backfill";

/// Where the checkpoint lies, and how we get at it.
#[derive(Args, Clone, Debug)]
pub struct CheckpointSettings {
    /// What remembers how far the audit log was read: a file, or a blob that several producers may share, of which one
    /// works and the others stand by (https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB; we are then who the AZURE_*
    /// variables say)
    #[arg(long, env = CHECKPOINT, value_name = "FILE|URL")]
    pub checkpoint: CheckpointPlace,
    /// Shared access signature for the blob's container, in place of an identity: for Azurite, and for a laptop. It must
    /// allow to read and to write
    #[arg(long, env = SAS, hide_env_values = true, value_name = "TOKEN")]
    pub checkpoint_sas: Option<SecretString>,
}

/// A file or a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckpointPlace {
    /// A file; its folder must exist.
    File(PathBuf),
    /// A blob; its container must exist.
    Blob(BlobAddress),
}

impl FromStr for CheckpointPlace {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Err("is empty"),
            url if url.contains("://") => url.parse().map(Self::Blob),
            file => Ok(Self::File(file.into())),
        }
    }
}

impl CheckpointPlace {
    fn beside(&self, suffix: &str) -> Self {
        match self {
            Self::File(file) => {
                let mut name = OsString::from(file);
                name.push(suffix);
                Self::File(name.into())
            }
            Self::Blob(address) => Self::Blob(address.beside(suffix)),
        }
    }
}

impl CheckpointSettings {
    /// The checkpoint, and the lease on it. Nothing is sent yet.
    ///
    /// # Errors
    /// If the settings contradict each other, or there is no credential.
    pub(crate) fn open(&self, extra_ca: Option<&Path>) -> Result<Kept, Failure> {
        self.keep(&self.checkpoint, extra_ca)
    }

    /// The same for a backfill: its record lies beside the checkpoint, whose watermark it leaves alone.
    pub(crate) fn open_record(&self, extra_ca: Option<&Path>) -> Result<Kept, Failure> {
        self.keep(&self.checkpoint.beside(RECORD), extra_ca)
    }

    fn keep(&self, place: &CheckpointPlace, extra_ca: Option<&Path>) -> Result<Kept, Failure> {
        let sas = self.checkpoint_sas.as_ref().filter(|sas| !sas.expose_secret().is_empty());
        match place {
            CheckpointPlace::File(_) if sas.is_some() => {
                Err(Failure::setting(SAS, "is for a blob, and CHECKPOINT names a file"))
            }
            CheckpointPlace::File(file) => Ok(Kept {
                store: Arc::new(FileCheckpoint::new(file.clone())),
                lease: Arc::new(FileLease::beside(file)),
            }),
            CheckpointPlace::Blob(address) => {
                check(address, sas)?;
                let blob = Arc::new(BlobCheckpoint::new(address.clone(), sas, extra_ca)?);
                Ok(Kept { store: blob.clone(), lease: blob })
            }
        }
    }
}

fn check(address: &BlobAddress, sas: Option<&SecretString>) -> Result<(), Failure> {
    match sas {
        None if address.is_plain() => {
            let problem = "no identity is shown without TLS: for Azurite on this machine set CHECKPOINT_SAS";
            Err(Failure::setting(CHECKPOINT, problem))
        }
        Some(sas) if !sas.expose_secret().contains("sig=") => {
            Err(Failure::setting(SAS, "is not what Azure calls a SAS token: it has no signature"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOB: &str = "https://usher.blob.core.windows.net/usher/checkpoint.json";

    fn settings(place: &str, sas: Option<&str>) -> CheckpointSettings {
        CheckpointSettings { checkpoint: place.parse().unwrap(), checkpoint_sas: sas.map(SecretString::from) }
    }

    fn problem(place: &str, sas: Option<&str>) -> String {
        settings(place, sas).open(None).map(drop).unwrap_err().to_string()
    }

    fn place(text: &str) -> CheckpointPlace {
        text.parse().unwrap()
    }

    #[test]
    fn what_has_a_scheme_is_a_blob_and_anything_else_a_file() {
        for file in ["/var/lib/usher/checkpoint.json", "checkpoint.json"] {
            assert_eq!(place(file), CheckpointPlace::File(file.into()));
        }
        assert!(matches!(place(BLOB), CheckpointPlace::Blob(_)));
        assert!("".parse::<CheckpointPlace>().is_err());
        assert!("s3://bucket/key".parse::<CheckpointPlace>().is_err());
    }

    #[test]
    fn a_backfills_record_lies_beside_the_checkpoint() {
        for checkpoint in ["/var/lib/usher/checkpoint.json", BLOB] {
            assert_eq!(place(checkpoint).beside(RECORD), place(&format!("{checkpoint}.backfill")));
        }
    }

    #[test]
    fn a_signature_is_for_a_blob_is_one_and_takes_the_place_of_an_identity_without_tls() {
        assert!(problem("checkpoint.json", Some("sig=x")).starts_with("CHECKPOINT_SAS: is for a blob"));
        assert!(problem(BLOB, Some("hush")).starts_with("CHECKPOINT_SAS: is not"));
        let azurite = "http://127.0.0.1:10000/devstoreaccount1/usher/checkpoint.json";
        assert!(problem(azurite, None).contains("CHECKPOINT_SAS"));
        assert!(settings(azurite, Some("?sv=1&sig=x")).open(None).is_ok());
    }

    #[test]
    fn the_signature_never_shows() {
        assert!(!format!("{:?}", settings(BLOB, Some("sig=hush"))).contains("hush"));
    }
}
