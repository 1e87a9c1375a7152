//! Python's official packages that judge us: the SDK for Azure Service Bus, which judges the broker, which the
//! documentation's subscriber stands on and which the bench compares with; the verifier of Standard Webhooks; and readers of
//! what is there for Prometheus and of Compose files.
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
const PROMETHEUS: [&str; 2] = ["prometheus-client==0.26.*", "prometheus-client"];
const PROMQL: [&str; 2] = ["promql-parser==0.11.*", "promql-parser"];
const PODMAN_COMPOSE: [&str; 2] = ["podman-compose==1.6.*", "podman-compose"];
const CHECK_JSONSCHEMA: [&str; 2] = ["check-jsonschema==0.39.*", "check-jsonschema"];
const YAML: [&str; 2] = ["pyyaml==6.*", "pyyaml"];

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

/// The Python that has readers of Prometheus's text format, of its expressions, and of YAML, likewise.
///
/// # Errors
/// As [`python_sdk`].
pub fn prometheus_readers() -> Result<PathBuf, String> {
    python_with("prometheus_client", PROMETHEUS)?;
    python_with("promql_parser", PROMQL)?;
    python_with("yaml", YAML)
}

/// The Python that has readers of Compose files, likewise: podman-compose, which tells Podman what containers to make, and
/// a validator that comes with the specification's schema.
///
/// # Errors
/// As [`python_sdk`].
pub fn compose_readers() -> Result<PathBuf, String> {
    python_with("podman_compose", PODMAN_COMPOSE)?;
    python_with("check_jsonschema", CHECK_JSONSCHEMA)?;
    python_with("yaml", YAML)
}

pub(crate) fn python_with(module: &str, packages: [&str; 2]) -> Result<PathBuf, String> {
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
