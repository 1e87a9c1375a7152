//! AMQP 1.0 as bytes: frames, performatives, and the sections of a message.
//!
//! What decides the speed (transfers, dispositions, messages) and what a peer could use to hurt us (every
//! value it sends) goes through our own [`Reader`](reader::Reader), which allocates nothing, recurses only
//! within a bound and believes no length before it has seen the bytes. The rest are the types of
//! `fe2o3-amqp-types`, decoded by `serde_amqp` after the reader has found the value well-formed.

pub(crate) mod error;
pub(crate) mod frame;
pub(crate) mod incoming;
pub(crate) mod message;
pub(crate) mod outgoing;
pub(crate) mod reader;
pub(crate) mod write;
#[cfg(test)]
mod tests;
