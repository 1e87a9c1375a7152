//! A member of the list.

use std::collections::{BTreeMap, BTreeSet};

use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use time::{OffsetDateTime, macros::format_description};

/// What a member is to the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MemberStatus {
    /// Gets our mail.
    Subscribed,
    /// Has been asked whether they want it (double opt-in).
    Pending,
    /// Has left.
    Unsubscribed,
    /// Can't be reached.
    Cleaned,
    /// Gets receipts and the like only.
    Transactional,
}

/// A member. Its address is kept as it was first written.
#[derive(Debug)]
pub(crate) struct Member {
    pub(super) email: String,
    pub(crate) status: MemberStatus,
    pub(super) merge_fields: BTreeMap<String, Value>,
    pub(super) permissions: BTreeSet<String>,
    pub(super) tags: BTreeSet<String>,
    /// How often the welcome journey admitted this contact: once at most.
    pub(crate) welcomed: u32,
    pub(super) changed_at: OffsetDateTime,
}

impl Member {
    pub(super) fn new(email: &str, status: MemberStatus, now: OffsetDateTime) -> Self {
        Self {
            email: email.to_owned(),
            status,
            merge_fields: BTreeMap::new(),
            permissions: BTreeSet::new(),
            tags: BTreeSet::new(),
            welcomed: 0,
            changed_at: now,
        }
    }

    /// Adds a tag. The journey admits whoever gets mail or may yet, and nobody twice: not on a tag that was there
    /// already, and not on one that was taken away and comes back.
    pub(super) fn add_tag(&mut self, tag: &str, starts_journey: bool) {
        let is_new = self.tags.insert(tag.to_owned());
        let gets_mail = matches!(self.status, MemberStatus::Subscribed | MemberStatus::Pending);
        if starts_journey && is_new && gets_mail && self.welcomed == 0 {
            self.welcomed = 1;
        }
    }

    pub(super) fn json(&self, list_id: &str, permissions: &[String]) -> Value {
        let format = format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00");
        let permission = |id: &String| {
            json!({
                "marketing_permission_id": id, "text": "Email", "enabled": self.permissions.contains(id),
            })
        };
        json!({
            "id": hash(&self.email),
            "email_address": self.email,
            "email_type": "html",
            "status": self.status,
            "merge_fields": self.merge_fields,
            "marketing_permissions": permissions.iter().map(permission).collect::<Vec<_>>(),
            "tags_count": self.tags.len(),
            "tags": self.tags.iter().map(|name| json!({"name": name})).collect::<Vec<_>>(),
            "last_changed": self.changed_at.format(format).unwrap_or_default(),
            "list_id": list_id,
        })
    }
}

/// The name of a member in paths: the MD5 of the address in lower case, in hexadecimal.
pub(super) fn hash(email: &str) -> String {
    let digest = Md5::digest(email.to_lowercase());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_that_of_mailchimps_own_example() {
        // https://mailchimp.com/developer/marketing/docs/methods-parameters/
        assert_eq!(hash("Urist.McVankab@freddiesjokes.com"), "62eeb292278cc15f5817cb78f7790b08");
    }
}
