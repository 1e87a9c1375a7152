//! Prometheus's reader of its text format, a reader of its expressions, and one of YAML: `tests/conformance/prometheus.py`.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use usher_tests::{judge, prometheus_readers};

/// The Python that has them, if it can be had.
pub(crate) fn python() -> Option<PathBuf> {
    judge("the readers of what is there for Prometheus", prometheus_readers)
}

/// What the readers make of a file or a text.
///
/// # Panics
/// If they don't take it.
pub(crate) fn read(python: &Path, args: &[&str], text: &str) -> Value {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut reader = Command::new(python)
        .arg(root.join("conformance/prometheus.py"))
        .args(args)
        .current_dir(root.join("../infra"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Whoever reads no text closes its end at once.
    let _ = reader.stdin.take().unwrap().write_all(text.as_bytes());
    let output = reader.wait_with_output().unwrap();
    assert!(output.status.success(), "{args:?}: {}\n{text}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
