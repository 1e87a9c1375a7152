//! Every command that a document shows is executed by a test, or is marked as one that needs Azure or a real account.
//!
//! Here it is seen to that no block is forgotten, and the commands are typed of those documents that have no test of
//! their own.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::timeout,
};
use usher_tests::{
    binary, judge,
    processes::{Program, eventually},
    python_sdk,
    typed_commands::{Step, Typist, lines_of, steps},
};

/// Which test types the commands of which document.
const TYPED: [(&str, &str); 10] = [
    ("README.md", "documents.rs"),
    ("SECURITY.md", "documents.rs"),
    ("docs/capacity.md", "plan.rs"),
    ("docs/containers.md", "containers/documented.rs"),
    ("docs/month.md", "documents.rs"),
    ("docs/new-subscriber.md", "new_subscriber.rs"),
    ("docs/other-languages.md", "documents.rs"),
    ("docs/outage.md", "documents.rs"),
    ("docs/runbook.md", "runbook.rs"),
    ("docs/ten-minutes.md", "ten_minutes.rs"),
];
/// How a block is marked that needs Azure or a real account, and is not typed.
const NEEDS_AZURE: &str = "sh azure";

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All documents, by their paths from the root.
fn documents() -> Vec<String> {
    let mut found: Vec<_> = ["README.md", "SECURITY.md", "CHANGELOG.md", "infra/functions/README.md"]
        .map(|path| workspace().join(path))
        .into();
    for folder in ["docs", "docs/decisions"] {
        found.extend(fs::read_dir(workspace().join(folder)).unwrap().map(|entry| entry.unwrap().path()));
    }
    found.retain(|path| path.extension().is_some_and(|it| it == "md"));
    let from_root = |path: &PathBuf| path.strip_prefix(workspace()).unwrap().display().to_string();
    found.iter().map(from_root).collect()
}

/// How the blocks of commands of a document are marked.
fn marks(document: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(workspace().join(document)).unwrap();
    let fences = text.lines().filter_map(|line| line.strip_prefix("```"));
    fences.filter(|mark| mark.starts_with("sh")).map(str::to_owned).collect()
}

#[test]
fn every_block_of_commands_is_typed_by_a_test_or_marked_as_needing_azure() {
    for document in documents() {
        let typed = TYPED.iter().find(|(typed, _)| *typed == document);
        for mark in marks(&document) {
            assert!(mark == NEEDS_AZURE || typed.is_some(), "{document}: who types its blocks of `{mark}`?");
        }
        if let Some((_, test)) = typed {
            let file = workspace().join("tests/tests").join(test);
            let text = fs::read_to_string(file).unwrap();
            assert!(text.contains(&document), "{test} does not speak of {document}");
        }
    }
}

#[test]
fn nobody_shows_commands_in_a_block_that_no_test_knows() {
    for document in documents() {
        let text = fs::read_to_string(workspace().join(&document)).unwrap();
        for (_, mark) in text.lines().filter_map(|line| line.split_once("```")) {
            let is_shell = ["bash", "shell", "console", "zsh"].iter().any(|it| mark.starts_with(it));
            assert!(!is_shell, "{document}: `{mark}` is typed by nobody: say `sh`, or `sh azure`");
        }
    }
}

#[tokio::test]
async fn the_readmes_commands_do_what_it_says() {
    let home = tempfile::tempdir().unwrap();
    let up = Program::new("usher", home.path())
        .args(["up", "--keep", "--signups", "12", "--rate", "10", "--seed", "7"])
        .spawn();
    eventually("the run stays up", async || {
        Some(()).filter(|()| up.stdout().contains("Staying up until Ctrl-C."))
    })
    .await;
    let typist = Typist::in_folder(home.path());
    let listed = typist.type_in("usher dlq list billing --json").await.1;
    let letter: serde_json::Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let typist = typist.with("NUMBER", letter["sequenceNumber"].to_string());
    type_all(&typist, include_str!("../../README.md")).await;
}

/// Pictures and tables, each by one command, that other tests hold to what the command makes.
#[tokio::test]
async fn what_makes_a_picture_or_a_table_is_there() {
    let home = tempfile::tempdir().unwrap();
    let typist = Typist::in_folder(home.path());
    type_all(&typist, include_str!("../../docs/month.md")).await;
    type_all(&typist, include_str!("../../docs/outage.md")).await;
}

async fn type_all(typist: &Typist, document: &'static str) {
    let steps = steps(document);
    assert!(!steps.is_empty());
    for Step { command, code, until } in steps {
        let command = command.strip_prefix("target/release/").unwrap_or(command);
        typist.take(&Step { command, code, until }).await;
    }
}

#[tokio::test]
async fn there_are_as_many_dependencies_as_security_md_says() {
    let document = include_str!("../../SECURITY.md");
    let home_of_typist = tempfile::tempdir().unwrap();
    let typist = Typist::in_folder(home_of_typist.path());
    let path = std::env::var("PATH").unwrap();
    let home = std::env::var("HOME").unwrap();
    let commands = lines_of(document, "sh");
    let mut counts = Vec::new();
    for command in &commands {
        let there = workspace().display();
        let typed = format!("export HOME='{home}' PATH=\"{path}:$PATH\"; cd '{there}'; {command}");
        let (code, said) = typist.type_in(&typed).await;
        assert_eq!(code, Some(0), "{command}: {said}");
        counts.push(said.split_whitespace().last().unwrap().to_owned());
    }
    let [all, email] = counts.as_slice() else { panic!("{commands:?}") };
    let said = format!("print {all} and {email}.");
    assert!(document.contains(&said), "SECURITY.md must say that the commands {said}");
}

/// All of it as one script, in the workspace, with the programs that were built for the tests.
#[tokio::test]
async fn a_subscriber_in_another_language_prints_who_signed_up_as_the_document_says() {
    if judge("the documented subscriber in another language", python_sdk).is_none() {
        return;
    }
    let document = include_str!("../../docs/other-languages.md");
    let beside = binary("usher-broker").parent().unwrap().display().to_string();
    let script = lines_of(document, "sh").join("\n").replace("target/release", &beside);
    let mut run = Command::new("bash")
        .args(["-euc", &format!("trap 'kill $(jobs -p)' EXIT\n{script}")])
        .current_dir(workspace())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .unwrap();
    let group = run.id().unwrap();
    let mut lines = BufReader::new(run.stdout.take().unwrap()).lines();
    let mut people = BTreeSet::new();
    let five = async {
        while people.len() < 5 {
            let line = lines.next_line().await.unwrap().expect("it goes on until it is stopped");
            // The broker and the stand-ins say where they listen, in JSON; the subscriber says who signed up.
            if !line.starts_with('{') && !line.trim().is_empty() {
                people.insert(line);
            }
        }
    };
    let ended = timeout(Duration::from_secs(90), five).await;
    let stop = Command::new("kill").args(["-s", "TERM", "--", &format!("-{group}")]).status().await;
    assert!(stop.unwrap().success());
    run.wait().await.unwrap();
    assert!(ended.is_ok(), "only these signed up: {people:?}");
}
