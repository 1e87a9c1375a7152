//! AMQP 1.0 as bytes: frames, performatives, and the sections of a message.
//!
//! All of it goes through one [`reader`](reader::Reader), which allocates nothing, never
//! recurses and believes no length before it has seen the bytes: what a peer sends can be refused but can't hurt. It is
//! our own because the broker must pass messages through byte for byte, cut at the sections that it rewrites,
//! and must take error infos whose keys are strings, which `fe2o3-amqp-types` refuses; the tests hold both
//! directions against that crate.

pub(crate) mod fault;
pub(crate) mod frame;
pub(crate) mod incoming;
pub(crate) mod items;
pub(crate) mod message;
pub(crate) mod outgoing;
pub(crate) mod reader;
#[cfg(test)]
mod tests;
pub(crate) mod write;
