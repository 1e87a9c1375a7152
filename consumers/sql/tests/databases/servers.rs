//! Database servers that live as long as a test does.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/databases/servers.sh");
/// Where what is installed stays from one run to the next.
const SDK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.sdk");

/// A server. It ends when this is dropped, and also when the test process dies: its input is a pipe of ours.
pub(crate) struct Server {
    kind: &'static str,
    /// Of the database `usher`, for a user who may do everything.
    pub(crate) url: String,
    folder: TempDir,
    child: Option<Child>,
}

impl Server {
    /// A server of its own, or nothing, and says so, if it can't be had here.
    pub(crate) fn start(kind: &'static str) -> Option<Self> {
        if let Err(reason) = install(kind) {
            assert!(std::env::var_os("CI").is_none(), "{kind}: {reason}");
            // Past the test runner, which shows nothing that a passing test prints.
            let _ = writeln!(std::io::stderr(), "skipped: {kind}: {reason}");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let url = url(kind, folder.path());
        let mut server = Self { kind, url, folder, child: None };
        server.resume();
        Some(server)
    }

    /// Ends it. What it holds stays.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            drop(child.stdin.take());
            // The script bounds it.
            let _ = child.wait();
        }
    }

    /// Starts it, with what it held.
    pub(crate) fn resume(&mut self) {
        let mut child = Command::new("bash")
            .args([SCRIPT, "run", self.kind, SDK])
            .arg(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        // The script bounds this too.
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        self.child = Some(child);
        assert_eq!(said, "ready\n", "{} has not started", self.kind);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

fn install(kind: &str) -> Result<(), String> {
    let output = Command::new("bash").args([SCRIPT, "install", kind, SDK]).output();
    let output = output.map_err(|error| format!("bash can't be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.lines().last().unwrap_or_default().to_owned()) }
}

fn url(kind: &str, folder: &Path) -> String {
    let folder = folder.display();
    match kind {
        "postgresql" => format!("postgres://usher:hush@localhost/usher?host={folder}"),
        _ => format!("mysql://usher:hush@localhost/usher?socket={folder}/mariadb.sock"),
    }
}
