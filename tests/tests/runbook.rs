//! The runbook is typed as it stands, from its first command to its last, by a shell in the folder of a run that stays
//! up: a command that is gone, a flag that was renamed or an exit code that isn't what the runbook says turns this red.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use tempfile::TempDir;
use tokio::{process::Command, time::timeout};
use usher_tests::{
    binary,
    processes::{Process, Program, eventually},
};

const RUNBOOK: &str = include_str!("../../docs/runbook.md");
/// A dead letter that is tried again and fails again takes as long as its retries; most take no second.
const PATIENCE: Duration = Duration::from_secs(120);
/// How the runbook marks a command whose answer is no.
const ANSWERS_NO: &str = "# ends with 1";

/// A line of the runbook, and the exit code that it announces.
struct Step {
    command: &'static str,
    code: i32,
}

/// The lines of all `sh` blocks.
fn steps() -> Vec<Step> {
    let blocks = RUNBOOK.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    lines.map(|command| Step { command, code: i32::from(command.contains(ANSWERS_NO)) }).collect()
}

/// A run that stays up, and what the runbook's placeholders stand for in it.
struct Tour {
    home: TempDir,
    _up: Process,
    placeholders: Vec<(&'static str, String)>,
}

impl Tour {
    async fn begin() -> Self {
        let home = tempfile::tempdir().unwrap();
        let up = Program::new("usher", home.path())
            .args(["up", "--keep", "--signups", "12", "--rate", "10", "--seed", "7"])
            .spawn();
        let said = eventually("the run stays up", async || {
            Some(up.stdout()).filter(|said| said.contains("Staying up until Ctrl-C."))
        })
        .await;
        let mut tour = Self { home, _up: up, placeholders: Vec::new() };
        let listed = tour.type_in("usher dlq list billing --json").await.1;
        let letter: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
        tour.placeholders = vec![
            ("NUMBER", letter["sequenceNumber"].to_string()),
            ("USER_ID", letter["userId"].as_str().unwrap().to_owned()),
            ("BILLING", address(&said, "billing")),
            ("PRODUCER", address(&said, "producer")),
            ("EDITOR", editor(tour.home.path())),
        ];
        tour
    }

    /// What a shell makes of a line: its exit code, and what it printed.
    async fn type_in(&self, line: &str) -> (Option<i32>, String) {
        let beside = binary("usher").parent().unwrap().display().to_string();
        let run = Command::new("bash")
            .args(["-euc", line])
            .current_dir(self.home.path())
            .env_clear()
            .env("PATH", format!("{beside}:/usr/bin:/bin"))
            .envs(self.placeholders.iter().map(|(name, value)| (*name, value)))
            .kill_on_drop(true)
            .output();
        let run = timeout(PATIENCE, run).await.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {line}"));
        let run = run.unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (run.status.code(), text(&run.stdout) + &text(&run.stderr))
    }
}

/// Where a service tells its health, as the run said.
fn address(said: &str, service: &str) -> String {
    let line =
        said.lines().find(|line| line.split_whitespace().next() == Some(service) && line.contains("http://"));
    let line = line.unwrap_or_else(|| panic!("no address of {service}: {said}"));
    line.split_whitespace().last().unwrap().to_owned()
}

/// An editor that writes another address.
fn editor(home: &Path) -> String {
    let script = home.join("editor.sh");
    let text = "#!/bin/sh\nsed -i 's/\"email\": *\"[^\"]*\"/\"email\": \"corrected@example.com\"/' \"$1\"\n";
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    script.display().to_string()
}

#[test]
fn it_names_each_command_for_dead_letters_and_whatever_else_mends() {
    let commands: Vec<_> = steps().iter().map(|step| step.command).collect();
    for named in ["list", "show", "group", "replay", "resubmit", "export", "expire", "drop"] {
        assert!(commands.iter().any(|it| it.starts_with(&format!("usher dlq {named} "))), "{named}");
    }
    for named in ["usher doctor", "usher reconcile", "usher backfill", "curl"] {
        assert!(commands.iter().any(|it| it.starts_with(named)), "{named}");
    }
}

#[tokio::test]
async fn every_command_of_the_runbook_does_what_the_runbook_says() {
    let tour = Tour::begin().await;
    for Step { command, code } in steps() {
        let (ended, said) = tour.type_in(command).await;
        assert_eq!(ended, Some(code), "{command}\n{said}");
        assert!(!said.trim().is_empty(), "{command} says nothing");
    }
}
