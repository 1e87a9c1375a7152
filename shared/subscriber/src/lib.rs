//! The consumer runtime: everything about a consumer but its effect.
//!
//! A consumer says what to do with a sign-up ([`Handler::handle`]) and how to see whether its destination is
//! there ([`Handler::probe`]). The runtime does the rest: it receives under peek-lock, bounds how much runs and
//! how much waits, renews locks, retries, opens the circuit when the destination is down and begins slowly when it
//! is back, dead-letters with a reason, drains on SIGTERM and replays the dead-letter queue. Each delivery is settled
//! once, by its outcome.
//!
//! A consumer's `main` is `usher_subscriber::main::<MyConsumer>()`; it may have commands of its own
//! ([`Consumer::command`]), which need no broker.

mod admit;
mod backoff;
mod check;
mod circuit;
mod cli;
mod command_line;
mod consumer;
pub mod dead_letters;
mod deliver;
mod examine;
mod highest;
mod locks;
mod outcome;
mod permits;
mod replay;
mod settings;
mod spans;
mod subscriber;
mod tally;
#[cfg(test)]
mod testing;
mod watch;

pub use check::Presence;
pub use cli::main;
pub use consumer::{Consumer, Down, Handler, NoCommand, Ports};
pub use examine::GraphUse;
pub use outcome::{Outcome, Rejection};
pub use replay::Replay;
pub use settings::{Limits, SubscriberSettings};
pub use subscriber::Subscriber;
