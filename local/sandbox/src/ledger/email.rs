//! Mailchimp's member, and the welcome.

use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::{MemberStatus, mailchimp::Member};

/// What should come of a sign-up at Mailchimp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmailExpected {
    /// One member who gets mail or has been asked whether they want it, welcomed once.
    Subscribed,
    /// Nothing: they did not agree to mail.
    NoConsent,
    /// A dead letter, since Mailchimp refuses the address: nothing else.
    Refused,
    /// They have left the list: a member who stays unsubscribed and gets no welcome.
    Unsubscribed,
    /// The user was deleted soon after, or corrected an address that was refused: one member or none.
    AtMostOne,
    /// Nothing: it isn't a sign-up.
    None,
}

/// What came of a sign-up at Mailchimp.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmailEffect {
    /// What should come of it.
    pub expected: EmailExpected,
    /// What they are to the list, if they are on it.
    pub member: Option<MemberStatus>,
    /// How many members have an address that is or was theirs.
    pub members: usize,
    /// How often the welcome journey started for them.
    pub welcomed: u32,
    /// How all this compares.
    pub verdict: Verdict,
}

impl EmailEffect {
    pub(super) fn new(expected: EmailExpected, members: &[&Member], deleted: bool) -> Self {
        let mut effect = Self {
            expected,
            member: members.first().map(|member| member.status),
            members: members.len(),
            welcomed: members.iter().map(|member| member.welcomed).sum(),
            verdict: Verdict::Exact,
        };
        effect.verdict = verdict(&effect).once_deleted(deleted);
        effect
    }
}

fn verdict(effect: &EmailEffect) -> Verdict {
    use EmailExpected::{AtMostOne, NoConsent, None as Nothing, Refused, Subscribed, Unsubscribed};
    use MemberStatus as Status;
    let &EmailEffect { expected, member, members, welcomed, .. } = effect;
    match (expected, member) {
        (NoConsent | Refused | Nothing, None) => Verdict::Exact,
        (NoConsent | Refused | Nothing, Some(_)) => Verdict::Unwanted,
        _ if members > 1 || welcomed > 1 => Verdict::Doubled,
        (Unsubscribed, Some(Status::Unsubscribed)) => Verdict::Exact,
        (Unsubscribed, _) => Verdict::Unwanted,
        (AtMostOne, _) => Verdict::Exact,
        (Subscribed, None) => Verdict::Pending,
        (Subscribed, Some(Status::Subscribed | Status::Pending)) if welcomed == 1 => Verdict::Exact,
        (Subscribed, Some(Status::Subscribed | Status::Pending)) => Verdict::Pending,
        (Subscribed, Some(_)) => Verdict::Mismatched,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_the_verdict_that_it_deserves() {
        use EmailExpected::{AtMostOne, NoConsent, None as Nothing, Refused, Subscribed, Unsubscribed};
        let (on, asked, off) =
            (Some(MemberStatus::Subscribed), Some(MemberStatus::Pending), Some(MemberStatus::Unsubscribed));
        for (expected, member, members, welcomed, deserved) in [
            (Subscribed, None, 0, 0, Verdict::Pending),
            (Subscribed, on, 1, 0, Verdict::Pending),
            (Subscribed, on, 1, 1, Verdict::Exact),
            (Subscribed, asked, 1, 1, Verdict::Exact),
            (Subscribed, on, 2, 2, Verdict::Doubled),
            (Subscribed, off, 1, 0, Verdict::Mismatched),
            (NoConsent, None, 0, 0, Verdict::Exact),
            (NoConsent, on, 1, 1, Verdict::Unwanted),
            (Refused, None, 0, 0, Verdict::Exact),
            (Refused, on, 1, 0, Verdict::Unwanted),
            (Unsubscribed, off, 1, 0, Verdict::Exact),
            (Unsubscribed, on, 1, 1, Verdict::Unwanted),
            (AtMostOne, None, 0, 0, Verdict::Exact),
            (AtMostOne, on, 1, 0, Verdict::Exact),
            (AtMostOne, on, 2, 1, Verdict::Doubled),
            (Nothing, None, 0, 0, Verdict::Exact),
            (Nothing, on, 1, 0, Verdict::Unwanted),
        ] {
            let effect = EmailEffect { expected, member, members, welcomed, verdict: Verdict::Exact };
            assert_eq!(verdict(&effect), deserved, "{effect:?}");
        }
    }
}
