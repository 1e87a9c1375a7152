//! The binary's own settings and command: one line that names what is wrong, and never a part of the URL.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::{Command, Output};

const ID: &str = "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d";

/// Runs it with every setting but a broker, so that it would have to stop before it reaches one.
fn run(variables: &[(&str, &str)], arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_usher-sql"))
        .args(arguments)
        .env_clear()
        .env("ENTRA_TENANT_ID", ID)
        .env(
            "SERVICEBUS_CONNECTION_STRING",
            "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=hush",
        )
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

#[test]
fn a_wrong_url_or_table_ends_the_start_and_is_not_repeated() {
    for (setting, value) in [
        ("SQL_DATABASE_URL", "oracle://ada:hush@db.example/usher"),
        ("SQL_DATABASE_URL", "postgres://ada:hu?sh@db.example/usher"),
        ("SQL_DATABASE_URL", "mysql://ada:hush@db.example/usher?secret=hush"),
        ("SQL_TABLE", "hush; DROP TABLE users"),
    ] {
        for arguments in [&[][..], &["run"], &["replay"], &["schema"]] {
            let output = run(&[(setting, value)], arguments);
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(64), "{said}");
            assert!(said.starts_with(&format!("usher-sql: {setting}: ")), "{said}");
            assert!(!said.contains("hush") && !said.contains("db.example"), "{said}");
            assert!(output.stdout.is_empty(), "something was announced");
        }
    }
}

#[test]
fn schema_prints_statements_and_asks_nobody() {
    for (url, says) in [
        ("sqlite:///nowhere/at/all.db", "CREATE TABLE IF NOT EXISTS \"members\""),
        ("postgres://ada:hush@db.example/usher", "\"attributes\" jsonb NOT NULL"),
        ("mysql://ada:hush@db.example/usher", "`attributes` JSON NOT NULL"),
    ] {
        let output = run(&[("SQL_DATABASE_URL", url), ("SQL_TABLE", "members")], &["schema"]);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains(says) && said.contains("VALUES ('members', 1)"), "{said}");
        assert!(!said.contains("hush"), "{said}");
    }
}

#[test]
fn help_says_how_the_way_there_is_kept_confidential() {
    let output = run(&[], &["schema", "--help"]);
    let help = String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("sslmode=verify-full") && help.contains("SQL_MIGRATE=false"), "{help}");
    assert!(!help.contains("SERVICEBUS"), "{help}");
}
