//! Where the services of a run that goes on answer, for our other commands: a file in the run's folder.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use usher_service::Failure;

use super::{Run, find, in_use};

const FILE: &str = "run.json";

/// Where the services of a run answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RunAddresses {
    /// URL of the stand-ins' controls.
    pub(crate) control: String,
    /// URL of the status of each service that has one, by the service's name. One that was killed and is not back is left
    /// out.
    pub(crate) status: BTreeMap<String, String>,
    /// The edges that are real, by their names on the command line: no stand-in has a part in them.
    #[serde(default)]
    pub(crate) real: Vec<String>,
}

impl RunAddresses {
    /// Those of the run that goes on in a folder.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] if none goes on there, or it is starting or stopping.
    pub(crate) fn of(folder: &Path) -> Result<Self, Failure> {
        match find(folder)? {
            Run::GoesOn => {
                let text = fs::read(Self::file(folder)).map_err(|_| in_use(folder))?;
                serde_json::from_slice(&text).map_err(|e| Failure::Other(e.into()))
            }
            Run::None | Run::Ended(_) => Err(Failure::Unavailable(format!(
                "no run goes on in {}: `usher up --keep` starts one",
                folder.display()
            ))),
        }
    }

    /// Whether an edge of this name is real.
    pub(crate) fn is_real(&self, edge: &str) -> bool {
        self.real.iter().any(|real| real == edge)
    }

    /// Whole or not at all: somebody may be reading.
    pub(crate) fn write(&self, folder: &Path) -> io::Result<()> {
        whole(&Self::file(folder), &serde_json::to_vec(self).map_err(io::Error::other)?)
    }

    pub(crate) fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }
}

/// Writes a file so that whoever reads it meanwhile sees what it was or what it is, and nothing in between.
pub(crate) fn whole(file: &Path, content: &[u8]) -> io::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, content)?;
    fs::rename(&new, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::Folder;

    #[test]
    fn they_are_found_while_the_run_goes_on_and_not_afterwards() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run");
        assert!(matches!(RunAddresses::of(&path), Err(Failure::Unavailable(_))));
        let run = Folder::fresh(&path).unwrap();
        assert!(matches!(RunAddresses::of(&path), Err(Failure::Unavailable(_))), "it is starting");
        let status = [("producer".to_owned(), "http://127.0.0.1:1/status".to_owned())].into();
        let real = vec!["stripe".to_owned()];
        let addresses = RunAddresses { control: "http://127.0.0.1:2".to_owned(), status, real };
        addresses.write(&path).unwrap();
        assert_eq!(RunAddresses::of(&path).unwrap(), addresses);
        assert!(addresses.is_real("stripe") && !addresses.is_real("entra"));
        drop(run);
        assert!(matches!(RunAddresses::of(&path), Err(Failure::Unavailable(why)) if why.contains("--keep")));
    }
}
