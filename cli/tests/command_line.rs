//! The built binary: what it says and how it ends, with programs of our own making in place of the others.

#![cfg(test)]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with `usher` in it and such other programs as a test puts there.
struct House(TempDir);

impl House {
    fn new() -> Self {
        let house = Self(tempfile::tempdir().unwrap());
        fs::copy(env!("CARGO_BIN_EXE_usher"), house.path("usher")).unwrap();
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a program there that runs a script.
    fn with(self, name: &str, script: &str) -> Self {
        let path = self.path(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// One that announces itself, and notes when it was told to stop.
    fn with_service(self, name: &str, announcement: &str) -> Self {
        let stopped = self.path(&format!("{name}.stopped"));
        self.with(name, &format!("echo '{announcement}'\ncat > /dev/null\ntouch '{}'", stopped.display()))
    }

    fn usher(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.path("usher"));
        command.args(args).current_dir(self.0.path()).env_clear().env("PATH", "/usr/bin:/bin");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.usher(args).output().unwrap()
    }

    /// With a broker and stand-ins that do nothing, and a producer that does this.
    fn with_producer(self, script: &str) -> Self {
        let sandbox = r#"{"graph":"http://127.0.0.1:1","login":"https://127.0.0.1:1","stripe":"http://127.0.0.1:1","control":"http://127.0.0.1:1","ca_file":"ca.pem"}"#;
        self.with_service("usher-broker", r#"{"amqp":"127.0.0.1:1","health":"127.0.0.1:1"}"#)
            .with_service("usher-sandbox", sandbox)
            .with_service("usher-billing", r#"{"health":"127.0.0.1:1"}"#)
            .with("usher-producer", script)
    }
}

fn code(output: &Output) -> Option<i32> {
    output.status.code()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

/// Starts `usher up` and waits until it has printed its first line.
fn up(house: &House) -> Child {
    let mut usher =
        house.usher(&["up", "--signups", "1"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(usher.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    usher
}

fn send(signal: &str, process: &Child) {
    assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
}

#[test]
fn what_is_wrong_on_the_command_line_exits_with_64() {
    let house = House::new();
    for wrong in [
        &["up", "--signups", "0"][..],
        &["up", "--rate", "-1"],
        &["up", "--data", "."],
        &["dlq", "list", "nobody"],
        &["dlq", "show", "billing", "seven"],
        &["dlq", "list", "billing"],
        &["fly"],
        &[],
    ] {
        assert_eq!(code(&house.run(wrong)), Some(64), "{wrong:?}");
    }
    assert_eq!(code(&house.run(&["--help"])), Some(0));
}

#[test]
fn a_bad_log_filter_is_a_wrong_setting() {
    let house = House::new();
    let output = house.usher(&["completions", "bash"]).env("USHER_LOG", "usher=loud").output().unwrap();
    assert_eq!(code(&output), Some(64));
    assert!(text(&output.stderr).contains("USHER_LOG"));
}

#[test]
fn completions_are_printed() {
    let output = House::new().run(&["completions", "bash"]);
    assert_eq!(code(&output), Some(0));
    assert!(text(&output.stdout).contains("_usher"));
}

#[test]
fn a_missing_program_exits_with_69_and_says_how_to_get_it() {
    let output = House::new().run(&["up"]);
    assert_eq!(code(&output), Some(69));
    assert!(
        text(&output.stderr).contains("usher-broker is missing: run `make build`"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_child_that_dies_is_shown_with_the_end_of_its_log_and_all_others_stop() {
    let house = House::new().with_producer("echo 'disk on fire' >&2\nexit 3");
    let output = house.run(&["up"]);
    assert_eq!(code(&output), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("usher-producer") && said.contains("disk on fire"), "{said}");
    stopped(&house, &["usher-broker", "usher-sandbox"]);
}

#[test]
fn a_child_that_dies_later_ends_the_run_too() {
    let house =
        House::new().with_producer("echo '{\"health\":\"127.0.0.1:1\"}'\nread never < /dev/null\nexit 3");
    let output = house.run(&["up"]);
    assert_eq!(code(&output), Some(1));
    assert!(text(&output.stderr).contains("ended by itself (exit code 3)"), "{}", text(&output.stderr));
    stopped(&house, &["usher-broker", "usher-sandbox", "usher-billing"]);
}

#[test]
fn ctrl_c_stops_every_child_before_we_end() {
    let house = House::new().with_producer("");
    let house = house.with_service("usher-producer", r#"{"health":"127.0.0.1:1"}"#);
    let usher = up(&house);
    eventually("billing starts", || exists(&house, ".usher/last/billing.env"));
    send("-INT", &usher);
    let output = usher.wait_with_output().unwrap();
    assert_eq!(code(&output), Some(1));
    for program in ["usher-broker", "usher-sandbox", "usher-producer", "usher-billing"] {
        assert!(exists(&house, &format!("{program}.stopped")), "{program}");
    }
}

#[test]
fn children_end_even_if_we_are_killed() {
    let house = House::new().with_producer("");
    let house = house.with_service("usher-producer", r#"{"health":"127.0.0.1:1"}"#);
    let mut usher = up(&house);
    eventually("billing starts", || exists(&house, ".usher/last/billing.env"));
    send("-KILL", &usher);
    usher.wait().unwrap();
    stopped(&house, &["usher-broker", "usher-sandbox", "usher-producer", "usher-billing"]);
}

#[test]
fn replay_becomes_the_consumer_with_the_settings_of_the_run_that_goes_on() {
    let house = House::new().with_producer("");
    let house = house.with_service("usher-producer", r#"{"health":"127.0.0.1:1"}"#);
    let usher = up(&house);
    eventually("billing starts", || exists(&house, ".usher/last/billing.env"));
    let house = house.with("usher-billing", "echo \"$@\" $STRIPE_SECRET_KEY\nexit 5");
    let output = house.run(&["dlq", "replay", "billing", "--", "--reason", "StripeRejected"]);
    assert_eq!(code(&output), Some(5), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "replay --reason StripeRejected sk_test_sandbox\n");
    send("-INT", &usher);
    usher.wait_with_output().unwrap();
}

fn exists(house: &House, name: &str) -> bool {
    Path::exists(&house.path(name))
}

fn stopped(house: &House, programs: &[&str]) {
    for program in programs {
        eventually(program, || exists(house, &format!("{program}.stopped")));
    }
}
