//! The error conditions that we name to a peer, and what they mean.

use super::reader::Malformed;

/// Why something was refused or ended: a condition that SDKs know, and a sentence for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The symbol on the wire.
    pub(crate) condition: &'static str,
    /// What happened, in a sentence. Holds nothing that the peer sent.
    pub(crate) description: &'static str,
}

impl Fault {
    const fn new(condition: &'static str, description: &'static str) -> Self {
        Self { condition, description }
    }

    pub(crate) const LOCK_LOST: Self = Self::new(
        "com.microsoft:message-lock-lost",
        "The lock supplied is invalid. Either the lock expired, or the message has already been removed from the queue.",
    );
    pub(crate) const NOT_FOUND: Self =
        Self::new("amqp:not-found", "The messaging entity could not be found.");
    pub(crate) const UNAUTHORIZED: Self = Self::new(
        "amqp:unauthorized-access",
        "Put a valid token for this entity to $cbs first, or log in by SASL PLAIN.",
    );
    pub(crate) const TOKEN_EXPIRED: Self =
        Self::new("amqp:unauthorized-access", "The token for this entity has expired.");
    pub(crate) const FULL: Self =
        Self::new("amqp:resource-limit-exceeded", "The entity has used up its quota.");
    pub(crate) const TOO_LARGE: Self = Self::new(
        "amqp:link:message-size-exceeded",
        "The message is larger than the link's max-message-size.",
    );
    pub(crate) const NOT_ALLOWED: Self =
        Self::new("amqp:not-allowed", "The entity does not allow this operation.");
    pub(crate) const NOT_IMPLEMENTED: Self =
        Self::new("amqp:not-implemented", "This broker does not know the operation.");
    pub(crate) const MALFORMED: Self =
        Self::new("amqp:decode-error", "The bytes received are not valid AMQP.");
    pub(crate) const INVALID_FIELD: Self =
        Self::new("amqp:invalid-field", "A field is missing or has a wrong value.");
    pub(crate) const ILLEGAL_STATE: Self =
        Self::new("amqp:illegal-state", "The frame does not belong at this point of the conversation.");
    pub(crate) const TOO_FAST: Self =
        Self::new("amqp:link:transfer-limit-exceeded", "More was sent than the link's credit allows.");
    pub(crate) const TOO_MANY: Self = Self::new(
        "amqp:resource-limit-exceeded",
        "The connection has reached its limit of sessions or links.",
    );
    pub(crate) const HANDLE_IN_USE: Self =
        Self::new("amqp:session:handle-in-use", "Another link has this handle.");
    pub(crate) const FRAMING: Self = Self::new(
        "amqp:connection:framing-error",
        "The frame has an impossible size or is larger than was agreed.",
    );
    pub(crate) const SILENT: Self =
        Self::new("amqp:connection:forced", "Nothing was heard for longer than the idle time-out.");
    pub(crate) const STOPPING: Self = Self::new("amqp:connection:forced", "The broker is stopping.");
    pub(crate) const STORE_FAILED: Self =
        Self::new("amqp:internal-error", "The broker can't write to its store and is stopping.");
}

impl From<Malformed> for Fault {
    fn from(_: Malformed) -> Self {
        Self::MALFORMED
    }
}
