//! Service Bus on one machine: the broker of tests, simulations and `usher up`.
//!
//! Its heart is a [`machine`]: queues, topics, locks, limits and dead letters as plain data, without I/O, clock
//! or chance. It is used twice. Under the AMQP wire and over a store it is the `usher-broker` program, which
//! official Service Bus SDKs judge; behind [`MemoryBus`] it is the bus of the simulations. So what a simulation
//! proves about settlement, expiry or duplicates, it proves about the broker that the SDKs were content with.

pub mod machine;
mod memory;
pub mod rules;
mod store;
pub mod topology;
pub mod wire;

pub use memory::MemoryBus;
pub use store::StoreError;
