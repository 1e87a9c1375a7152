//! How what came of a sign-up compares with what should, in words that all destinations share.

use serde::{Deserialize, Serialize};

/// How what came of a sign-up compares with what should; the later, the worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// As it should be in the end.
    Exact,
    /// Something is still missing, nothing is wrong.
    Pending,
    /// More than one: customers, members, welcomes.
    Doubled,
    /// An effect where there must be none.
    Unwanted,
    /// Not what belongs there: another customer's id, a user principal name that isn't legal or shows an address.
    Mismatched,
    /// Written with different values one after the other.
    Rewritten,
}

impl Verdict {
    /// Of a user who is gone nothing more can be expected.
    pub(super) fn once_deleted(self, deleted: bool) -> Self {
        if deleted && self == Self::Pending { Self::Exact } else { self }
    }
}

/// What Usher must never do, whatever comes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Misuse {
    /// Sent Mailchimp a `status` for somebody who is on the list: it could re-subscribe somebody who has left.
    StatusOfMember,
    /// Sent the webhook's receiver something that was not signed as it should be.
    BadSignature,
}
