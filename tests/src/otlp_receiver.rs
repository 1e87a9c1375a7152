//! Somebody else's receiver for OTLP, which judges what our services send: the collector Rotel, a program of its own that
//! comes in a Python package.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::python_sdk::python_with;

/// What is installed: the version that we wrote against, or the newest if that is gone.
const ROTEL: [&str; 2] = ["rotel==0.0.1a15", "rotel"];

/// The receiver, which is installed if it isn't there yet.
///
/// # Errors
/// Why it can't be had, in a few words.
pub fn otlp_receiver() -> Result<PathBuf, String> {
    let python = python_with("rotel", ROTEL)?;
    let ask = "import pathlib, rotel; print(pathlib.Path(rotel.__file__).with_name('rotel-agent'))";
    let answer = Command::new(python).args(["-c", ask]).output().map_err(|error| error.to_string())?;
    let program = PathBuf::from(String::from_utf8_lossy(&answer.stdout).trim());
    if is_runnable(&program) {
        Ok(program)
    } else {
        Err("the package rotel brings no program that runs on this machine".to_owned())
    }
}

fn is_runnable(program: &Path) -> bool {
    Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
}
