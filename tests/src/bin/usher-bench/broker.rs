//! A broker of our own topology on a free port.

use std::path::Path;

use serde::Deserialize;

use crate::program::{Program, ours};

/// A running broker.
pub(crate) struct Broker {
    pub(crate) program: Program,
    /// How clients reach it.
    pub(crate) connection_string: String,
}

#[derive(Deserialize)]
struct Announced {
    amqp: String,
}

impl Broker {
    /// Starts it with its data in `folder`.
    pub(crate) async fn start(folder: &Path) -> anyhow::Result<Self> {
        let mut command = ours("usher-broker")?;
        command.args(["--listen", "127.0.0.1:0", "--data"]).arg(folder.join("broker"));
        let mut program = Program::start("usher-broker", command, folder)?;
        let Announced { amqp } = program.announcement().await?;
        let key = "SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE";
        let connection_string = format!("Endpoint=sb://{amqp};{key};UseDevelopmentEmulator=true;");
        Ok(Self { program, connection_string })
    }
}
