//! A real `usher-broker` process, which can be killed and started again where it was.

use std::{net::SocketAddr, path::Path, process::Stdio};

use clap::Parser;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};
use usher_bus::BusSettings;

use crate::{messages::within, world::TOPOLOGY};

const KEY: &str = "SAS_KEY_VALUE";

pub(crate) struct Broker {
    process: Child,
    pub(crate) address: SocketAddr,
    /// Its data and its configuration.
    home: TempDir,
}

impl Broker {
    /// A fresh broker on a free port.
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(flags: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(home.path().join("config.json"), TOPOLOGY).expect("a writable temporary directory");
        let (process, address) = spawn(home.path(), "127.0.0.1:0", flags).await;
        Self { process, address, home }
    }

    /// Ends it without warning.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.expect("a process that runs");
    }

    /// Starts it again on the same port with the same data.
    pub(crate) async fn restart(&mut self) {
        (self.process, self.address) = spawn(self.home.path(), &self.address.to_string(), &[]).await;
    }

    /// How to reach it.
    pub(crate) fn settings(&self) -> BusSettings {
        settings_for(self.address, KEY, &[])
    }
}

async fn spawn(home: &Path, listen: &str, flags: &[&str]) -> (Child, SocketAddr) {
    let mut process = Command::new(usher_tests::binary("usher-broker"))
        .args(["--listen", listen])
        .arg("--config")
        .arg(home.join("config.json"))
        .arg("--data")
        .arg(home.join("data"))
        .args(flags)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the broker starts");
    let mut lines = BufReader::new(process.stdout.take().expect("its output is piped")).lines();
    let announced =
        within(lines.next_line()).await.expect("readable output").expect("it says where it listens");
    let announced: serde_json::Value = serde_json::from_str(&announced).expect("a line of JSON");
    let address = announced["amqp"].as_str().and_then(|text| text.parse().ok()).expect("an address");
    (process, address)
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    bus: BusSettings,
}

/// Settings for a broker on this machine, without TLS.
pub(crate) fn settings_for(address: SocketAddr, key: &str, more: &[&str]) -> BusSettings {
    settings(&format!("sb://{address}"), key, ";UseDevelopmentEmulator=true", more)
}

/// Settings for a broker reached by TLS.
pub(crate) fn tls_settings_for(address: SocketAddr, more: &[&str]) -> BusSettings {
    settings(&format!("sb://localhost:{}", address.port()), KEY, "", more)
}

fn settings(endpoint: &str, key: &str, suffix: &str, more: &[&str]) -> BusSettings {
    let name = "RootManageSharedAccessKey";
    let text = format!("Endpoint={endpoint}/;SharedAccessKeyName={name};SharedAccessKey={key}{suffix}");
    let flags = ["test", "--servicebus-connection-string", &text].into_iter().chain(more.iter().copied());
    Flags::try_parse_from(flags).expect("flags as the settings define them").bus
}
