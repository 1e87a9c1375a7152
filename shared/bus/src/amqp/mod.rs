//! AMQP 1.0 as Service Bus speaks it: everything that `publisher` and `receiver` stand on.
//!
//! From the wire up: `transport` opens a stream, `tap` reads along on it, `connection` brings up AMQP
//! and proves who we are with `cbs` (and `sas`), `rpc` asks questions, `management` knows which, `convert` turns
//! messages into ours and back, and `errors` says what a failure means.

mod backoff;
mod cbs;
mod connection;
mod convert;
mod errors;
mod management;
mod namespace;
mod rpc;
mod sas;
mod tap;
mod transport;

pub(crate) use backoff::{Backoff, backoff};
pub(crate) use connection::Connection;
pub(crate) use convert::{WireBody, WireSendable, delivery, to_wire};
pub(crate) use errors::{
    DEAD_LETTER, attach_receiver_error, attach_sender_error, link_error, send_error, verdict, wire_error,
};
pub(crate) use management::Management;
pub(crate) use namespace::Namespace;
pub(crate) use tap::Answers;
