//! The rules of the broker, one sentence each, and a model that checks them all together.

mod bench;
mod dead_letters;
mod delivery;
mod duplicates;
mod expiry;
mod model;
mod restore;
mod topics;
mod walk;
