//! `UserSignedUp`: the one event that Usher publishes, its envelope and its ids.
//!
//! The envelope is CloudEvents 1.0, JSON, in structured mode, so that a consumer in any language reads it with
//! what it has. `schemas/user-signed-up.v1.json` is the contract; a test holds this type against it. Fields
//! that a reader does not know are ignored, a major version that it does not know is refused.
//!
//! An event's id is derived from the tenant and the user: however often, and by whomever, a sign-up is
//! published, it is the same event, and that is what makes every effect repeatable.

mod attribute;
mod envelope;
mod error;
mod id;
pub mod typed;
mod user_signed_up;

pub use attribute::attribute_name;
pub use envelope::{CONTENT_TYPE, EVENT_TYPE, Event, SUBJECT};
pub use error::EventError;
pub use id::EventId;
pub use user_signed_up::{Audit, IdentityProvider, UserSignedUp};

/// The names of the application properties that every message carries beside the event.
pub mod property {
    /// The event's type, with its major version.
    pub const EVENT_TYPE: &str = "eventType";
    /// The tenant that the user signed up in.
    pub const TENANT_ID: &str = "tenantId";
    /// W3C trace context of the sign-up.
    pub const TRACEPARENT: &str = "traceparent";
    /// W3C trace state of the sign-up.
    pub const TRACESTATE: &str = "tracestate";
    /// Set on a message sent again for one subscription alone: its name.
    pub const REPLAY_TO: &str = "replayTo";
}
