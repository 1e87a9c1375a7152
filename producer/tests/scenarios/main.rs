//! The producer, whole, against a tenant and a topic in one process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bad_log;
mod sign_ups;
mod world;
