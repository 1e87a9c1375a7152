//! One of our programs as a child process.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    process::{Child, ChildStdin, Command},
    time::timeout,
};

use super::wait::{PATIENCE, eventually};
use crate::binary;

/// What to run: a binary of ours, with an environment that holds nothing but what is named here.
#[derive(Clone)]
pub struct Program {
    name: &'static str,
    args: Vec<String>,
    variables: BTreeMap<String, String>,
    folder: PathBuf,
}

/// What a program that has ended said, and its exit code; none if a signal ended it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Numbers the runs of all programs of a test, so that each has files of its own.
static RUNS: AtomicU32 = AtomicU32::new(1);

impl Program {
    /// A program whose output goes to files in `folder`, which is also where it runs.
    pub fn new(name: &'static str, folder: &Path) -> Self {
        Self { name, args: Vec::new(), variables: BTreeMap::new(), folder: folder.to_owned() }
    }

    /// The same with more arguments.
    pub fn args<A: Into<String>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// The same with a variable in its environment, in place of any that it had of this name.
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.insert(name.to_owned(), value.into());
        self
    }

    /// The same with more variables.
    pub fn with_all(mut self, variables: &[(String, String)]) -> Self {
        self.variables.extend(variables.iter().cloned());
        self
    }

    /// The same without a variable.
    pub fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// What is in its environment, by name.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// Another program with the same settings.
    pub fn renamed(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// Starts it and waits until it has announced itself.
    ///
    /// # Panics
    /// If it ends instead, or doesn't announce itself in time; with what it said.
    pub async fn start(&self) -> Process {
        let mut process = self.spawn();
        let what = format!("{} announces itself", self.name);
        let announced = eventually(&what, async || {
            let said = process.stdout();
            match said.split_once('\n') {
                Some((line, _)) => Some(serde_json::from_str(line).expect("an announcement is JSON")),
                None => {
                    let ended = process.child.try_wait().expect("a child of ours can be asked");
                    assert!(ended.is_none(), "{} ended with {ended:?}: {}", self.name, process.stderr());
                    None
                }
            }
        });
        process.announcement = announced.await;
        process
    }

    /// Starts it and waits for nothing.
    pub fn spawn(&self) -> Process {
        let run = RUNS.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| self.folder.join(format!("{run:03}-{}.{kind}", self.name));
        let (out, err) = (file("out"), file("err"));
        let created = |path: &Path| File::create(path).expect("the test's folder can be written");
        let mut child = Command::new(binary(self.name))
            .args(&self.args)
            .current_dir(&self.folder)
            .env_clear()
            .envs(&self.variables)
            .env("USHER_STOP_WITH_PARENT", "1")
            .stdin(Stdio::piped())
            .stdout(created(&out))
            .stderr(created(&err))
            .kill_on_drop(true)
            .spawn()
            .expect("a binary that is there starts");
        let stdin = child.stdin.take();
        Process { child, _stdin: stdin, out, err, announcement: Value::Null }
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// If it has not ended within a minute.
    pub async fn run(&self) -> Output {
        self.run_within(PATIENCE).await
    }

    /// Runs it to its end, which may take so long.
    ///
    /// # Panics
    /// If it has not ended by then.
    pub async fn run_within(&self, patience: Duration) -> Output {
        let mut process = self.spawn();
        let status = process.ended_within(patience).await;
        process.output(status)
    }
}

/// A running program. Dropping it kills it, and so does the end of the test process, however that comes.
pub struct Process {
    child: Child,
    /// Open for as long as it shall live.
    _stdin: Option<ChildStdin>,
    out: PathBuf,
    err: PathBuf,
    announcement: Value,
}

impl Process {
    /// A field of its announcement.
    ///
    /// # Panics
    /// If there is none of this name.
    pub fn announced(&self, field: &str) -> &str {
        self.announcement[field].as_str().expect("a field that this program announces")
    }

    /// The URL of a path on its health address.
    pub fn health(&self, path: &str) -> String {
        format!("http://{}/{path}", self.announced("health"))
    }

    /// Its process id.
    ///
    /// # Panics
    /// If it has ended.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it has not been waited for")
    }

    /// Kills it at once, without a word, and waits until it is gone.
    ///
    /// # Panics
    /// If it had ended before: then something else was wrong with it.
    pub async fn kill(&mut self) {
        self.strike();
        self.ended().await;
    }

    /// Kills it at once and does not wait: where the next microsecond matters.
    ///
    /// # Panics
    /// As [`Process::kill`].
    pub fn strike(&mut self) {
        self.child.start_kill().expect("it runs");
    }

    /// Stops it in its tracks (SIGSTOP) until it is thawed: what is sent to it waits.
    pub async fn freeze(&self) {
        send_signal(self.id(), "STOP").await;
    }

    /// Lets it go on (SIGCONT).
    pub async fn thaw(&self) {
        send_signal(self.id(), "CONT").await;
    }

    /// Asks it to stop (SIGTERM) and waits until it has.
    pub async fn terminate(&mut self) -> Output {
        send_signal(self.id(), "TERM").await;
        let status = self.ended().await;
        self.output(status)
    }

    /// Waits until it has ended.
    ///
    /// # Panics
    /// If it has not within a minute.
    pub async fn ended(&mut self) -> ExitStatus {
        self.ended_within(PATIENCE).await
    }

    async fn ended_within(&mut self, patience: Duration) -> ExitStatus {
        let ended = timeout(patience, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("still runs: {}", self.err.display()));
        ended.expect("a child of ours can be waited for")
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child of ours can be asked").is_none()
    }

    /// What it has said on standard output.
    pub fn stdout(&self) -> String {
        read(&self.out)
    }

    /// What it has said on standard error.
    pub fn stderr(&self) -> String {
        read(&self.err)
    }

    /// What it said up to its end.
    pub fn output(&self, status: ExitStatus) -> Output {
        Output { code: status.code(), stdout: self.stdout(), stderr: self.stderr() }
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).expect("made when it was started")).into_owned()
}

/// Sends a signal, by its name without SIG, to one process.
///
/// # Panics
/// If there is no such process.
pub async fn send_signal(process: u32, signal: &str) {
    let sent = Command::new("kill").args(["-s", signal, &process.to_string()]).status().await;
    assert!(sent.is_ok_and(|status| status.success()), "no process {process} to send {signal}");
}
