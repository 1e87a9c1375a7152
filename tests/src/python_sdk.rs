//! The official Python SDK for Azure Service Bus, which judges the broker, which the documentation's subscriber stands on
//! and which the bench compares with.
//!
//! It is installed into `.sdk` at the workspace's root the first time, which takes Python and a package registry.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::judges::succeeds;

/// What is installed: the version that we wrote against, or the newest if that is gone.
const PACKAGES: [&str; 2] = ["azure-servicebus==7.14.*", "azure-servicebus"];

/// The Python that has the SDK, which is installed if it isn't there yet.
///
/// # Errors
/// Why it can't be had, in a few words.
pub fn python_sdk() -> Result<PathBuf, String> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sdk");
    let python = sdk.join("bin/python");
    if succeeds(Command::new(&python).args(["-c", "import azure.servicebus"])) {
        return Ok(python);
    }
    if !succeeds(Command::new("python3").args(["-m", "venv"]).arg(&sdk)) {
        return Err("python3 with its venv module is not installed".to_owned());
    }
    let install =
        |package| succeeds(Command::new(&python).args(["-m", "pip", "install", "--quiet", package]));
    if PACKAGES.into_iter().any(install) {
        Ok(python)
    } else {
        Err("azure-servicebus can't be installed: no package registry".to_owned())
    }
}
