//! What a failure on the wire means: the one table from error conditions to [`BusError`].

use fe2o3_amqp::{
    connection::ConnectionStopReason,
    link::{LinkStateError, ReceiverAttachError, SendError, SenderAttachError, SessionStopReason},
};
use fe2o3_amqp_types::{
    definitions::{Error, ErrorCondition},
    messaging::DeliveryState,
};

use crate::{BusError, Settlement};

const LOCK_LOST: &str = "com.microsoft:message-lock-lost";
/// The condition under which a message is dead-lettered: ours to send, and some brokers echo it.
pub(super) const DEAD_LETTER: &str = "com.microsoft:dead-letter";

/// The error that a broker's error condition stands for. Names and conditions as in
/// <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-troubleshoot>.
pub(super) fn by_condition(entity: &str, condition: &str) -> BusError {
    match condition {
        "amqp:not-found" | "com.microsoft:entity-not-found" => BusError::NotFound { entity: entity.to_owned() },
        "amqp:unauthorized-access" | "com.microsoft:auth-failed" => {
            BusError::Unauthorized { entity: entity.to_owned(), condition: condition.to_owned() }
        }
        LOCK_LOST => BusError::LockLost,
        "amqp:resource-limit-exceeded" | "com.microsoft:quota-exceeded" => BusError::Full,
        "amqp:link:message-size-exceeded" => BusError::TooLarge,
        "com.microsoft:server-busy"
        | "com.microsoft:timeout"
        | "com.microsoft:operation-cancelled"
        | "com.microsoft:entity-disabled"
        | "com.microsoft:container-close"
        | "amqp:internal-error"
        | "amqp:connection:forced"
        | "amqp:link:detach-forced" => BusError::Unavailable(condition.to_owned()),
        _ => BusError::Refused(condition.to_owned()),
    }
}

/// The error that the broker sent. Its description is left out: it may quote what we sent.
pub(crate) fn wire_error(entity: &str, error: &Error) -> BusError {
    by_condition(entity, &condition_of(error))
}

/// What the broker's answer to a settlement comes to.
pub(crate) fn verdict(entity: &str, asked: &Settlement, answer: &DeliveryState) -> Result<(), BusError> {
    let DeliveryState::Rejected(rejected) = answer else { return Ok(()) };
    match (&rejected.error, asked) {
        (None, Settlement::DeadLetter { .. }) => Ok(()),
        (None, _) => Err(BusError::Refused("rejected".to_owned())),
        (Some(error), Settlement::DeadLetter { .. }) if condition_of(error) == DEAD_LETTER => Ok(()),
        (Some(error), _) => Err(wire_error(entity, error)),
    }
}

/// Why a link for receiving could not be attached.
pub(crate) fn attach_receiver_error(entity: &str, error: &ReceiverAttachError) -> BusError {
    match error {
        ReceiverAttachError::RemoteClosedWithError(error) => wire_error(entity, error),
        ReceiverAttachError::SessionStopped(reason) => stopped(entity, reason),
        _ => BusError::Unavailable("the link was not attached".to_owned()),
    }
}

/// Why a link for sending could not be attached.
pub(crate) fn attach_sender_error(entity: &str, error: &SenderAttachError) -> BusError {
    match error {
        SenderAttachError::RemoteClosedWithError(error) => wire_error(entity, error),
        SenderAttachError::SessionStopped(reason) => stopped(entity, reason),
        _ => BusError::Unavailable("the link was not attached".to_owned()),
    }
}

/// Why a message was not sent.
pub(crate) fn send_error(entity: &str, error: &SendError) -> BusError {
    match error {
        SendError::MessageSizeExceeded(_) => BusError::TooLarge,
        SendError::MessageEncodeError => BusError::Refused("a message that can't be encoded".to_owned()),
        SendError::LinkStateError(error) => link_error(entity, error),
        _ => BusError::Unavailable("the link broke".to_owned()),
    }
}

/// Why a link ended.
pub(crate) fn link_error(entity: &str, error: &LinkStateError) -> BusError {
    match error {
        LinkStateError::RemoteClosedWithError(error) | LinkStateError::RemoteDetachedWithError(error) => {
            wire_error(entity, error)
        }
        LinkStateError::SessionStopped(reason) => stopped(entity, reason),
        _ => BusError::Unavailable("the link broke".to_owned()),
    }
}

fn stopped(entity: &str, reason: &SessionStopReason) -> BusError {
    match reason {
        SessionStopReason::RemoteEndedWithError(error)
        | SessionStopReason::ConnectionStopped(ConnectionStopReason::RemoteClosedWithError(error)) => {
            wire_error(entity, error)
        }
        _ => BusError::Unavailable("the connection broke".to_owned()),
    }
}

fn condition_of(error: &Error) -> String {
    match &error.condition {
        ErrorCondition::AmqpError(condition) => format!("{condition:?}"),
        _ => String::new(),
    }
}
