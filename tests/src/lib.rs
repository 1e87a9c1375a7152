//! What the end-to-end tests share: the simulation, and real processes to play with.

mod binaries;
pub mod processes;
mod python_sdk;
pub mod simulation;

pub use binaries::binary;
pub use python_sdk::python_sdk;
