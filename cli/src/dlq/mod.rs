//! `usher dlq`: what a consumer could not do, and why; and all that can be done about it.

mod bus;
pub(crate) mod confirm;
mod drop;
mod expire;
mod export;
mod group;
mod letter;
mod list;
pub(crate) mod mask;
mod record;
mod removal;
mod replay;
mod resubmit;
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

All but show and resubmit take the same filters: --reason, --status, --older-than, --newer-than, --since, --user, \
--event, --seq. A broker shows dead letters at any depth but hands them out from the front alone: what replay, \
resubmit, expire and drop pass over they hold meanwhile, 256 at most, and say how far they got.

Examples:
  usher dlq group billing                          how many there are, by reason and status
  usher dlq list billing --status 400              the first 50 of some, and how many there are by reason
  usher dlq show billing 7                         one of them; names and addresses are masked
  usher dlq replay billing --rate 5/s --ramp 1m    has billing try them again, slowly at first
  usher dlq resubmit email 7                       corrects one in your editor and sends it again
  usher dlq export billing letters.jsonl           all of them into a file
  usher dlq expire billing --older-than 30d        removes the oldest
  usher dlq drop billing 7 9                       removes these two";

#[derive(Subcommand)]
enum DlqCommand {
    /// List dead letters, and count them by reason
    List(Box<list::ListArgs>),
    /// Show all about one dead letter
    Show(Box<show::ShowArgs>),
    /// Count dead letters by reason, status and code
    Group(Box<group::GroupArgs>),
    /// Have the consumer try its dead letters again
    Replay(Box<replay::ReplayArgs>),
    /// Correct one dead letter in your editor and send it again, to this consumer alone
    Resubmit(Box<resubmit::ResubmitArgs>),
    /// Write dead letters to a file, one JSON object a line
    Export(Box<export::ExportArgs>),
    /// Remove dead letters older than some age, for good
    Expire(Box<expire::ExpireArgs>),
    /// Remove dead letters, for good
    Drop(Box<drop::DropArgs>),
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
        DlqCommand::List(args) => list::run(*args, &shutdown).await,
        DlqCommand::Show(args) => show::run(*args, &shutdown).await,
        DlqCommand::Group(args) => group::run(*args, &shutdown).await,
        DlqCommand::Replay(args) => replay::run(*args),
        DlqCommand::Resubmit(args) => Box::pin(resubmit::run(*args, &shutdown)).await,
        DlqCommand::Export(args) => export::run(*args, &shutdown).await,
        DlqCommand::Expire(args) => Box::pin(expire::run(*args, &shutdown)).await,
        DlqCommand::Drop(args) => Box::pin(drop::run(*args, &shutdown)).await,
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

/// The operator stopped a command that had changed nothing.
fn stopped() -> Failure {
    Failure::Negative("stopped; nothing was changed".to_owned())
}
