//! The built binary: what it says and how it ends, with programs of our own making in place of the others.

#![cfg(test)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::RwLock,
    thread,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long anything here may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The list of consumers, those that somebody has added included.
const LIST: &str = include_str!("../../infra/consumers.json");
/// What a service says that has started.
const HEALTHY: &str = r#"{"health":"127.0.0.1:1"}"#;

/// A folder with `usher` in it and such other programs as a test puts there.
struct House(TempDir);

impl House {
    fn new() -> Self {
        // On the disk that holds the binary, so that it need not be copied.
        let house = Self(tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        fs::hard_link(env!("CARGO_BIN_EXE_usher"), house.path("usher")).unwrap();
        house
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Puts a program there that runs a script.
    fn with(self, name: &str, script: &str) -> Self {
        self.put(name, script);
        self
    }

    /// In place of any of this name, which may be running.
    fn put(&self, name: &str, script: &str) {
        let path = self.path(name);
        let _nobody_forks = FORKS.write().unwrap();
        let _ = fs::remove_file(&path);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
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
        output(&mut self.usher(args))
    }

    /// With a broker and stand-ins that do nothing, and a producer that does this.
    fn with_producer(self, script: &str) -> Self {
        let house = self
            .with_service("usher-broker", r#"{"amqp":"127.0.0.1:1","health":"127.0.0.1:1"}"#)
            .with_control("http://127.0.0.1:1")
            .with("usher-producer", script);
        consumers().iter().fold(house, |house, consumer| house.with_service(consumer, HEALTHY))
    }

    /// With stand-ins that do nothing, and whose control is there.
    fn with_control(self, url: &str) -> Self {
        let sandbox = r#"{"graph":"http://127.0.0.1:1","login":"https://127.0.0.1:1","stripe":"http://127.0.0.1:1","mailchimp":"http://127.0.0.1:1","salesforce":"http://127.0.0.1:1","webhook":"http://127.0.0.1:1/usher","ca_file":"ca.pem","control":"#;
        self.with_service("usher-sandbox", &format!("{sandbox}\"{url}\"}}"))
    }

    /// With all of it, and a producer that does nothing either.
    fn with_all(self) -> Self {
        self.with_producer("").with_service("usher-producer", HEALTHY)
    }
}

/// The consumers' programs, in the order of the list.
fn consumers() -> Vec<String> {
    let list: Vec<serde_json::Value> = serde_json::from_str(LIST).unwrap();
    list.iter().map(|consumer| format!("usher-{}", consumer["name"].as_str().unwrap())).collect()
}

/// Waits until everything has started, which the settings of the last consumer show.
fn all_have_started(house: &House) {
    let last = consumers().last().unwrap().replace("usher-", ".usher/last/") + ".env";
    eventually("all have started", || exists(house, &last));
}

/// A program can't be started while somebody has it open to write. A process that forks at that moment has it open too,
/// until it becomes another: so nobody forks while a program is written.
static FORKS: RwLock<()> = RwLock::new(());

fn spawn(command: &mut Command) -> Child {
    let _nobody_writes = FORKS.read().unwrap();
    command.spawn().unwrap()
}

fn output(command: &mut Command) -> Output {
    let started = spawn(command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()));
    started.wait_with_output().unwrap()
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
    let mut usher = house.usher(&["up", "--signups", "1"]);
    let mut usher = spawn(usher.stdout(Stdio::piped()).stderr(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(usher.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    usher
}

fn send(signal: &str, process: &Child) {
    assert!(output(Command::new("kill").args([signal, &process.id().to_string()])).status.success());
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
    let output = output(house.usher(&["completions", "bash"]).env("USHER_LOG", "usher=loud"));
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
    stopped(&house, &["usher-broker", "usher-sandbox"]);
    stopped(&house, &consumers());
}

#[test]
fn traces_go_where_the_operator_says_and_then_there_is_nothing_to_read_here() {
    let house = House::new().with_all();
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let mut usher = house.usher(&["up", "--signups", "1"]);
    let usher = spawn(usher.env(endpoint.0, endpoint.1).stdout(Stdio::piped()).stderr(Stdio::piped()));
    all_have_started(&house);
    let settings = fs::read_to_string(house.path(".usher/last/producer.env")).unwrap();
    assert!(!settings.contains(endpoint.0), "it is handed on, not overruled: {settings}");
    send("-INT", &usher);
    let said = text(&usher.wait_with_output().unwrap().stdout);
    assert!(
        said.contains("OTEL_EXPORTER_OTLP_ENDPOINT is set") && said.contains("nothing to read"),
        "{said}"
    );
    assert_eq!(code(&house.run(&["trace"])), Some(69));

    let both = output(house.usher(&["up", "--otlp-port", "4318"]).env(endpoint.0, endpoint.1));
    assert_eq!(code(&both), Some(64), "{}", text(&both.stderr));
}

#[test]
fn services_are_told_to_send_traces_and_metrics_here() {
    let house = House::new().with_all();
    let usher = up(&house);
    all_have_started(&house);
    for service in ["producer", "billing"] {
        let settings = fs::read_to_string(house.path(&format!(".usher/last/{service}.env"))).unwrap();
        assert!(settings.contains("OTEL_EXPORTER_OTLP_ENDPOINT='http://127.0.0.1:"), "{settings}");
        assert!(settings.contains("OTEL_BSP_SCHEDULE_DELAY='500'"), "{settings}");
    }
    assert!(exists(&house, ".usher/last/run.json") && exists(&house, ".usher/last/traces.jsonl"));
    send("-INT", &usher);
    usher.wait_with_output().unwrap();
    assert!(!exists(&house, ".usher/last/run.json"), "nobody answers there any more");
}

#[test]
fn what_looks_at_a_run_that_goes_on_says_so_where_none_does() {
    let house = House::new();
    for command in [
        &["status"][..],
        &["sandbox", "break", "stripe"],
        &["sandbox", "repair"],
        &["sandbox", "sign-up", "3"],
        &["trace", "a1b2"],
    ] {
        let output = house.run(command);
        assert_eq!(code(&output), Some(69), "{command:?}: {}", text(&output.stderr));
        assert!(text(&output.stderr).contains("usher up"), "{command:?}: {}", text(&output.stderr));
    }
    for wrong in
        [&["sandbox", "break", "shoes"][..], &["sandbox", "break", "stripe", "--how", "418"], &["sandbox"]]
    {
        assert_eq!(code(&house.run(wrong)), Some(64), "{wrong:?}");
    }
}

#[test]
fn ctrl_c_stops_every_child_before_we_end() {
    let house = House::new().with_all();
    let usher = up(&house);
    all_have_started(&house);
    send("-INT", &usher);
    let output = usher.wait_with_output().unwrap();
    assert_eq!(code(&output), Some(1));
    let others = ["usher-broker", "usher-sandbox", "usher-producer"].map(str::to_owned);
    for program in others.iter().chain(&consumers()) {
        assert!(exists(&house, &format!("{program}.stopped")), "{program}");
    }
}

#[test]
fn the_consumers_are_asked_to_stop_all_at_once() {
    let mut house = House::new().with_all();
    let consumers = consumers();
    let asked = consumers.iter().map(|name| house.path(&format!("{name}.asked")).display().to_string());
    let asked: Vec<_> = asked.collect();
    let all_asked = all_exist(&asked);
    for (name, asked) in consumers.iter().zip(&asked) {
        let stopped = house.path(&format!("{name}.stopped")).display().to_string();
        house = house.with(
            name,
            &format!(
                "echo '{HEALTHY}'\ncat > /dev/null\ntouch '{asked}'\n\
                 until {all_asked}; do sleep 0.02; done\ntouch '{stopped}'"
            ),
        );
    }
    let usher = up(&house);
    all_have_started(&house);
    send("-INT", &usher);
    assert_eq!(code(&usher.wait_with_output().unwrap()), Some(1));
    assert!(consumers.iter().all(|name| exists(&house, &format!("{name}.stopped"))));
}

#[test]
fn the_key_that_crm_signs_with_is_nobody_elses_to_read() {
    let house = House::new().with_all();
    let usher = up(&house);
    all_have_started(&house);
    let key = fs::metadata(house.path(".usher/last/salesforce-key.pem")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    send("-INT", &usher);
    usher.wait_with_output().unwrap();
}

#[test]
fn the_consumers_are_started_all_at_once() {
    let mut house = House::new().with_all();
    let consumers = consumers();
    let begun = consumers.iter().map(|name| house.path(&format!("{name}.begun")).display().to_string());
    let begun: Vec<_> = begun.collect();
    let all_begun = all_exist(&begun);
    for (name, begun) in consumers.iter().zip(&begun) {
        let script = format!(
            "touch '{begun}'\nuntil {all_begun}; do sleep 0.02; done\necho '{HEALTHY}'\ncat > /dev/null"
        );
        house = house.with(name, &script);
    }
    let usher = up(&house);
    all_have_started(&house);
    send("-INT", &usher);
    assert_eq!(code(&usher.wait_with_output().unwrap()), Some(1));
}

#[test]
fn a_full_disk_under_the_log_changes_nothing() {
    let full = || fs::File::options().write(true).open("/dev/full").unwrap();
    let house = House::new().with_all();
    let mut wrong = spawn(house.usher(&["dlq", "list", "nobody"]).stderr(full()));
    assert_eq!(wrong.wait().unwrap().code(), Some(64));
    let empty = House::new();
    let mut missing = spawn(empty.usher(&["up"]).stdout(Stdio::null()).stderr(full()));
    assert_eq!(missing.wait().unwrap().code(), Some(69));
    let mut usher = spawn(house.usher(&["up"]).stdout(Stdio::null()).stderr(full()));
    all_have_started(&house);
    send("-INT", &usher);
    assert_eq!(usher.wait().unwrap().code(), Some(1), "what it logs of the signal is lost, and nothing else");
}

#[test]
fn children_end_even_if_we_are_killed() {
    let house = House::new().with_all();
    let mut usher = up(&house);
    all_have_started(&house);
    send("-KILL", &usher);
    usher.wait().unwrap();
    stopped(&house, &["usher-broker", "usher-sandbox", "usher-producer"]);
    stopped(&house, &consumers());
}

#[test]
fn replay_becomes_the_consumer_with_the_settings_of_the_run_that_goes_on() {
    let house = House::new().with_all();
    let usher = up(&house);
    all_have_started(&house);
    for (consumer, of_its_own) in [
        ("billing", "sk_test_sandbox/////"),
        ("email", "/00000000000000000000000000000001-us1////"),
        ("birthrights", "//birthrights.toml///"),
        ("upn", "/////"),
        ("crm", "///salesforce-key.pem//"),
        ("sql", "////signups.db/"),
        ("webhook", "/////whsec_dXNoZXItc2FuZGJveC13ZWJob29rLXNlY3JldC0wMzI="),
    ] {
        let script = "\
            echo \"$@\" \"$STRIPE_SECRET_KEY/$MAILCHIMP_API_KEY/${BIRTHRIGHTS_RULES##*/}/\
            ${SALESFORCE_PRIVATE_KEY_FILE##*/}/${SQL_DATABASE_URL##*/}/$WEBHOOK_SECRET\"\nexit 5";
        let program = format!("usher-{consumer}");
        house.put(&program, script);
        let output = house.run(&["dlq", "replay", consumer, "--", "--reason", "Any"]);
        assert_eq!(code(&output), Some(5), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), format!("replay --reason Any {of_its_own}\n"));
    }
    send("-INT", &usher);
    usher.wait_with_output().unwrap();
}

#[test]
fn what_chaos_kills_is_started_again() {
    let house = House::new().with_all().with_control(&control());
    let services: Vec<_> =
        ["usher-broker", "usher-producer"].map(str::to_owned).into_iter().chain(consumers()).collect();
    for service in &services {
        let started = house.path("started");
        let announcement = r#"{"amqp":"127.0.0.1:1","health":"127.0.0.1:1"}"#;
        let script =
            format!("echo {service} >> '{}'\necho '{announcement}'\ncat > /dev/null", started.display());
        house.put(service, &script);
    }
    let mut usher = house.usher(&["up", "--signups", "1", "--chaos", "--seed", "7"]);
    let usher = spawn(usher.stdout(Stdio::piped()).stderr(Stdio::piped()));
    eventually("services that were killed start again", || {
        fs::read_to_string(house.path("started"))
            .is_ok_and(|started| started.lines().count() >= services.len() + 2)
    });
    send("-INT", &usher);
    let output = usher.wait_with_output().unwrap();
    assert!(text(&output.stdout).starts_with("1 sign-ups and chaos, seed 7;"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("stopped before the end"), "{}", text(&output.stderr));
}

#[test]
fn a_service_that_dies_without_being_killed_ends_a_run_with_chaos_too() {
    let house = House::new().with_all().with_control(&control());
    let house = house.with("usher-upn", &format!("echo '{HEALTHY}'\nexit 3"));
    let output = house.run(&["up", "--chaos"]);
    assert_eq!(code(&output), Some(1));
    assert!(
        text(&output.stderr).contains("usher-upn ended by itself (exit code 3)"),
        "{}",
        text(&output.stderr)
    );
    stopped(&house, &["usher-broker", "usher-sandbox", "usher-producer"]);
}

/// The address of something that takes every order.
fn control() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // However the connection ends, it is the client's business.
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        }
    });
    format!("http://{address}")
}

fn exists(house: &House, name: &str) -> bool {
    Path::exists(&house.path(name))
}

/// For a shell: whether all of these are there.
fn all_exist(files: &[String]) -> String {
    files.iter().map(|file| format!("[ -e '{file}' ]")).collect::<Vec<_>>().join(" && ")
}

fn stopped<P: AsRef<str>>(house: &House, programs: &[P]) {
    for program in programs.iter().map(AsRef::as_ref) {
        eventually(program, || exists(house, &format!("{program}.stopped")));
    }
}
