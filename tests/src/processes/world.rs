//! A broker and the stand-in vendors, and how everything else is started beside them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Parser;
use serde_json::{Value, json};
use tempfile::TempDir;
use usher_bus::{Bus, BusSettings, Entity, Peeked, Receiver, ServiceBus};
use usher_sandbox::Judged;
use usher_service::Status;

use super::{Control, Process, Program, eventually};

/// How a world differs from a quick one in good health.
pub struct Options {
    /// The consumers that run: whose effects the ledger judges. Billing alone unless told.
    pub consumers: Vec<Judged>,
    /// Certificates and the like in place of secrets: see [`World::identity`].
    pub identities: bool,
    /// Locks of five seconds instead of a minute.
    pub short_locks: bool,
    /// How long a vendor takes for an answer, at most.
    pub answer_time: &'static str,
    /// What every process has in its environment besides its settings.
    pub variables: Vec<(String, String)>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            consumers: vec![Judged::Billing],
            identities: false,
            short_locks: false,
            answer_time: "5ms",
            variables: Vec::new(),
        }
    }
}

/// A broker and the stand-in vendors.
pub struct World {
    /// The broker.
    pub broker: Process,
    /// The stand-in vendors.
    pub sandbox: Process,
    /// A hold on them.
    pub control: Control,
    pub(super) options: Options,
    home: TempDir,
}

impl World {
    /// Starts one.
    pub async fn start(options: Options) -> Self {
        let home = tempfile::tempdir().expect("there is room for temporary files");
        let broker = broker(home.path(), &options, "127.0.0.1:0").start().await;
        let sandbox = sandbox(home.path(), &options).start().await;
        let control = Control::new(sandbox.announced("control"));
        Self { broker, control, options, sandbox, home }
    }

    /// The consumers whose effects the ledger judges.
    pub fn consumers(&self) -> &[Judged] {
        &self.options.consumers
    }

    /// Where everything lies, the files with all that was said (`*.out`, `*.err`) included.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A file with which a service can show who it is, such as `producer.pem`, if the options ask for such files.
    pub fn identity(&self, file: &str) -> PathBuf {
        identities(self.home()).join(file)
    }

    /// The file that the consumer sql writes to, and the ledger reads.
    pub fn sql_database(&self) -> PathBuf {
        sql_database(self.home())
    }

    /// Keeps everybody else from writing to that file, until what is returned is dropped. The consumer has made it.
    ///
    /// # Panics
    /// If it isn't there.
    pub fn lock_sql_database(&self) -> rusqlite::Connection {
        let file = self.sql_database();
        assert!(file.exists(), "nobody has made {}", file.display());
        let lock = rusqlite::Connection::open(file).expect("a file of ours can be opened");
        lock.execute_batch("BEGIN IMMEDIATE").expect("whoever writes to it is soon done");
        lock
    }

    /// Starts the broker again, on the same port and with the same data.
    pub async fn restart_broker(&mut self) {
        let address = self.broker.announced("amqp").to_owned();
        self.broker = broker(self.home(), &self.options, &address).start().await;
    }

    /// The connection string of the broker.
    pub fn connection_string(&self) -> String {
        connection_string(self.broker.announced("amqp"), "SAS_KEY_VALUE")
    }

    /// A connection of the test's own to the broker.
    pub fn bus(&self) -> ServiceBus {
        ServiceBus::connect(&bus_settings(&self.connection_string()), None).expect("the settings are right")
    }

    /// A look into billing's subscription.
    pub async fn queue(&self) -> Arc<dyn Receiver> {
        self.queue_of(Judged::Billing).await
    }

    /// A look into billing's dead-letter queue.
    pub async fn dead_letters(&self) -> Arc<dyn Receiver> {
        self.dead_letters_of(Judged::Billing).await
    }

    /// A look into a consumer's subscription.
    pub async fn queue_of(&self, consumer: Judged) -> Arc<dyn Receiver> {
        self.bus().receiver(&subscription(consumer)).await.expect("the subscription is there")
    }

    /// A look into a consumer's dead-letter queue.
    pub async fn dead_letters_of(&self, consumer: Judged) -> Arc<dyn Receiver> {
        let dead_letters = subscription(consumer).dead_letters();
        self.bus().receiver(&dead_letters).await.expect("every subscription has one")
    }

    /// What a producer or a consumer counts, once it is as it should be.
    pub async fn counts(&self, of: &Process, what: &str, is_right: impl Fn(&Counts) -> bool) -> Counts {
        eventually(what, async || {
            let status: Status = self.control.get_json(&of.health("status")).await;
            let counts = Counts(status);
            is_right(&counts).then_some(counts)
        })
        .await
    }
}

