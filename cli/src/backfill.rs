//! `usher backfill`: the producer's own binary publishes the sign-ups of the past; it has the credentials for it.

use std::{ffi::OsString, os::unix::process::CommandExt, path::PathBuf, process::Command};

use clap::Args;
use usher_service::{Failure, Shutdown};

use crate::{
    local::{self, Run, Variables},
    programs,
};

/// One of these in the environment says that the producer's settings are there.
const ON_A_BUS: [&str; 2] = ["SERVICEBUS_CONNECTION_STRING", "SERVICEBUS_NAMESPACE"];

/// Arguments of `usher backfill`.
#[derive(Args)]
#[command(after_help = "\
The producer takes its settings from the environment; those of a run that still runs (`usher up --keep`) are found by \
themselves. `usher-producer backfill --help` says all about it.

Examples:
  usher backfill --since 7d --dry-run     how many there are
  usher backfill --since 7d               publish them; run again, it goes on where it ended")]
pub(crate) struct BackfillArgs {
    /// Where to begin: how long ago ("7d"), or a time (RFC 3339)
    #[arg(long, value_name = "WHEN")]
    since: String,
    /// Where to end, as --since
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// Begin anew, wherever an earlier run ended
    #[arg(long)]
    restart: bool,
    /// Count the sign-ups and end; publish and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Folder of the run whose producer it is if no SERVICEBUS_* setting names a broker
    #[arg(long, default_value = local::LAST_RUN, value_name = "DIR")]
    data: PathBuf,
}

/// Becomes the producer: its signals, output and exit code are then ours.
pub(crate) async fn run(args: BackfillArgs, _shutdown: Shutdown) -> Result<(), Failure> {
    let program = programs::find("usher-producer")?;
    let variables = variables(&args)?;
    let error = Command::new(&program).arg("backfill").args(handed_on(&args)).envs(variables.0).exec();
    Err(Failure::Unavailable(format!("{} can't be started: {error}", program.display())))
}

fn handed_on(args: &BackfillArgs) -> Vec<OsString> {
    let mut all = vec![format!("--since={}", args.since)];
    all.extend(args.until.iter().map(|until| format!("--until={until}")));
    all.extend(args.restart.then(|| "--restart".to_owned()));
    all.extend(args.dry_run.then(|| "--dry-run".to_owned()));
    all.into_iter().map(OsString::from).collect()
}

fn variables(args: &BackfillArgs) -> Result<Variables, Failure> {
    if ON_A_BUS.iter().any(|name| std::env::var_os(name).is_some()) {
        return Ok(Variables::default());
    }
    let missing = || {
        let problem = "is not set, and no run goes on here: `usher up --keep` starts one";
        Failure::setting("SERVICEBUS_CONNECTION_STRING", problem)
    };
    match local::find(&args.data)? {
        Run::GoesOn => Variables::read(&args.data.join("producer.env")).map_err(|_| missing()),
        Run::None | Run::Ended(_) => Err(missing()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_producer_is_told_what_we_were_told() {
        let args = BackfillArgs {
            since: "7d".to_owned(),
            until: None,
            restart: true,
            dry_run: false,
            data: PathBuf::new(),
        };
        assert_eq!(handed_on(&args), ["--since=7d", "--restart"]);
    }
}
