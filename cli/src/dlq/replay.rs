//! `usher dlq replay`: the consumer's own binary receives from its dead-letter queue and runs the same handler.
//! No message leaves the queue before it has succeeded, and no other consumer sees it.

use std::{ffi::OsString, os::unix::process::CommandExt, process::Command};

use clap::Args;
use usher_service::Failure;
use usher_subscriber::Replay;

use super::{Whose, bus};
use crate::{
    local::{self, Run, Variables},
    programs,
};

/// Arguments of `usher dlq replay`.
#[derive(Args)]
#[command(after_help = "\
The consumer takes its own settings (STRIPE_SECRET_KEY and so on) from the environment; those of a run that \
still runs (`usher up --keep`) are found by themselves. What succeeds leaves the queue; what fails again, and what \
the filter does not match, is held until the end, 256 at most, and goes back. It can be stopped at any moment, and run \
again: each message is done once or still there. Exit code 1: something failed, or it ended early and says why.

Examples:
  usher dlq replay billing
  usher dlq replay billing --dry-run --reason RetriesExhausted
  usher dlq replay billing --rate 5/s --ramp 1m      slowly at first, after an outage
  usher dlq replay billing --seq 7                   one of them
  usher dlq replay billing -- --help                 the consumer's own flags, which go after --")]
pub(crate) struct ReplayArgs {
    #[command(flatten)]
    whose: Whose,
    /// Handed on to the consumer
    #[arg(last = true, value_name = "ARGS")]
    args: Vec<OsString>,
    #[command(flatten)]
    replay: Replay,
}

/// Becomes the consumer: its signals, output and exit code are then ours.
pub(crate) fn run(args: ReplayArgs) -> Result<(), Failure> {
    let program = programs::find(&args.whose.consumer.program())?;
    let variables =
        if args.whose.bus.is_some() { Variables::default() } else { local_variables(&args.whose)? };
    let mut command = Command::new(&program);
    let error = command.arg("replay").args(args.replay.to_args()).args(args.args).envs(variables.0).exec();
    Err(Failure::Unavailable(format!("{} can't be started: {error}", program.display())))
}

fn local_variables(whose: &Whose) -> Result<Variables, Failure> {
    match local::find(&whose.data)? {
        Run::GoesOn => bus::running(whose),
        Run::None | Run::Ended(_) => Err(Failure::setting(
            bus::CONNECTION_STRING,
            "is not set, and no run goes on here whose stand-in vendors could answer: `usher up --keep` starts one",
        )),
    }
}
