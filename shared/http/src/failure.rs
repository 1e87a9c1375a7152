//! What kind of failure an answer, or the lack of one, is.
//!
//! Which answer means what is each vendor's own table. The classes are the same for all: they say whose
//! fault it is, and so what a caller does next.

use std::{fmt, time::Duration};

use crate::TransportError;

/// Whose fault a failed call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureClass {
    /// The moment's: the same call may succeed later.
    Transient,
    /// The request's: it will never succeed as it is.
    Refused,
    /// Our credentials': they are wrong, expired or lack a right.
    Unauthorized,
    /// The destination's: it can't be reached at all.
    Unreachable,
}

/// A failed call, in codes and statuses only: safe to log and to put on a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose fault it is.
    pub class: FailureClass,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// The vendor's own code, or our word for what went wrong.
    pub code: Option<String>,
    /// How long the vendor asked us to wait.
    pub retry_after: Option<Duration>,
}

impl Failure {
    /// The longest vendor code that is kept, in characters; a real one is shorter.
    const CODE_LENGTH: usize = 64;

    /// A failure with an answer of this status.
    pub const fn status(class: FailureClass, status: u16) -> Self {
        Self { class, status: Some(status), code: None, retry_after: None }
    }

    /// A failure that we name ourselves.
    pub fn named(class: FailureClass, name: &'static str) -> Self {
        Self { class, status: None, code: Some(name.to_owned()), retry_after: None }
    }

    /// Adds the vendor's code. Anything that does not look like one is dropped: it could be somebody's data.
    pub fn with_code(mut self, code: Option<&str>) -> Self {
        let is_code = |code: &&str| {
            !code.is_empty()
                && code.len() <= Self::CODE_LENGTH
                && code.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b' '))
        };
        self.code = code.filter(is_code).map(str::to_owned);
        self
    }

    /// Adds the time that the vendor asked us to wait.
    pub const fn with_retry_after(mut self, after: Option<Duration>) -> Self {
        self.retry_after = after;
        self
    }
}

/// A call without an answer: nobody there means the destination is down, anything else is the moment's.
impl From<TransportError> for Failure {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Connect => Self::named(FailureClass::Unreachable, "no connection"),
            TransportError::Timeout => Self::named(FailureClass::Transient, "no answer in time"),
            TransportError::Broken => Self::named(FailureClass::Transient, "connection broke"),
            // Where a name leads is the moment's: no message is to blame, even if the name leads elsewhere a moment later.
            TransportError::Forbidden => Self::named(FailureClass::Unreachable, "forbidden address"),
            TransportError::TooLarge => Self::named(FailureClass::Refused, "answer too large"),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.status, &self.code) {
            (Some(status), Some(code)) => write!(f, "{status} {code}"),
            (Some(status), None) => write!(f, "{status}"),
            (None, Some(code)) => f.write_str(code),
            (None, None) => f.write_str("failed"),
        }
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_could_be_somebodys_data_is_dropped() {
        let refused = |code| Failure::status(FailureClass::Refused, 400).with_code(Some(code)).to_string();
        assert_eq!(refused("email_invalid"), "400 email_invalid");
        assert_eq!(refused("ada@example.com"), "400");
        assert_eq!(refused("Ünïcode"), "400");
        assert_eq!(refused(&"x".repeat(65)), "400");
    }
}
