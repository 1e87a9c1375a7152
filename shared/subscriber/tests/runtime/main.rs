//! The consumer runtime on the broker's state machine, under paused time.

mod bench;
mod circuit;
mod outcomes;
mod replay;
mod stopping;
