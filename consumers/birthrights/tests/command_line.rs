//! The binary with rules that can't be: one line that names the setting, the file and the place, and exit code 64.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

const ID: &str = "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d";

/// Runs it with every setting but a broker, so that it would have to stop before it reaches one.
fn run(rules: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_usher-birthrights"))
        .args(arguments)
        .env_clear()
        .envs([("ENTRA_TENANT_ID", ID), ("ENTRA_CLIENT_ID", ID), ("ENTRA_CLIENT_SECRET", "hush")])
        .env(
            "SERVICEBUS_CONNECTION_STRING",
            "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=hush",
        )
        .env("BIRTHRIGHTS_RULES", rules)
        .output()
        .unwrap()
}

fn ends_with_64(output: &Output, line: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(64), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with(line), "{said}");
    assert!(output.stdout.is_empty(), "something was announced");
}

#[test]
fn rules_with_a_mistake_end_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rules.toml");
    std::fs::write(
        &file,
        format!("[[rule]]\nname = \"a\"\ngroups = [\"{ID}\"]\nwhen = {{ group = \"{ID}\" }}\n"),
    )
    .unwrap();
    let file = file.to_str().unwrap();
    let line =
        format!("usher-birthrights: BIRTHRIGHTS_RULES: {file}:4:10: rule \"a\": `when` can't be on `group`");
    for arguments in [&[][..], &["run"], &["replay"], &["explain", ID]] {
        ends_with_64(&run(file, arguments), &line);
    }
}

#[test]
fn rules_that_are_not_there_end_the_start() {
    let line = "usher-birthrights: BIRTHRIGHTS_RULES: /nowhere/rules.toml: can't be read: ";
    ends_with_64(&run("/nowhere/rules.toml", &[]), line);
}

#[test]
fn explain_needs_no_broker_and_says_what_it_does() {
    let output = Command::new(env!("CARGO_BIN_EXE_usher-birthrights"))
        .args(["explain", "--help"])
        .env_clear()
        .output()
        .unwrap();
    let help = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{help}");
    assert!(
        help.contains("Changes nothing") && help.contains("USER_ID") && !help.contains("SERVICEBUS"),
        "{help}"
    );
}
