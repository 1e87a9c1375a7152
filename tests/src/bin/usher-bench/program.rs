//! A program under measurement: a child that ends with us, read line by line.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context, bail};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

use crate::usage::Usage;

/// How long a program may take until its next line: thousands of messages on a slow machine.
const LINE_WITHIN: Duration = Duration::from_secs(300);
/// How long a program may take to stop before it is killed.
const STOP_WITHIN: Duration = Duration::from_secs(30);

/// A running program. Dropping it kills it.
pub(crate) struct Program {
    name: String,
    process: Child,
    /// Open for as long as the program shall live.
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

/// One of our programs, with no variable in its environment but those given.
pub(crate) fn ours(name: &str) -> anyhow::Result<Command> {
    let own = std::env::current_exe().context("can't tell where I am")?;
    let path = own.with_file_name(name);
    if !path.is_file() {
        bail!("{} is missing: run `make build`", path.display());
    }
    let mut command = Command::new(path);
    command.env_clear().env("USHER_STOP_WITH_PARENT", "1");
    Ok(command)
}

impl Program {
    /// Starts it; what it logs goes to a file in `folder`.
    pub(crate) fn start(name: &str, mut command: Command, folder: &Path) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let started = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).with_context(|| format!("{} can't be written", log.display()))?)
            .kill_on_drop(true)
            .spawn();
        let mut process = started.with_context(|| format!("{name} can't be started"))?;
        let stdin = process.stdin.take();
        let stdout = process.stdout.take().context("its output was asked for")?;
        Ok(Self { name: name.to_owned(), process, stdin, lines: BufReader::new(stdout).lines(), log })
    }

    /// Its next line.
    ///
    /// # Errors
    /// It ends or takes too long; with the end of its log.
    pub(crate) async fn line(&mut self) -> anyhow::Result<String> {
        match timeout(LINE_WITHIN, self.lines.next_line()).await {
            Ok(Ok(Some(line))) => Ok(line),
            _ => bail!("{} ended or hangs; its log ends with:\n{}", self.name, tail(&self.log)),
        }
    }

    /// Waits until it says a certain word.
    pub(crate) async fn says(&mut self, word: &str) -> anyhow::Result<()> {
        let line = self.line().await?;
        if line == word { Ok(()) } else { bail!("{} said {line} instead of {word}", self.name) }
    }

    /// Waits until it announces where it listens.
    pub(crate) async fn announcement<A: DeserializeOwned>(&mut self) -> anyhow::Result<A> {
        serde_json::from_str(&self.line().await?).with_context(|| format!("{} said it unclearly", self.name))
    }

    pub(crate) fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.process.id().with_context(|| format!("{} has ended", self.name))?)
    }

    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(mut self) {
        drop(self.stdin.take());
        // Whatever does not stop is killed as it is dropped.
        let _ = timeout(STOP_WITHIN, self.process.wait()).await;
    }
}

fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].join("\n")
}
