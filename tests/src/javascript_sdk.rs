//! The official JavaScript SDK for Azure Service Bus, which judges what Usher publishes.
//!
//! It is installed into `.sdk/js` at the workspace's root the first time, which takes Node.js, npm and a package
//! registry. `tests/conformance/package.json` says which versions.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::judges::succeeds;

const PACKAGE: &str = include_str!("../conformance/package.json");
/// What `tests/conformance/subscriber.mjs` loads.
const LOAD: &str = "require('@azure/service-bus'); require('ajv/dist/2020'); require('ajv-formats')";
/// None of the packages has a script to run when it is installed; if a later one has, it is not ours to run.
const INSTALL: [&str; 5] = ["install", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"];

/// The Node.js to run a judge with, beside which the SDK is installed if it isn't there yet.
///
/// # Errors
/// Why it can't be had, in a few words.
pub fn javascript_sdk() -> Result<PathBuf, String> {
    let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.sdk/js");
    for program in ["node", "npm"] {
        if !succeeds(Command::new(program).arg("--version")) {
            return Err(format!("{program} is not installed"));
        }
    }
    if !is_installed(&sdk) {
        install(&sdk)?;
    }
    Ok("node".into())
}

/// In the versions that we want, and whole.
fn is_installed(sdk: &Path) -> bool {
    let installed = fs::read_to_string(sdk.join("package.json"));
    installed.is_ok_and(|installed| installed == PACKAGE)
        && succeeds(Command::new("node").args(["-e", LOAD]).current_dir(sdk))
}

fn install(sdk: &Path) -> Result<(), String> {
    fs::create_dir_all(sdk)
        .and_then(|()| fs::write(sdk.join("package.json"), PACKAGE))
        .map_err(|error| format!("{} can't be written: {error}", sdk.display()))?;
    if succeeds(Command::new("npm").args(INSTALL).current_dir(sdk)) {
        Ok(())
    } else {
        Err("@azure/service-bus can't be installed: no package registry".to_owned())
    }
}
