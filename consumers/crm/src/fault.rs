//! Whose fault a failed call to Salesforce is, and what follows from that.
//!
//! Two faults are finer than the classes that all vendors share: a used-up allowance and a refused token are nobody's
//! record's fault. The probe tells whether they last; if it passes, the record is tried again and not given up.

use std::time::Duration;

use usher_http::{Failure, FailureClass, TransportError};
use usher_subscriber::{Down, Outcome};

/// Its name in logs and in a dead letter's reason.
const VENDOR: &str = "Salesforce";

/// Whose fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The moment's.
    Moment,
    /// The allowance's, which is the whole org's: nobody's call succeeds until there is more.
    Allowance,
    /// Our credentials': the setting to mend.
    Credentials(&'static str),
    /// A right's that our user lacks, for this record or for all.
    Rights,
    /// The mapping's: the object or a field is not what it takes them for.
    Mapping,
    /// This record's.
    Record,
}

/// A call that did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) fault: Fault,
    pub(crate) failure: Failure,
}

impl Fault {
    const fn class(self) -> FailureClass {
        match self {
            Self::Moment | Self::Allowance => FailureClass::Transient,
            Self::Credentials(_) | Self::Rights => FailureClass::Unauthorized,
            Self::Mapping | Self::Record => FailureClass::Refused,
        }
    }
}

impl Failed {
    /// An answer of this status, with the vendor's code and the time that it asked us to wait.
    pub(crate) fn answer(fault: Fault, status: u16, code: Option<&str>, wait: Option<Duration>) -> Self {
        let failure = Failure::status(fault.class(), status).with_code(code).with_retry_after(wait);
        Self { fault, failure }
    }

    /// A failure in our own words. They may name what stands in the mapping, which is the operator's own.
    pub(crate) fn named(fault: Fault, name: impl Into<String>) -> Self {
        let failure =
            Failure { class: fault.class(), status: None, code: Some(name.into()), retry_after: None };
        Self { fault, failure }
    }

    /// What becomes of a sign-up.
    pub(crate) fn outcome(self) -> Outcome {
        let Self { fault, failure } = self;
        match fault {
            Fault::Moment | Fault::Record => Outcome::failed(VENDOR, failure),
            Fault::Rights | Fault::Mapping => Outcome::Unavailable { vendor: VENDOR, failure },
            Fault::Allowance | Fault::Credentials(_) => {
                let failure = Failure { class: FailureClass::Transient, ..failure };
                Outcome::Unavailable { vendor: VENDOR, failure }
            }
        }
    }

    /// What a probe reports.
    pub(crate) fn down(self) -> Down {
        let setting = match (self.fault, self.failure.status) {
            (Fault::Credentials(setting), _) => setting,
            (Fault::Rights, _) => "SALESFORCE_USERNAME",
            // Salesforce does not say which part of the path it has not got.
            (Fault::Mapping, Some(404)) => "SALESFORCE_MAPPING, SALESFORCE_API_VERSION",
            (Fault::Mapping | Fault::Record, _) => "SALESFORCE_MAPPING",
            (Fault::Moment | Fault::Allowance, _) => "SALESFORCE_LOGIN_URL",
        };
        Down { vendor: VENDOR, setting, failure: self.failure }
    }
}

impl From<TransportError> for Failed {
    fn from(error: TransportError) -> Self {
        Self { fault: Fault::Moment, failure: error.into() }
    }
}
