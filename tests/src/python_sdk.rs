//! Python's official packages that judge us: the SDK for Azure Service Bus, which judges the broker, which the
//! documentation's subscriber stands on and which the bench compares with; and the verifier of Standard Webhooks.
//!
//! They are installed into `.sdk` at the workspace's root the first time, which takes Python and a package registry.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::judges::succeeds;

/// What is installed: the version that we wrote against, or the newest if that is gone.
const SERVICE_BUS: [&str; 2] = ["azure-servicebus==7.14.*", "azure-servicebus"];
const WEBHOOKS: [&str; 2] = ["standardwebhooks==1.1.*", "standardwebhooks"];

/// The Python that has the SDK for Service Bus, which is installed if it isn't there yet.
///
/// # Errors
/// Why it can't be had, in a few words.
pub fn python_sdk() -> Result<PathBuf, String> {
    python_with("azure.servicebus", SERVICE_BUS)
}

/// The Python that has the verifier of Standard Webhooks, likewise.
///
/// # Errors
/// As [`python_sdk`].
pub fn webhook_verifier() -> Result<PathBuf, String> {
    python_with("standardwebhooks", WEBHOOKS)
}

fn python_with(module: &str, packages: [&str; 2]) -> Result<PathBuf, String> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sdk");
    let python = sdk.join("bin/python");
    if succeeds(Command::new(&python).args(["-c", &format!("import {module}")])) {
        return Ok(python);
    }
    if !succeeds(Command::new("python3").args(["-m", "venv"]).arg(&sdk)) {
        return Err("python3 with its venv module is not installed".to_owned());
    }
    let install =
        |package| succeeds(Command::new(&python).args(["-m", "pip", "install", "--quiet", package]));
    if packages.into_iter().any(install) {
        Ok(python)
    } else {
        Err(format!("{} can't be installed: no package registry", packages[1]))
    }
}
