//! The broker of a run on this machine.

use serde::Deserialize;
use usher_service::Failure;

use super::{Folder, Variables};
use crate::child::{Child, Plan};

/// A free port.
pub(crate) const ANY_PORT: &str = "127.0.0.1:0";

/// Where a broker that has just started listens.
#[derive(Debug, Deserialize)]
pub(crate) struct BrokerAddress {
    /// `ADDR:PORT` of AMQP.
    pub(crate) amqp: String,
    /// `ADDR:PORT` of its status.
    pub(crate) health: String,
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

/// A broker on the folder's data, listening on `ADDR:PORT`.
pub(crate) fn broker_plan(folder: &Folder, listen: &str) -> Plan {
    let data = folder.broker().display().to_string();
    Plan {
        program: "usher-broker".to_owned(),
        args: ["--listen", listen, "--data", &data].map(str::to_owned).into(),
        environment: Variables::default().and([("HEALTH_ADDR", ANY_PORT)]),
    }
}

/// Starts a broker on the folder's data.
///
/// # Errors
/// As [`Child::start`].
pub(crate) async fn start_broker(folder: &Folder) -> Result<(Child, BrokerAddress), Failure> {
    Child::start(&broker_plan(folder, ANY_PORT), &folder.logs()).await
}
