//! How a delivery can end, as seen by a handler.

use std::fmt;

use usher_http::{Failure, FailureClass};

/// What came of handling a sign-up once. The variants say whose fault a failure is; the runtime acts on that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The effect is there, by this delivery or by an earlier one.
    Done,
    /// Nothing was to be done, and why, in a word or two for the counters.
    Skipped(&'static str),
    /// The moment's fault: try again, after the time that the destination asked for if it did.
    Retry(Failure),
    /// This message's fault: it will never succeed as it is.
    Reject(Rejection),
    /// The destination's or our credentials' fault: no message can succeed now.
    Unavailable {
        /// The destination, as in a dead letter's reason if it turns out to be the message after all.
        vendor: &'static str,
        /// What failed.
        failure: Failure,
    },
}

impl Outcome {
    /// The outcome of a call to a vendor that failed, by its class.
    pub fn failed(vendor: &'static str, failure: Failure) -> Self {
        match failure.class {
            FailureClass::Transient => Self::Retry(failure),
            FailureClass::Refused => Self::Reject(Rejection::by(vendor, &failure)),
            FailureClass::Unauthorized | FailureClass::Unreachable => Self::Unavailable { vendor, failure },
        }
    }
}

/// Why a message is dead-lettered: a reason to group by, and what is known beyond it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// A short name, such as `StripeRejected`.
    pub reason: String,
    /// Status and code, or a place in the event; never a value.
    pub detail: String,
}

impl Rejection {
    /// A rejection that we name ourselves.
    pub fn new(reason: impl Into<String>, detail: impl fmt::Display) -> Self {
        Self { reason: reason.into(), detail: detail.to_string() }
    }

    /// The vendor refused this message.
    pub fn by(vendor: &str, failure: &Failure) -> Self {
        Self::new(format!("{vendor}Rejected"), failure_fields(failure))
    }

    /// The retry budget is spent.
    pub(crate) fn retries_exhausted(failure: &Failure) -> Self {
        Self::new("RetriesExhausted", failure_fields(failure))
    }
}

fn failure_fields(failure: &Failure) -> String {
    let status = failure.status.map(|status| format!("status={status}"));
    let code = failure.code.as_ref().map(|code| format!("code={code}"));
    [status, code].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
