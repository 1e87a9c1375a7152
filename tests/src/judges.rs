//! What the tests that run other people's programs against us have in common: whether those can be had here, and a
//! world with a subscription for them.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::Mutex,
};

use crate::processes::{Options, Program, World};

/// The tests of one binary run at once, and they would install the same thing into the same folder.
static ONE_INSTALLS: Mutex<()> = Mutex::new(());

/// The program to run a judge with, installed by `install` if need be. If it can't be had, nothing: says so, past the
/// test runner, which shows nothing that a passing test prints.
///
/// # Panics
/// If it can't be had in CI, where no judge must be missing.
pub fn judge(name: &str, install: impl FnOnce() -> Result<PathBuf, String>) -> Option<PathBuf> {
    let installed = {
        let _one = ONE_INSTALLS.lock().expect("nothing panics while it installs");
        install()
    };
    match installed {
        Ok(program) => Some(program),
        Err(reason) if std::env::var_os("CI").is_none() => {
            // Nobody can be told that nobody can be told.
            let _ = writeln!(std::io::stderr(), "skipped: {name}: {reason}");
            None
        }
        Err(reason) => panic!("{name}: {reason}"),
    }
}

/// A world whose broker has the topology that the documentation shows: Usher's own, and the subscription `audit`.
pub async fn world_with_audit() -> World {
    let mut world = World::start(Options::default()).await;
    world.broker.kill().await;
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/broker-with-audit.json");
    let arguments = ["--listen", "127.0.0.1:0", "--data", "broker-with-audit", "--config"];
    let broker = Program::new("usher-broker", world.home()).args(arguments);
    world.broker = broker.args([config.display().to_string()]).start().await;
    world
}

/// Whether a command can be run, and ends well.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().as_ref().is_ok_and(ExitStatus::success)
}
