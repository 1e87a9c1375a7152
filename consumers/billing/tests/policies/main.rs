//! What billing makes of customers who were there before, of several accounts and of open extensions, against the
//! stand-ins in process: with their idempotency keys, the lag of their search, and their faults.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod accounts;
mod existing;
mod extension;
mod world;
