//! What a failure on the wire means: the one table from error conditions to [`BusError`].

use fe2o3_amqp::{
    connection::ConnectionStopReason,
    link::{LinkStateError, ReceiverAttachError, SendError, SenderAttachError, SessionStopReason},
};
use fe2o3_amqp_types::{
    definitions::{Error, ErrorCondition},
    messaging::DeliveryState,
    primitives::Symbol,
};

use crate::{BusError, Settlement};

const LOCK_LOST: &str = "com.microsoft:message-lock-lost";
/// The condition under which a message is dead-lettered: ours to send, and some brokers echo it.
pub(crate) const DEAD_LETTER: &str = "com.microsoft:dead-letter";

/// The error that a broker's error condition stands for. Names and conditions as in
/// <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-troubleshoot>.
pub(super) fn by_condition(entity: &str, condition: &str) -> BusError {
    match condition {
        "amqp:not-found" | "amqp:resource-deleted" => BusError::NotFound { entity: entity.to_owned() },
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
    let symbol = match &error.condition {
        ErrorCondition::AmqpError(condition) => Symbol::from(condition),
        ErrorCondition::ConnectionError(condition) => Symbol::from(condition),
        ErrorCondition::SessionError(condition) => Symbol::from(condition),
        ErrorCondition::LinkError(condition) => Symbol::from(condition),
        ErrorCondition::Custom(condition) => condition.clone(),
    };
    symbol.0
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::{
        definitions::AmqpError,
        messaging::{Accepted, Rejected},
    };

    use super::*;

    fn rejected(condition: Option<&str>) -> DeliveryState {
        let error = condition
            .map(|name| Error::new(ErrorCondition::Custom(name.into()), "a@b.example".to_owned(), None));
        DeliveryState::Rejected(Rejected { error })
    }

    fn dead_letter() -> Settlement {
        Settlement::DeadLetter { reason: "r".into(), description: "d".into() }
    }

    #[test]
    fn each_condition_has_its_meaning() {
        for (condition, meaning) in [
            ("amqp:not-found", BusError::NotFound { entity: "e".into() }),
            (LOCK_LOST, BusError::LockLost),
            ("amqp:resource-limit-exceeded", BusError::Full),
            ("amqp:link:message-size-exceeded", BusError::TooLarge),
            ("com.microsoft:server-busy", BusError::Unavailable("com.microsoft:server-busy".into())),
            ("vendor:new", BusError::Refused("vendor:new".into())),
        ] {
            assert_eq!(by_condition("e", condition), meaning);
        }
        let error = Error::new(AmqpError::UnauthorizedAccess, None, None);
        let meaning = wire_error("e", &error);
        assert!(
            matches!(meaning, BusError::Unauthorized { condition, .. } if condition == "amqp:unauthorized-access")
        );
    }

    #[test]
    fn a_settlement_holds_unless_the_broker_says_otherwise() {
        assert_eq!(verdict("e", &Settlement::Complete, &DeliveryState::Accepted(Accepted {})), Ok(()));
        assert_eq!(verdict("e", &dead_letter(), &rejected(None)), Ok(()));
        assert_eq!(verdict("e", &dead_letter(), &rejected(Some(DEAD_LETTER))), Ok(()));
        assert_eq!(verdict("e", &Settlement::Complete, &rejected(Some(LOCK_LOST))), Err(BusError::LockLost));
        assert_eq!(verdict("e", &dead_letter(), &rejected(Some(LOCK_LOST))), Err(BusError::LockLost));
        assert!(verdict("e", &Settlement::Complete, &rejected(None)).is_err());
    }

    #[test]
    fn what_the_broker_describes_is_left_out() {
        let shown =
            verdict("e", &Settlement::Complete, &rejected(Some("vendor:new"))).unwrap_err().to_string();
        assert!(!shown.contains("a@b.example"), "{shown}");
    }
}
