//! What services measure, in real processes, read by other people's readers; and that the documentation, the alerts, the
//! dashboard and the collector's configuration know it by the same names.
//!
//! The readers are installed into `.sdk` the first time. Where they can't be, the tests that need them say so and pass; in
//! CI they fail.

#![allow(clippy::unwrap_used, reason = "all of it is test code, helpers included")]

mod documented;
mod files;
mod processes;
mod readers;
