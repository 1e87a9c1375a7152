//! What the end-to-end tests share: the simulation, a month of it, and real processes to play with.

mod azurite;
mod binaries;
mod javascript_sdk;
mod judges;
pub mod month;
mod otlp_receiver;
pub mod processes;
mod python_sdk;
pub mod simulation;
pub mod typed_commands;

pub use azurite::{Azurite, azurite};
pub use binaries::binary;
pub use javascript_sdk::javascript_sdk;
pub use judges::{judge, world_with_audit};
pub use otlp_receiver::otlp_receiver;
pub use python_sdk::{compose_readers, prometheus_readers, python_sdk, webhook_verifier};
