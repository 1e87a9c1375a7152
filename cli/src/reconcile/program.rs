//! One of our programs at the other end of a pipe.

use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};
use usher_service::Failure;

use crate::{local::Variables, programs};

/// Names of ours that are not for our children: they would take the pipe for their lifeline, and our name for theirs.
const NOT_HANDED_ON: [&str; 2] = ["USHER_STOP_WITH_PARENT", "OTEL_SERVICE_NAME"];

/// A program of ours, by its name, with its settings before those of the environment. What it complains of shows on our
/// standard error. It ends with us.
///
/// # Errors
/// It isn't there, or can't be started.
pub(super) fn start(name: &str, args: &[&str], settings: &Variables, input: Stdio) -> Result<Child, Failure> {
    let mut program = Command::new(programs::find(name)?);
    for variable in NOT_HANDED_ON {
        program.env_remove(variable);
    }
    let settings = settings.0.iter().map(|(name, value)| (name, value));
    program.args(args).envs(settings).stdin(input).stdout(Stdio::piped()).kill_on_drop(true);
    program.spawn().map_err(|error| Failure::Unavailable(format!("{name} can't be started: {error}")))
}

/// What its end means for us, if that was no good one; `flag` names the file that its settings may be in.
pub(super) fn ended(name: &str, flag: &'static str, status: ExitStatus) -> Result<(), Failure> {
    match status.code() {
        Some(0) => Ok(()),
        Some(64) => Err(Failure::setting(flag, format!("{name} says above which of its settings is wrong"))),
        Some(69) => Err(Failure::Unavailable(format!("{name} says above what isn't there"))),
        _ => Err(Failure::Negative(format!("{name} ended early ({status}), and says above why"))),
    }
}

/// It could not be waited for, or not be read.
pub(super) fn lost(name: &str, error: &std::io::Error) -> Failure {
    Failure::Other(anyhow::anyhow!("{name} can't be listened to: {}", error.kind()))
}
