//! From the command line to the exit code.

use std::{
    ffi::OsString,
    fmt::Display,
    future::Future,
    io::{Write, stderr},
    process::ExitCode,
};

use clap::{ArgMatches, Command, Parser, error::ErrorKind};
use tokio::runtime::{Builder, Runtime};

use crate::{Failure, Shutdown, exit::SETTINGS, healthcheck, secret_files, wrong_setting};

/// Runs a binary: settings from flags and environment, telemetry, the work, a drained end.
///
/// `name` is the service's name in traces and in front of its errors.
pub fn run<S, F, W>(name: &'static str, work: F) -> ExitCode
where
    S: Parser,
    F: FnOnce(S, Shutdown) -> W,
    W: Future<Output = Result<(), Failure>>,
{
    run_command(name, S::command(), S::from_arg_matches, work)
}

/// As [`run`], for a command line that is put together only now: `command`, and what its arguments come to.
pub fn run_command<S, F, W>(
    name: &'static str,
    command: Command,
    parsed: impl FnOnce(&ArgMatches) -> Result<S, clap::Error>,
    work: F,
) -> ExitCode
where
    F: FnOnce(S, Shutdown) -> W,
    W: Future<Output = Result<(), Failure>>,
{
    if healthcheck::is_asked_for(&command, std::env::args_os()) {
        return ended(name, healthcheck::ask());
    }
    let settings = match settings(name, command, parsed, std::env::args_os()) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let result = start(name).and_then(|(runtime, telemetry)| {
        let result = runtime.block_on(until_done(settings, work));
        // What still runs on a thread of its own, a DNS look-up for instance, is nobody's any more: don't wait for it.
        runtime.shutdown_background();
        telemetry.flush();
        result
    });
    ended(name, result)
}

fn ended(name: &str, result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(name, &failure);
            failure.exit_code()
        }
    }
}

fn start(name: &'static str) -> Result<(Runtime, usher_telemetry::Telemetry), Failure> {
    // An error means that a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let telemetry = usher_telemetry::init(name).map_err(|e| Failure::setting(e.setting(), e))?;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|e| Failure::Unavailable(format!("no reactor to wait with: {e}")))?;
    Ok((runtime, telemetry))
}

async fn until_done<S, F, W>(settings: S, work: F) -> Result<(), Failure>
where
    F: FnOnce(S, Shutdown) -> W,
    W: Future<Output = Result<(), Failure>>,
{
    let shutdown = Shutdown::new();
    let signals = tokio::spawn(shutdown.clone().on_signal());
    let ended = work(settings, shutdown).await;
    signals.abort();
    ended
}

/// Help and version go to standard output with code 0; anything that clap can't take exits with 64.
fn settings<S>(
    name: &str,
    command: Command,
    parsed: impl FnOnce(&ArgMatches) -> Result<S, clap::Error>,
    args: impl IntoIterator<Item = OsString>,
) -> Result<S, ExitCode> {
    // Before all values are hidden: which are secret is told by that.
    let (command, bad_file) = secret_files::read_into(command, &|name| std::env::var_os(name));
    let mut command = without_env_values(healthcheck::shown_in(command));
    let matches = command.try_get_matches_from_mut(args);
    // With other arguments beside it, which it has no need of.
    if matches.as_ref().is_ok_and(|matches| matches.subcommand_name() == Some(healthcheck::COMMAND)) {
        return Err(ended(name, healthcheck::ask()));
    }
    let settings = matches.and_then(|matches| parsed(&matches));
    let shows =
        |error: &clap::Error| matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
    // Its setting would be missing below.
    if let Some(problem) = bad_file.filter(|_| !settings.as_ref().is_err_and(shows)) {
        complain(name, &problem);
        return Err(ExitCode::from(SETTINGS));
    }
    settings.map_err(|error| {
        match wrong_setting::explain(&command, &error) {
            Some(problem) => complain(name, &problem),
            // As in `complain`.
            None => _ = error.print(),
        }
        if shows(&error) { ExitCode::SUCCESS } else { ExitCode::from(SETTINGS) }
    })
}

/// `--help` names the environment's settings and never shows their values: some are secrets.
fn without_env_values(command: Command) -> Command {
    command.mut_args(|arg| arg.hide_env_values(true)).mut_subcommands(without_env_values)
}

/// On standard error. That it can't be written, since the terminal is gone or the disk under a log is full, must not
/// change how we end: the exit code says why too.
fn complain(name: &str, why: &dyn Display) {
    let _ = writeln!(stderr(), "{name}: {why}");
}

/// Tells whoever started us that we are ready, in one line of JSON on standard output: `usher up` and the
/// tests start services on port 0 and learn here where they listen.
pub fn announce(what: &serde_json::Value) {
    println!("{what}");
}
