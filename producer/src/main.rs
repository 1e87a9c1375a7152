//! `usher-producer`: from the audit log of an Entra External ID tenant to `UserSignedUp` on the bus.

use std::process::ExitCode;

fn main() -> ExitCode {
    usher_service::run("usher-producer", usher_producer::start)
}
