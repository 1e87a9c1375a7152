//! The broker of a run on this machine.

use serde::Deserialize;
use usher_service::Failure;

use super::{Folder, Variables};
use crate::child::{Child, Plan};

/// Where a broker that has just started listens.
#[derive(Debug, Deserialize)]
pub(crate) struct BrokerAddress {
    /// `ADDR:PORT` of AMQP.
    pub(crate) amqp: String,
}

impl BrokerAddress {
    /// The connection string for it, with the well-known key of a development broker, which opens nothing else.
    pub(crate) fn connection_string(&self) -> String {
        format!(
            "Endpoint=sb://{};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=SAS_KEY_VALUE;UseDevelopmentEmulator=true;",
            self.amqp
        )
    }
}

/// Starts a broker on the folder's data.
///
/// # Errors
/// As [`Child::start`].
pub(crate) async fn start_broker(folder: &Folder) -> Result<(Child, BrokerAddress), Failure> {
    let plan = Plan {
        program: "usher-broker".to_owned(),
        args: ["--listen", "127.0.0.1:0", "--data"]
            .map(str::to_owned)
            .into_iter()
            .chain([folder.broker().display().to_string()])
            .collect(),
        environment: Variables::default(),
    };
    Child::start(plan, &folder.logs()).await
}
