//! The folder of a run on this machine: `usher up` fills it, `usher dlq` finds there what the run left.
//!
//! Whoever uses the folder holds a lock on a file in it, which the system lets go of however the holder ends.
//! So the lock itself says whether the run is still going on.

mod addresses;
mod broker;
mod variables;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use usher_service::Failure;

pub(crate) use addresses::{RunAddresses, whole};
pub(crate) use broker::{ANY_PORT, BrokerAddress, broker_plan, start_broker};
pub(crate) use variables::Variables;

use crate::consumers::Consumer;

/// Where the last run lies unless somebody says otherwise.
pub(crate) const LAST_RUN: &str = ".usher/last";

/// The flag that names the folder.
const DATA: &str = "--data";
/// Locked while in use; its presence says that the folder is ours to empty.
const LOCK: &str = "usher-run.lock";

/// The folder of a run, in use by us alone.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

/// What is known of a run.
pub(crate) enum Run {
    /// There was none.
    None,
    /// It goes on.
    GoesOn,
    /// It has ended, and its folder is now ours.
    Ended(Folder),
}

impl Folder {
    /// An empty folder for a new run: made, or emptied if an earlier run left it.
    ///
    /// # Errors
    /// [`Failure::Setting`] if the folder holds anything else, [`Failure::Unavailable`] if a run is using it.
    pub(crate) fn fresh(path: &Path) -> Result<Self, Failure> {
        let unusable =
            |e: io::Error| Failure::setting(DATA, format!("{} can't be used: {e}", path.display()));
        fs::create_dir_all(path).map_err(unusable)?;
        if !path.join(LOCK).exists() && fs::read_dir(path).map_err(unusable)?.next().is_some() {
            let problem = format!("{} holds something else: name a new or an empty folder", path.display());
            return Err(Failure::setting(DATA, problem));
        }
        let lock = File::create(path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(path)),
            Err(TryLockError::Error(e)) => return Err(unusable(e)),
        }
        let path = path.canonicalize().map_err(unusable)?;
        empty(&path).and_then(|()| fs::create_dir(path.join("logs"))).map_err(unusable)?;
        Ok(Self { path, _lock: lock })
    }

    /// The folder itself, as an absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What the children log goes here.
    pub(crate) fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The broker's data.
    pub(crate) fn broker(&self) -> PathBuf {
        self.path.join("broker")
    }
}

/// How a consumer of a run that goes on is reached: the settings that it was started with.
pub(crate) fn variables_of(folder: &Path, consumer: Consumer) -> PathBuf {
    variables_file(folder, consumer.name())
}

/// The settings that a service of a run that goes on was started with, the producer's among them.
pub(crate) fn variables_file(folder: &Path, service: &str) -> PathBuf {
    folder.join(format!("{service}.env"))
}

/// Finds out about the run in a folder.
///
/// # Errors
/// The folder can't be looked into.
pub(crate) fn find(path: &Path) -> Result<Run, Failure> {
    let unusable = |e: io::Error| Failure::setting(DATA, format!("{} can't be used: {e}", path.display()));
    let lock = match File::open(path.join(LOCK)) {
        Ok(lock) => lock,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Run::None),
        Err(e) => return Err(unusable(e)),
    };
    match lock.try_lock() {
        Ok(()) => Ok(Run::Ended(Folder { path: path.canonicalize().map_err(unusable)?, _lock: lock })),
        Err(TryLockError::WouldBlock) => Ok(Run::GoesOn),
        Err(TryLockError::Error(e)) => Err(unusable(e)),
    }
}

pub(crate) fn in_use(path: &Path) -> Failure {
    Failure::Unavailable(format!(
        "another usher command is using {}: wait for it, or name another folder with {DATA}",
        path.display()
    ))
}

fn empty(path: &Path) -> io::Result<()> {
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_name() == LOCK {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?
        } else {
            fs::remove_file(entry.path())?
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_emptied_only_if_an_earlier_run_left_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run");
        drop(Folder::fresh(&path).unwrap());
        fs::write(path.join("left"), "over").unwrap();
        drop(Folder::fresh(&path).unwrap());
        assert!(!path.join("left").exists());

        fs::write(home.path().join("thesis"), "important").unwrap();
        assert!(matches!(Folder::fresh(home.path()), Err(Failure::Setting { .. })));
        assert!(home.path().join("thesis").exists());
    }

    #[test]
    fn the_lock_says_whether_a_run_goes_on() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run");
        assert!(matches!(find(&path).unwrap(), Run::None));
        let run = Folder::fresh(&path).unwrap();
        assert!(matches!(find(&path).unwrap(), Run::GoesOn));
        assert!(matches!(Folder::fresh(&path), Err(Failure::Unavailable(_))));
        drop(run);
        assert!(matches!(find(&path).unwrap(), Run::Ended(_)));
    }
}
