//! The destination: a folder with a file for each user, and what its errors mean.

use std::{
    io::{Error, ErrorKind},
    path::PathBuf,
};

use tokio::fs;
use usher_http::{Failure, FailureClass};
use uuid::Uuid;

/// The folder.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Writes a user's note, in place of any that is there.
    pub(crate) async fn put(&self, user: Uuid, note: &str) -> Result<(), Failure> {
        fs::create_dir_all(&self.0).await.map_err(failure)?;
        fs::write(self.file(user), note).await.map_err(failure)
    }

    pub(crate) async fn has(&self, user: Uuid) -> Result<bool, Failure> {
        fs::try_exists(self.file(user)).await.map_err(failure)
    }

    /// Sees whether the folder is there, or can be made: harmless, and without any sign-up.
    pub(crate) async fn probe(&self) -> Result<(), Failure> {
        fs::create_dir_all(&self.0).await.map_err(failure)
    }

    /// An id holds nothing that leads elsewhere.
    fn file(&self, user: Uuid) -> PathBuf {
        self.0.join(format!("{user}.json"))
    }
}

fn failure(error: Error) -> Failure {
    let (class, name) = meaning(error.kind());
    Failure::named(class, name)
}

/// The one table of what an error means: whose fault it is, and a word for logs and dead letters.
fn meaning(kind: ErrorKind) -> (FailureClass, &'static str) {
    match kind {
        ErrorKind::FileTooLarge | ErrorKind::InvalidInput => (FailureClass::Refused, "note not taken"),
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            (FailureClass::Unauthorized, "not ours to write")
        }
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            (FailureClass::Unreachable, "no such folder")
        }
        _ => (FailureClass::Transient, "not now"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_class() {
        for (kind, class) in [
            (ErrorKind::FileTooLarge, FailureClass::Refused),
            (ErrorKind::PermissionDenied, FailureClass::Unauthorized),
            (ErrorKind::NotADirectory, FailureClass::Unreachable),
            (ErrorKind::StorageFull, FailureClass::Transient),
            (ErrorKind::Interrupted, FailureClass::Transient),
        ] {
            assert_eq!(meaning(kind).0, class, "{kind}");
        }
    }
}
