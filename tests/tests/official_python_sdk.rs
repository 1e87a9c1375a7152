//! The official Python SDK judges the broker: `tests/conformance/servicebus.py` against the real binary.
//!
//! The SDK is installed into `.sdk` at the workspace's root the first time, which takes Python and a package
//! registry. Where there is neither, the test says so and passes; in CI, where it must not be missing, it fails.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use usher_tests::{judge, python_sdk};

/// A broker with the entities that the checks use. Killed when the test is through, whichever way.
struct Broker {
    process: Child,
    port: String,
    _data: TempDir,
}

impl Broker {
    fn start() -> Self {
        let data = tempfile::tempdir().expect("a temporary directory");
        let mut process = Command::new(usher_tests::binary("usher-broker"))
            .args(["--listen", "127.0.0.1:0", "--config"])
            .arg(conformance("config.json"))
            .arg("--data")
            .arg(data.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the broker starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        let announced: serde_json::Value = serde_json::from_str(&line).expect("a line of JSON");
        let address = announced["amqp"].as_str().expect("an address");
        let (_, port) = address.rsplit_once(':').expect("an address with a port");
        Self { process, port: port.to_owned(), _data: data }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended by itself, which the checks will have shown.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_official_python_sdk_finds_what_it_expects() {
    let Some(python) = judge("the official Python SDK's checks", python_sdk) else { return };
    let broker = Broker::start();
    let checks = Command::new(python)
        .arg(conformance("servicebus.py"))
        .args(["--port", &broker.port])
        .output()
        .expect("the SDK's Python runs");
    let (output, errors) = (String::from_utf8_lossy(&checks.stdout), String::from_utf8_lossy(&checks.stderr));
    assert!(checks.status.success(), "{output}\n{errors}");
    assert!(output.contains("18 passed, 0 failed"), "{output}");
}

fn conformance(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance").join(file)
}
