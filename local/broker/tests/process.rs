//! The program as an operator meets it: what it says, and the code that it ends with.

use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

fn broker(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher-broker"));
    command.args(["--listen", "127.0.0.1:0", "--data"]).arg(data);
    command
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// What a run that ends by itself has to say.
fn outcome(command: &mut Command) -> (Option<i32>, String) {
    let Output { status, stderr, .. } = command.output().expect("the broker starts");
    (status.code(), String::from_utf8(stderr).expect("text"))
}

/// A broker that runs, and what it announced. Killed at the end.
struct Running(Child, serde_json::Value);

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut process =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the broker starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut line).expect("it says where it listens");
        Self(process, serde_json::from_str(&line).expect("a line of JSON"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_configuration_that_can_not_be_read_is_named_and_nothing_is_started() {
    let home = directory();
    let config = home.path().join("config.json");
    std::fs::write(&config, "{ \"UserConfig\": ").unwrap();
    let (code, said) = outcome(broker(&home.path().join("data")).arg("--config").arg(&config));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("USHER_BROKER_CONFIG") && said.contains("config.json"), "{said}");
    assert!(!home.path().join("data").exists());
}

#[test]
fn an_address_that_is_none_is_a_wrong_setting() {
    let (code, said) =
        outcome(Command::new(env!("CARGO_BIN_EXE_usher-broker")).args(["--listen", "nowhere"]));
    assert_eq!(code, Some(64), "{said}");
    assert!(said.contains("USHER_BROKER_LISTEN"), "{said}");
}

#[test]
fn a_port_that_is_taken_makes_it_unavailable() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let home = directory();
    let mut command = Command::new(env!("CARGO_BIN_EXE_usher-broker"));
    let (code, said) = outcome(command.args(["--listen", &address, "--data"]).arg(home.path()));
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains(&address), "{said}");
}

#[test]
fn data_in_use_by_another_broker_makes_it_unavailable_until_that_one_is_killed() {
    let home = directory();
    let mut first = Running::start(&mut broker(home.path()));
    let (code, said) = outcome(&mut broker(home.path()));
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("in use by another broker"), "{said}");
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    Running::start(&mut broker(home.path()));
}

#[test]
fn it_says_where_it_listens_and_what_its_queues_hold() {
    let home = directory();
    let running = Running::start(broker(home.path()).env("HEALTH_ADDR", "127.0.0.1:0"));
    let address = running.1["health"].as_str().unwrap();
    assert!(running.1["amqp"].as_str().unwrap().starts_with("127.0.0.1:"));
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
fn the_key_is_not_in_the_help() {
    let output = Command::new(env!("CARGO_BIN_EXE_usher-broker"))
        .arg("--help")
        .env("USHER_BROKER_SAS_KEY", "a-key-of-my-own")
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("--sas-key") && help.contains("Endpoint=sb://"), "{help}");
    assert!(!help.contains("a-key-of-my-own"), "{help}");
}