/// What a test that failed needs to know, since the files are about to go.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        for entry in fs::read_dir(self.home()).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "err") {
                print_tail(&path);
            }
        }
    }
}

/// Few lines and short ones: several processes have something to say.
fn print_tail(path: &Path) {
    const LINES: usize = 8;
    const LONGEST: usize = 400;
    let said = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = said.lines().collect();
    if !lines.is_empty() {
        eprintln!("--- {}", path.display());
    }
    for line in &lines[lines.len().saturating_sub(LINES)..] {
        eprintln!("{}", &line[..line.floor_char_boundary(LONGEST)]);
    }
}

/// What a service counts.
#[derive(Clone, Debug)]
pub struct Counts(Status);

impl Counts {
    /// One of the counts; 0 if nothing has been counted.
    pub fn of(&self, what: &str) -> u64 {
        self.0.counts.get(what).copied().unwrap_or_default()
    }
}

/// All that can be seen through a receiver, up to a number that no test comes near.
///
/// # Panics
/// If the broker can't be asked.
pub async fn peek_all(queue: &dyn Receiver) -> Vec<Peeked> {
    let mut all: Vec<Peeked> = Vec::new();
    loop {
        let from = all.last().map_or(0, |last| last.sequence_number + 1);
        let page = queue.peek(from, 250).await.expect("the broker answers");
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

/// Settings for a broker on this machine with this key.
pub fn connection_string(address: &str, key: &str) -> String {
    format!(
        "Endpoint=sb://{address};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey={key};UseDevelopmentEmulator=true;"
    )
}

fn bus_settings(connection_string: &str) -> BusSettings {
    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        bus: BusSettings,
    }
    Only::try_parse_from(["test", "--servicebus-connection-string", connection_string])
        .expect("flags as the settings define them")
        .bus
}

fn subscription(consumer: Judged) -> Entity {
    Entity::subscription("user-signups", consumer.name())
}

fn broker(home: &Path, options: &Options, listen: &str) -> Program {
    let data = home.join("broker").display().to_string();
    let program = Program::new("usher-broker", home)
        .args(["--listen", listen, "--data", &data])
        .with("HEALTH_ADDR", "127.0.0.1:0")
        .with_all(&options.variables);
    if !options.short_locks {
        return program;
    }
    let config = home.join("broker.json");
    fs::write(&config, topology_with_short_locks().to_string()).expect("the test's folder can be written");
    program.args(["--config".to_owned(), config.display().to_string()])
}

/// Usher's own topic, with locks that are over soon: what a killed consumer held comes again while the test waits.
fn topology_with_short_locks() -> Value {
    let subscriptions = Judged::ALL.map(|consumer| {
        let name = consumer.name();
        let filter = json!({ "SqlExpression": format!("replayTo IS NULL OR replayTo = '{name}'") });
        let properties = json!({ "FilterType": "Sql", "SqlFilter": filter });
        json!({
            "Name": name,
            "Properties": { "LockDuration": "PT5S", "MaxDeliveryCount": 10 },
            "Rules": [{ "Name": "ours", "Properties": properties }],
        })
    });
    let properties =
        json!({ "RequiresDuplicateDetection": true, "DuplicateDetectionHistoryTimeWindow": "P1D" });
    let topic = json!({
        "Name": "user-signups",
        "Properties": properties,
        "Subscriptions": subscriptions,
    });
    json!({ "UserConfig": { "Namespaces": [{ "Name": "test", "Topics": [topic] }] } })
}

fn sql_database(home: &Path) -> PathBuf {
    home.join("signups.db")
}

fn identities(home: &Path) -> PathBuf {
    home.join("identity")
}

/// Stand-ins without delays, so that what a test waits for is what it is about.
fn sandbox(home: &Path, options: &Options) -> Program {
    let ca_file = home.join("ca.pem").display().to_string();
    let database = sql_database(home).display().to_string();
    let consumers: Vec<_> = options.consumers.iter().map(|consumer| consumer.name()).collect();
    let identities = options.identities.then(|| identities(home).display().to_string());
    Program::new("usher-sandbox", home)
        .args(identities.into_iter().flat_map(|folder| ["--identity-dir".to_owned(), folder]))
        .args(["--ca-file", &ca_file, "--seed", "7", "--audit-page-size", "1000"])
        .args(["--consumers", &consumers.join(","), "--sql-database", &database])
        .args(["--audit-latency", "0s", "--audit-latency-p99", "0s", "--stragglers", "0"])
        .args(["--replication-lag", "0s", "--answer-time", options.answer_time])
        .with_all(&options.variables)
}
