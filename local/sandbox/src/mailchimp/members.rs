//! Who is on the list, who has been, and who can't be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::{
    member::{Member, MemberStatus, hash},
    problem::Problem,
};
use crate::address;

/// What Mailchimp knows of an address from before the sign-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Past {
    /// Is on the list and has unsubscribed: may be updated, and must stay unsubscribed.
    Unsubscribed,
    /// Has unsubscribed and was deleted since, or bounced: "Member In Compliance State".
    InCompliance,
    /// Was deleted for good: "Forgotten Email Not Subscribed".
    Forgotten,
    /// An address that Mailchimp does not write to: "Invalid Resource".
    Fake,
}

impl Past {
    /// Those with whom Mailchimp refuses the address.
    pub(crate) const REFUSED: [Self; 3] = [Self::InCompliance, Self::Forgotten, Self::Fake];
}

/// The list's members and what else the account knows, by the hash of the address.
#[derive(Default)]
pub(crate) struct Members {
    members: BTreeMap<String, Member>,
    refused: BTreeMap<String, Past>,
    /// Calls that are being answered.
    pub(super) open: usize,
}

impl Members {
    /// What happened to an address before anybody signed up with it.
    pub(crate) fn remember(&mut self, email: &str, past: Past, now: OffsetDateTime) {
        let hash = hash(email);
        match past {
            Past::Unsubscribed => {
                _ = self.members.insert(hash, Member::new(email, MemberStatus::Unsubscribed, now));
            }
            past => _ = self.refused.insert(hash, past),
        }
    }

    /// Whether the address could be on the list.
    pub(super) fn admit(&self, email: &str) -> Result<(), Problem> {
        match self.refused.get(&hash(email)) {
            Some(Past::InCompliance) => Err(Problem::compliance_state(email)),
            Some(Past::Forgotten) => Err(Problem::forgotten(email)),
            Some(Past::Fake | Past::Unsubscribed) => Err(Problem::fake(email)),
            None if !address::is_valid(email) => Err(Problem::fake(email)),
            None => Ok(()),
        }
    }

    /// Whether the address would be taken: for the ledger.
    pub(crate) fn takes(&self, email: &str) -> bool {
        self.admit(email).is_ok()
    }

    /// Unsubscribes, as the link in every mail does. False if nobody of that address is on the list.
    pub(crate) fn unsubscribe(&mut self, email: &str) -> bool {
        let member = self.of(email);
        member.map(|member| member.status = MemberStatus::Unsubscribed).is_some()
    }

    /// The member of an address, however it is written.
    pub(crate) fn of(&mut self, email: &str) -> Option<&mut Member> {
        self.members.get_mut(&hash(email))
    }

    pub(super) fn by_hash(&mut self, hash: &str) -> Option<&mut Member> {
        self.members.get_mut(hash)
    }

    /// Adds a member, in place of nobody.
    pub(super) fn add(&mut self, member: Member) -> &mut Member {
        self.members.entry(hash(&member.email)).or_insert(member)
    }

    /// Everybody on the list, with the address in lower case.
    pub(crate) fn all(&self) -> impl Iterator<Item = (String, &Member)> {
        self.members.values().map(|member| (member.email.to_lowercase(), member))
    }
}
