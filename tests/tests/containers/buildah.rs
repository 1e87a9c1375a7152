//! Buildah, with a storage of the tests' own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use usher_tests::judge;

/// Buildah and where it keeps images.
pub(crate) struct Buildah {
    program: PathBuf,
    storage: PathBuf,
}

impl Buildah {
    /// With an empty storage of this name. None if images can't be built or run on this machine, which is then said.
    pub(crate) fn with_storage(name: &str) -> Option<Self> {
        let program = judge("containers", find)?;
        let buildah = Self { program, storage: target().join("containers").join(name) };
        buildah.forget_earlier_runs();
        Some(buildah)
    }

    /// A run that was killed has left working containers, with their files mounted.
    fn forget_earlier_runs(&self) {
        if self.storage.exists() {
            // Either way nothing of it is used: what can't be removed is in nobody's way.
            let _ = self.command(["rm", "--all"]).output();
            let _ = fs::remove_dir_all(&self.storage);
        }
    }

    /// Runs one of its commands and returns what it says.
    pub(crate) fn run<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> String {
        output(&mut self.command(arguments))
    }

    /// One of its commands, to be run.
    pub(crate) fn command<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(self.storage.join("root"));
        command.arg("--runroot").arg(self.storage.join("run"));
        command.args(["--storage-driver", driver()]).args(arguments);
        command
    }

    /// The same for a shell: the words that a command's own follow.
    pub(crate) fn words(&self) -> String {
        let command = self.command([]);
        let words = [command.get_program()].into_iter().chain(command.get_args());
        words.map(|word| format!("'{}'", word.to_str().unwrap())).collect::<Vec<_>>().join(" ")
    }
}

/// What a command says on standard output.
///
/// # Panics
/// If it fails.
pub(crate) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {said}{complained}");
    said.trim_end().to_owned()
}

/// The workspace's root.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The target directory that the test was built into.
pub(crate) fn target() -> PathBuf {
    usher_tests::binary("usher").ancestors().nth(2).unwrap().to_owned()
}

fn find() -> Result<PathBuf, String> {
    let script = workspace().join("tests/tests/containers/buildah.sh");
    let output = Command::new("bash").arg(script).output().map_err(|error| format!("bash: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().into());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(complaint.lines().last().unwrap_or("no reason was given").to_owned())
}

/// Layers that lie over each other, where the kernel can do that; else copies, which take more of the disk.
fn driver() -> &'static str {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if known.contains("overlay") { "overlay" } else { "vfs" }
}
