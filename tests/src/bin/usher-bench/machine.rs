//! What it ran on.

use std::{fs, process::Command, thread::available_parallelism};

/// Processor, kernel and versions, in one line.
pub(crate) fn facts() -> String {
    let cores = available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let sdk = sdk_versions().map(|versions| format!(", {versions}")).unwrap_or_default();
    format!(
        "{cores} cores of {}, Linux {}, Usher {}{sdk}",
        processor(),
        kernel.trim(),
        env!("CARGO_PKG_VERSION")
    )
}

fn processor() -> String {
    let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, model)| model.trim().to_owned())
}

fn sdk_versions() -> Option<String> {
    let ask = "import platform, azure.servicebus as s; print('Python', platform.python_version() + ', azure-servicebus', s.__version__)";
    let answer = Command::new(usher_tests::python_sdk().ok()?).args(["-c", ask]).output().ok()?;
    Some(String::from_utf8_lossy(&answer.stdout).trim().to_owned())
}
