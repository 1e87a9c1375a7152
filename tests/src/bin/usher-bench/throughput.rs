//! Messages through one consumer: ours and one on the official Python SDK, in turns, from the same broker process.

use std::{path::Path, time::Duration};

use anyhow::Context;
use tempfile::TempDir;
use tokio::{process::Command, time::Instant};
use usher_tests::python_sdk;

use crate::{
    Sizes,
    broker::Broker,
    events,
    program::{Program, ours},
    usage::Usage,
};

/// How many messages either consumer may have in hand.
pub(crate) const IN_HAND: &str = "500";

/// What was measured.
pub(crate) struct Throughput {
    pub(crate) ours: Series,
    /// Or why there is none.
    pub(crate) sdk: Result<Series, String>,
    /// The broker with the backlogs of all runs behind it.
    pub(crate) broker: Usage,
}

/// Runs of one consumer.
pub(crate) struct Series {
    messages: u32,
    runs: Vec<Run>,
}

/// From the first message in the consumer's hands to the last one's settlement.
struct Run {
    took: Duration,
    consumer: Usage,
    broker: Usage,
}

impl Series {
    fn new(messages: u32) -> Self {
        Self { messages, runs: Vec::new() }
    }

    pub(crate) fn messages_per_second(&self) -> f64 {
        median(self.runs.iter().map(|run| f64::from(self.messages) / run.took.as_secs_f64()))
    }

    /// Seconds of CPU that a message costs the consumer.
    pub(crate) fn consumer_cpu(&self) -> f64 {
        median(self.runs.iter().map(|run| run.consumer.cpu.as_secs_f64() / f64::from(self.messages)))
    }

    /// Seconds of CPU that a message costs the broker, its publication apart.
    pub(crate) fn broker_cpu(&self) -> f64 {
        median(self.runs.iter().map(|run| run.broker.cpu.as_secs_f64() / f64::from(self.messages)))
    }

    /// The consumer's memory, in bytes.
    pub(crate) fn consumer_memory(&self) -> u64 {
        self.runs.iter().map(|run| run.consumer.peak_bytes).max().unwrap_or_default()
    }
}

/// Measures both.
pub(crate) async fn measure(sizes: Sizes) -> anyhow::Result<Throughput> {
    let folder = tempfile::tempdir().context("no temporary directory")?;
    let broker = Broker::start(folder.path()).await?;
    let mut ours = Series::new(sizes.messages);
    let mut sdk = python_sdk().map(|python| (python, Series::new(sizes.sdk_messages)));
    for turn in 1..=sizes.runs {
        ours.run(turn, "usher", our_consumer()?, &broker, &folder).await?;
        if let Ok((python, series)) = &mut sdk {
            series.run(turn, "python", sdk_consumer(python), &broker, &folder).await?;
        }
    }
    let usage = broker.program.usage()?;
    broker.program.stop().await;
    Ok(Throughput { ours, sdk: sdk.map(|(_, series)| series), broker: usage })
}

fn our_consumer() -> anyhow::Result<Command> {
    let mut command = ours("usher-bench")?;
    command.arg("consumer").args(["--concurrency", IN_HAND, "--max-held", IN_HAND]);
    Ok(command)
}

fn sdk_consumer(python: &Path) -> Command {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/consumer.py"));
    command
}

impl Series {
    async fn run(
        &mut self,
        turn: u32,
        name: &str,
        mut consumer: Command,
        broker: &Broker,
        folder: &TempDir,
    ) -> anyhow::Result<()> {
        events::publish(&broker.connection_string, self.messages).await?;
        consumer.args(["--messages", &self.messages.to_string()]);
        consumer.env("SERVICEBUS_CONNECTION_STRING", &broker.connection_string);
        let run = watch(Program::start(name, consumer, folder.path())?, &broker.program).await?;
        let rate = f64::from(self.messages) / run.took.as_secs_f64();
        eprintln!("run {turn}, {name}: {} messages at {rate:.0} a second", self.messages);
        self.runs.push(run);
        Ok(())
    }
}

async fn watch(mut consumer: Program, broker: &Program) -> anyhow::Result<Run> {
    consumer.says("first").await?;
    let (since, consumer_before, broker_before) = (Instant::now(), consumer.usage()?, broker.usage()?);
    consumer.says("last").await?;
    let took = since.elapsed();
    let (consumer_used, broker_used) = (consumer.usage()? - consumer_before, broker.usage()? - broker_before);
    consumer.stop().await;
    Ok(Run { took, consumer: consumer_used, broker: broker_used })
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_slow_run_does_not_change_the_median() {
        assert_eq!(median([3.0, 900.0, 4.0].into_iter()), 4.0);
    }
}
