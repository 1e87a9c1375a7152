//! `usher`: all of it on one machine, and on any machine what an operator does by hand.

mod backfill;
mod child;
mod command;
mod consumers;
mod dlq;
mod doctor;
mod local;
mod new;
mod plan;
mod programs;
mod reconcile;
mod sandbox;
mod status;
mod trace;
mod up;

use std::process::ExitCode;

fn main() -> ExitCode {
    usher_service::run("usher", command::run)
}
