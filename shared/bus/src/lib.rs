//! The bus: a port of a handful of calls, and its adapter for Azure Service Bus over AMQP 1.0.
//!
//! Nothing outside this crate knows AMQP. The port is as wide as what Usher does with a broker and no wider:
//! publish a batch and know that it was accepted; receive under peek-lock with a bounded credit; settle a
//! delivery in one of four ways and know whether the lock still held; renew many locks at once; peek.
//! `docs/decisions/0001` says why an adapter of our own stands behind it today and what would replace it.
//!
//! The adapter reads in this order: `settings` say where the broker is and who we are; `service_bus` hands out
//! a `publisher` and a `receiver`, each on a connection of its own; `amqp` is what both stand on.

mod amqp;
mod message;
mod port;
mod publisher;
mod receiver;
mod rules;
mod service_bus;
mod settings;

pub use message::{Delivery, LockToken, Message, Peeked, PropertyValue};
pub use port::{Bus, BusError, Entity, Publisher, Receiver, Renewal, Settlement};
pub use rules::{Rule, RuleFilter};
pub use service_bus::ServiceBus;
pub use settings::{BusSettings, BusSettingsError, BusTransport};
