//! What the end-to-end tests share: the simulation, a month of it, and real processes to play with.

mod binaries;
mod javascript_sdk;
mod judges;
pub mod month;
pub mod processes;
mod python_sdk;
pub mod simulation;

pub use binaries::binary;
pub use javascript_sdk::javascript_sdk;
pub use judges::{judge, world_with_audit};
pub use python_sdk::{python_sdk, webhook_verifier};
