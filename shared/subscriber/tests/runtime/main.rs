//! The consumer runtime on the broker's state machine, under paused time.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod circuit;
mod dead_letters;
mod metrics;
mod outcomes;
mod replay;
mod stopping;
mod traces;
