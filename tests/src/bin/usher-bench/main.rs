//! `usher-bench`: how quick we are and how much we need, beside the official Python SDK on the same machine.
//!
//! Everything that is measured is a process of its own and is measured from outside: times by the lines that it
//! prints, CPU and memory from `/proc`. One run prints one Markdown table, which the README quotes; progress goes to
//! standard error. It judges nothing: a slow machine is no error.

mod broker;
mod consumer;
mod consumers;
mod events;
mod machine;
mod program;
mod sign_ups;
mod table;
mod throughput;
mod usage;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use usher_service::{Failure, Shutdown};

/// Measures Usher beside the official Python SDK and prints a Markdown table.
#[derive(Parser)]
#[command(name = "usher-bench", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    sizes: Sizes,
}

#[derive(Subcommand)]
enum Command {
    /// The consumer that is measured: our runtime around a handler that does nothing
    Consumer(consumer::Args),
}

/// How much is measured.
#[derive(Clone, Copy, clap::Args)]
pub(crate) struct Sizes {
    /// Messages through our consumer in each run
    #[arg(long, default_value_t = 50_000, value_name = "N")]
    messages: u32,
    /// Messages through the SDK's consumer in each run
    #[arg(long, default_value_t = 5_000, value_name = "N")]
    sdk_messages: u32,
    /// Runs of each of the two, one after the other in turns
    #[arg(long, default_value_t = 3, value_name = "N")]
    runs: u32,
    /// Sign-ups from the audit log to all vendors and back
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    sign_ups: u32,
}

fn main() -> ExitCode {
    usher_service::run("usher-bench", |cli: Cli, shutdown| async move {
        match cli.command {
            Some(Command::Consumer(args)) => consumer::run(args, shutdown).await,
            None => bench(cli.sizes, shutdown).await,
        }
    })
}

/// Whatever is under way is dropped on Ctrl-C, and with it every child.
async fn bench(sizes: Sizes, shutdown: Shutdown) -> Result<(), Failure> {
    tokio::select! {
        biased;
        () = shutdown.requested() => Err(Failure::Negative("stopped before the end".to_owned())),
        measured = measure(sizes) => {
            print!("{}", measured?);
            Ok(())
        }
    }
}

async fn measure(sizes: Sizes) -> anyhow::Result<String> {
    let throughput = throughput::measure(sizes).await?;
    let sign_ups = sign_ups::measure(sizes.sign_ups).await?;
    Ok(table::of(sizes, &throughput, &sign_ups))
}
