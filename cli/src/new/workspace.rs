//! The workspace that a consumer is made in.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use usher_service::Failure;

use super::{crate_files::CrateFiles, list, name::Name};

/// The list of consumers, within the workspace.
pub(crate) const LIST: &str = "infra/consumers.json";

/// What is wrong with the place is said of this flag.
const WORKSPACE: &str = "--workspace";
/// What is wrong with the name.
const NAME: &str = "NAME";

/// Folders whose crates lie one level further down, and those that are crates themselves.
const GROUPS: [&str; 3] = ["consumers", "shared", "local"];
const CRATES: [&str; 3] = ["producer", "cli", "tests"];

/// Usher's own workspace, or a copy of it.
pub(crate) struct Workspace(PathBuf);

impl Workspace {
    /// The one that holds this folder.
    ///
    /// # Errors
    /// [`Failure::Setting`] if none does.
    pub(crate) fn around(folder: &Path) -> Result<Self, Failure> {
        let unusable =
            |e: io::Error| Failure::setting(WORKSPACE, format!("{} can't be used: {e}", folder.display()));
        let folder = folder.canonicalize().map_err(unusable)?;
        let root = folder.ancestors().find(|folder| is_root(folder));
        root.map(|root| Self(root.to_owned())).ok_or_else(|| {
            let problem = format!(
                "{} is in no workspace with {LIST} and consumers/: go to a clone of Usher's, or name one",
                folder.display()
            );
            Failure::setting(WORKSPACE, problem)
        })
    }

    /// The list of consumers, as it is.
    ///
    /// # Errors
    /// It can't be read.
    pub(crate) fn list(&self) -> Result<String, Failure> {
        let file = self.0.join(LIST);
        fs::read_to_string(&file).map_err(|e| unwritten(&file, &e))
    }

    /// Whether nothing has this name yet.
    ///
    /// # Errors
    /// [`Failure::Setting`] says what has it.
    pub(crate) fn check_free(&self, name: &Name) -> Result<(), Failure> {
        let taken = |by: String| Err(Failure::setting(NAME, format!("{name} is taken: {by}")));
        if list::has(&self.list()?, name)? {
            return taken(format!("a consumer of this name is in {LIST}"));
        }
        let folder = name.folder();
        if self.0.join(&folder).exists() {
            return taken(format!("{} is there already, and nothing is overwritten", folder.display()));
        }
        match self.crate_called(&name.crate_name()) {
            Some(manifest) => taken(format!("{} is the crate {}", manifest.display(), name.crate_name())),
            None => Ok(()),
        }
    }

    /// The manifest of the workspace's crate of this name.
    fn crate_called(&self, name: &str) -> Option<PathBuf> {
        let line = format!("name = \"{name}\"");
        let is_its = |manifest: &PathBuf| {
            fs::read_to_string(manifest).is_ok_and(|text| text.lines().any(|it| it.trim() == line))
        };
        self.manifests().into_iter().find(is_its)
    }

    fn manifests(&self) -> Vec<PathBuf> {
        let inner = GROUPS.into_iter().filter_map(|group| fs::read_dir(self.0.join(group)).ok());
        let inner = inner.flat_map(|group| group.flatten().map(|folder| folder.path()));
        let crates = CRATES.map(|folder| self.0.join(folder));
        inner.chain(crates).map(|folder| folder.join("Cargo.toml")).collect()
    }

    /// Writes the crate, and only then the list. If something fails, nothing of it stays.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] says what can't be written.
    pub(crate) fn write(&self, name: &Name, files: &CrateFiles, list: &str) -> Result<(), Failure> {
        let folder = self.0.join(name.folder());
        // Its own folder must be ours to make: should somebody be faster, theirs stays.
        fs::create_dir(&folder).map_err(|e| unwritten(&folder, &e))?;
        let written = files.iter().try_for_each(|(path, text)| create(&self.0.join(path), text));
        let file = self.0.join(LIST);
        let written = written.and_then(|()| fs::write(&file, list).map_err(|e| unwritten(&file, &e)));
        written.inspect_err(|_| {
            // The first failure is the one to tell of.
            let _ = fs::remove_dir_all(&folder);
        })
    }
}

fn is_root(folder: &Path) -> bool {
    let is_workspace = |text: String| text.lines().any(|line| line.trim() == "[workspace]");
    fs::read_to_string(folder.join("Cargo.toml")).is_ok_and(is_workspace)
        && folder.join(LIST).is_file()
        && folder.join("consumers").is_dir()
}

fn create(file: &Path, text: &str) -> Result<(), Failure> {
    let created = || -> io::Result<()> {
        fs::create_dir_all(file.parent().unwrap_or(file))?;
        OpenOptions::new().write(true).create_new(true).open(file)?.write_all(text.as_bytes())
    };
    created().map_err(|e| unwritten(file, &e))
}

fn unwritten(file: &Path, error: &io::Error) -> Failure {
    Failure::Unavailable(format!("{}: {error}", file.display()))
}
