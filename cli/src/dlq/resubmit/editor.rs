//! The operator's editor, on a file that nobody else can read.

use std::{
    fs,
    io::{IsTerminal, Write, stderr, stdin},
    path::PathBuf,
};

use tempfile::NamedTempFile;
use tokio::process::Command;
use usher_service::{Failure, Shutdown};

use super::super::{confirm::line, stopped};

/// What is being written. Removed in the end, unless it is kept.
pub(super) struct Draft(NamedTempFile);

impl Draft {
    /// # Errors
    /// There is no room for temporary files.
    pub(super) fn new(text: &[u8]) -> Result<Self, Failure> {
        let unwritable = |e| Failure::Negative(format!("no file to edit in can be made: {e}"));
        // Made anew and with mode 0600: at no moment could anybody else have opened it.
        let file = tempfile::Builder::new().prefix("usher-resubmit-").suffix(".json").tempfile();
        let mut file = file.map_err(unwritable)?;
        file.write_all(text).and_then(|()| file.flush()).map_err(unwritable)?;
        Ok(Self(file))
    }

    /// Opens the editor and waits until it has ended.
    ///
    /// # Errors
    /// None is named, it can't be started, or it says that it failed.
    pub(super) async fn edit(&self, shutdown: &Shutdown) -> Result<(), Failure> {
        let editor = named()?;
        // As git does: what the variable holds is a command with arguments of its own, perhaps.
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(format!("{editor} \"$@\""))
            .arg(&editor)
            .arg(self.0.path())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| Failure::Unavailable(format!("the editor can't be started: {e}")))?;
        let ended = tokio::select! {
            biased;
            () = shutdown.requested() => return Err(stopped()),
            ended = child.wait() => ended.map_err(|e| Failure::Other(e.into()))?,
        };
        if ended.success() {
            return Ok(());
        }
        Err(Failure::Negative(format!("the editor ended with {ended}; nothing was sent")))
    }

    /// # Errors
    /// The editor left no file.
    pub(super) fn read(&self) -> Result<Vec<u8>, Failure> {
        // By its name: many editors put a new file in the place of the old.
        fs::read(self.0.path()).map_err(|e| Failure::Negative(format!("what was edited can't be read: {e}")))
    }

    /// Where it stays; `None` if it can't.
    pub(super) fn keep(self) -> Option<PathBuf> {
        self.0.into_temp_path().keep().ok()
    }
}

fn named() -> Result<String, Failure> {
    let mut named = ["VISUAL", "EDITOR"].into_iter().filter_map(|name| std::env::var(name).ok());
    named
        .find(|editor| !editor.trim().is_empty())
        .ok_or_else(|| Failure::setting("EDITOR", "is not set: name an editor, or give the event by --file"))
}

/// Says what is wrong, and asks whether to edit again; where nobody can be asked, that is a no.
///
/// # Errors
/// The operator stopped the command.
pub(super) async fn again(problem: &str, shutdown: &Shutdown) -> Result<bool, Failure> {
    if !stdin().is_terminal() {
        return Ok(false);
    }
    let _ = write!(stderr(), "{problem}\nEdit again? [Y/n] ").and_then(|()| stderr().flush());
    let answer = tokio::select! {
        biased;
        () = shutdown.requested() => return Err(stopped()),
        answer = line() => answer?,
    };
    Ok(!matches!(answer.trim().to_lowercase().as_str(), "n" | "no"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_draft_is_for_us_alone_and_gone_in_the_end_unless_it_is_kept() {
        let draft = Draft::new(b"Ada").unwrap();
        let path = draft.0.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(draft.read().unwrap(), b"Ada");
        drop(draft);
        assert!(!path.exists());
        let kept = Draft::new(b"Ada").unwrap().keep().unwrap();
        assert_eq!(fs::read(&kept).unwrap(), b"Ada");
        fs::remove_file(kept).unwrap();
    }
}
