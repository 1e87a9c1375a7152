//! AMQP 1.0 in front of the machine, as the official Service Bus SDKs expect it.
//!
//! In the order of a conversation: the [`server`] accepts, [`transport`] finds out what is spoken, [`handshake`]
//! logs in, [`connection`] moves bytes, [`peer`] takes in frames and opens links, [`work`] calls the machine through the [`hub`] and answers once the store has it, and [`session`]
//! sends what the queues give.

mod access;
mod codec;
mod connection;
mod handshake;
mod hub;
mod link;
mod management;
mod peer;
mod reply;
mod rules;
mod sas;
mod server;
mod session;
mod transport;
mod websocket;
mod work;

pub use hub::QueueCounts;
pub use sas::SasKey;
pub use server::{Gauges, OpenError, Options, RunError, Server};
