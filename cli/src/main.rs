//! `usher`: all of it on one machine, and the dead letters of any machine.

mod child;
mod command;
mod consumers;
mod dlq;
mod local;
mod programs;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    usher_service::run("usher", command::run)
}
