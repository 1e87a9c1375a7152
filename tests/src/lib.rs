//! What the end-to-end tests share: the simulation, and real processes to play with.

mod binaries;
pub mod simulation;

pub use binaries::binary;
