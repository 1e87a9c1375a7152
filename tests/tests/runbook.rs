//! The runbook is typed as it stands, from its first command to its last, by a shell in the folder of a run that stays
//! up: a command that is gone, a flag that was renamed or an exit code that isn't what the runbook says turns this red.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use tempfile::TempDir;
use usher_tests::{
    processes::{Process, Program, eventually},
    typed_commands::{Typist, steps},
};

const RUNBOOK: &str = include_str!("../../docs/runbook.md");

/// A run that stays up, and whoever types beside it; the runbook's placeholders are set.
struct Tour {
    typist: Typist,
    _up: Process,
    _home: TempDir,
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
        let typist = Typist::in_folder(home.path());
        let listed = typist.type_in("usher dlq list billing --json").await.1;
        let letter: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
        let typist = typist
            .with("NUMBER", letter["sequenceNumber"].to_string())
            .with("USER_ID", letter["userId"].as_str().unwrap())
            .with("BILLING", address(&said, "billing"))
            .with("PRODUCER", address(&said, "producer"))
            .with("EDITOR", editor(home.path()));
        Self { typist, _up: up, _home: home }
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
    let commands: Vec<_> = steps(RUNBOOK).iter().map(|step| step.command).collect();
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
    for step in steps(RUNBOOK) {
        tour.typist.take(&step).await;
    }
}
