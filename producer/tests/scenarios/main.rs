//! The producer, whole, against a tenant and a topic in one process.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backfill;
mod bad_log;
mod lease;
mod metrics;
mod sign_ups;
mod sweep;
mod world;
