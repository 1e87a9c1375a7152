//! A child process: started with nothing in its environment but what it needs, ready once it has announced
//! itself on standard output, and gone before we are.
//!
//! Each child stops when its standard input closes (`USHER_STOP_WITH_PARENT`). Holding that pipe open is
//! therefore all it takes for it to end with us, SIGKILL included, and letting go of it is how we ask it to stop.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{ChildStdin, Command},
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;
use usher_service::Failure;

use crate::{local::Variables, programs};

/// How long a child may take to announce itself: a debug build that starts on a busy machine, among vendors that fail.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a child may drain before it is killed: what orchestrators grant too.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// How much of the end of a log is shown when its writer died.
const LOG_TAIL_BYTES: u64 = 4 * 1024;
const LOG_TAIL_LINES: usize = 15;

/// A child's exit code if what it depends on wasn't there: it may be when it is started again.
const UNAVAILABLE: i32 = 69;

/// Variables of ours that concern every child; the standard `OTEL_*` ones come on top.
const HANDED_ON: [&str; 3] = ["USHER_LOG", "RUST_LOG", "RUST_BACKTRACE"];

/// What to start, once or again.
#[derive(Clone)]
pub(crate) struct Plan {
    /// The program's name, which is also its log's.
    pub(crate) program: String,
    pub(crate) args: Vec<String>,
    pub(crate) environment: Variables,
}

/// A running child.
pub(crate) struct Child {
    name: String,
    process: tokio::process::Child,
    /// Open for as long as the child shall live.
    stdin: Option<ChildStdin>,
    log: PathBuf,
    /// Keeps standard output from filling up.
    _drain: AbortOnDropHandle<()>,
}

impl Child {
    /// Starts it and waits for its announcement; its log goes to `logs`, after what an earlier life of it left there.
    ///
    /// # Errors
    /// The program isn't there, ends before it is ready, or takes too long; with the end of its log.
    /// [`Failure::Unavailable`] if it misses what it depends on.
    pub(crate) async fn start<A: DeserializeOwned>(plan: &Plan, logs: &Path) -> Result<(Self, A), Failure> {
        let log = logs.join(format!("{}.log", plan.program));
        let mut process = spawn(plan, &log)?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().expect("it was asked for at the spawn");
        let mut lines = BufReader::new(stdout).lines();
        let announced = timeout(READY_WITHIN, lines.next_line()).await;
        let drain = AbortOnDropHandle::new(tokio::spawn(async move {
            while let Ok(Some(_)) = lines.next_line().await {}
        }));
        let mut child = Self { name: plan.program.clone(), process, stdin, log, _drain: drain };
        match announced {
            Ok(Ok(Some(line))) => match serde_json::from_str(&line) {
                Ok(announcement) => Ok((child, announcement)),
                Err(e) => Err(Failure::Other(anyhow::anyhow!(
                    "{} announced itself in a way I can't read: {e}",
                    child.name
                ))),
            },
            Ok(_) => {
                let status = child.end().await;
                let obituary = child.obituary("ended before it was ready");
                match status.and_then(|status| status.code()) {
                    Some(UNAVAILABLE) => Err(Failure::Unavailable(obituary)),
                    _ => Err(Failure::Negative(obituary)),
                }
            }
            Err(_) => Err(Failure::Negative(child.obituary("was not ready in time"))),
        }
    }

    /// # Errors
    /// If it has ended without being asked to.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => {
                Err(Failure::Negative(self.obituary(&format!("ended by itself ({})", said(status)))))
            }
            Err(e) => Err(Failure::Other(anyhow::anyhow!("can't tell whether {} is alive: {e}", self.name))),
        }
    }

    /// Kills it at once, without a word (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// If it had ended before.
    pub(crate) async fn kill(&mut self) -> Result<(), Failure> {
        self.check()?;
        let killed = self.process.kill().await;
        killed.map_err(|e| Failure::Other(anyhow::anyhow!("{} can't be killed: {e}", self.name)))
    }

    /// Asks it to stop and waits until it has; kills it if it takes too long.
    pub(crate) async fn stop(&mut self) {
        self.end().await;
    }

    /// As [`Child::stop`]; says how it ended if it did so in time.
    async fn end(&mut self) -> Option<ExitStatus> {
        drop(self.stdin.take());
        match timeout(STOP_WITHIN, self.process.wait()).await {
            Ok(ended) => ended.ok(),
            Err(_) => {
                tracing::warn!(child = self.name, "did not stop in time and is killed");
                let _ = self.process.kill().await;
                None
            }
        }
    }

    fn obituary(&self, what: &str) -> String {
        format!("{} {what}. The end of {}:\n{}", self.name, self.log.display(), tail(&self.log))
    }
}

fn spawn(plan: &Plan, log: &Path) -> Result<tokio::process::Child, Failure> {
    let program = programs::find(&plan.program)?;
    let unusable = |e: io::Error| Failure::Unavailable(format!("{} can't be started: {e}", plan.program));
    Command::new(program)
        .args(&plan.args)
        .env_clear()
        .envs(std::env::vars().filter(|(name, _)| is_handed_on(name)))
        .envs(plan.environment.0.iter().map(|(name, value)| (name, value)))
        .env("USHER_STOP_WITH_PARENT", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(OpenOptions::new().create(true).append(true).open(log).map_err(unusable)?)
        .kill_on_drop(true)
        .spawn()
        .map_err(unusable)
}

fn is_handed_on(name: &str) -> bool {
    // The name is ours alone: each child has its own.
    HANDED_ON.contains(&name) || (name.starts_with("OTEL_") && name != "OTEL_SERVICE_NAME")
}

fn said(status: ExitStatus) -> String {
    status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"))
}

/// The last lines of a log; empty if it can't be read, since it is shown beside something worse.
fn tail(log: &Path) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(end)
    };
    let end = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&end);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_gets_no_variable_that_does_not_concern_it() {
        assert!(is_handed_on("OTEL_EXPORTER_OTLP_ENDPOINT") && is_handed_on("USHER_LOG"));
        for name in ["OTEL_SERVICE_NAME", "STRIPE_SECRET_KEY", "SERVICEBUS_NAMESPACE", "HTTPS_PROXY"] {
            assert!(!is_handed_on(name), "{name}");
        }
    }

    #[test]
    fn the_tail_of_a_log_is_short_and_its_end() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines: Vec<_> = (0..10_000).map(|n| format!("line {n}")).collect();
        std::fs::write(file.path(), lines.join("\n")).unwrap();
        let tail = tail(file.path());
        assert!(tail.ends_with("line 9999"));
        assert_eq!(tail.lines().count(), LOG_TAIL_LINES);
    }
}
