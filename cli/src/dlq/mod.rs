//! `usher dlq`: what a consumer could not do, and why.

mod bus;
mod letter;
mod list;
mod mask;
mod page;
mod replay;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use usher_bus::{BusError, BusSettings};
use usher_service::{Failure, Shutdown};

use crate::{consumers::Consumer, local};

/// Arguments of `usher dlq`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DlqArgs {
    #[command(subcommand)]
    command: DlqCommand,
}

const EXAMPLES: &str = "\
Which broker: the one that the SERVICEBUS_* settings name; without any, that of the last `usher up` made \
from this folder, whether it still runs (`usher up --keep`) or has ended.

Examples:
  usher dlq list billing                     the first 50, and how many there are by reason
  usher dlq list billing --from 51 --json    the next 50, for jq
  usher dlq show billing 7                   one of them; names and addresses are masked
  usher dlq replay billing                   has billing try them again";

#[derive(Subcommand)]
enum DlqCommand {
    /// List dead letters, and count them by reason
    List(list::ListArgs),
    /// Show all about one dead letter
    Show(show::ShowArgs),
    /// Have the consumer try its dead letters again
    Replay(replay::ReplayArgs),
}

/// Whose dead letters, and on which broker.
#[derive(Args, Clone)]
pub(crate) struct Whose {
    /// The consumer
    consumer: Consumer,
    #[command(flatten)]
    bus: Option<BusSettings>,
    /// The subscription; the consumer's name unless set
    #[arg(long, env = "SERVICEBUS_SUBSCRIPTION", value_name = "NAME")]
    subscription: Option<String>,
    /// A PEM file with certificate authorities to trust beside the system's
    #[arg(long, env = "USHER_EXTRA_CA_FILE", value_name = "FILE")]
    extra_ca_file: Option<PathBuf>,
    /// Folder of the run to look at if no SERVICEBUS_* setting names a broker
    #[arg(long, default_value = local::LAST_RUN, value_name = "DIR")]
    data: PathBuf,
}

/// Does what the command line says.
pub(crate) async fn run(args: DlqArgs, shutdown: Shutdown) -> Result<(), Failure> {
    match args.command {
        DlqCommand::List(args) => list::run(args, &shutdown).await,
        DlqCommand::Show(args) => show::run(args, &shutdown).await,
        DlqCommand::Replay(args) => replay::run(args),
    }
}

pub(crate) use self::{
    bus::{letters, queue},
    letter::Letter,
};

/// What a failure of the bus means for a command.
pub(crate) fn failure(error: BusError) -> Failure {
    match error {
        BusError::NotFound { .. } | BusError::Unauthorized { .. } | BusError::Unavailable(_) => {
            Failure::Unavailable(error.to_string())
        }
        other => Failure::Other(other.into()),
    }
}
