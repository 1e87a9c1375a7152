//! The member that a sign-up becomes.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde::Serialize;
use usher_event::{Event, typed};

use crate::{EmailSettings, StatusIfNew, Unverified};

/// How much a merge field holds. Bytes and not characters: the stricter reading serves for both.
const MERGE_VALUE: usize = 255;

/// The body that puts it. It has no `status`, on purpose: that would bring back whoever has left the list.
#[derive(Serialize)]
pub(crate) struct Member<'a> {
    email_address: &'a str,
    status_if_new: StatusIfNew,
    /// What is left out stays as it is on a member who is there already.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    merge_fields: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marketing_permissions: Vec<Permission<'a>>,
    /// Whether the address may be somebody else's.
    #[serde(skip)]
    is_doubtful: bool,
}

#[derive(Serialize)]
struct Permission<'a> {
    marketing_permission_id: &'a str,
    enabled: bool,
}

impl<'a> Member<'a> {
    /// The member; `None` without an address.
    pub(crate) fn of(event: &'a Event, settings: &'a EmailSettings) -> Option<Self> {
        let data = &event.data;
        let email_address = data.email.as_deref().map(str::trim).filter(|address| !address.is_empty())?;
        if !data.email_verified && settings.mailchimp_unverified == Unverified::Pending {
            return Some(Self::doubtful(email_address));
        }
        let merge_fields = settings.mailchimp_merge_fields.of(data);
        let permissions = settings.mailchimp_marketing_permissions.given_by(data);
        Some(Self {
            email_address,
            status_if_new: settings.mailchimp_status_if_new,
            merge_fields: merge_fields.filter_map(|(field, text)| Some((field, clean(text)?))).collect(),
            marketing_permissions: permissions
                .map(|marketing_permission_id| Permission { marketing_permission_id, enabled: true })
                .collect(),
            is_doubtful: false,
        })
    }

    /// Somebody who is asked, and of whom nothing is told: it could be written to another's member.
    fn doubtful(email_address: &'a str) -> Self {
        Self {
            email_address,
            status_if_new: StatusIfNew::Pending,
            merge_fields: BTreeMap::new(),
            marketing_permissions: vec![],
            is_doubtful: true,
        }
    }

    /// How it is put. The fields that a list wants are not told of a doubtful one.
    pub(crate) fn options(&self) -> &'static [(&'static str, &'static str)] {
        if self.is_doubtful { &[("skip_merge_validation", "true")] } else { &[] }
    }

    /// Its id: the MD5 of the lower-cased address, in hex.
    pub(crate) fn id(&self) -> String {
        let hash = Md5::digest(self.email_address.to_lowercase());
        format!("{:032x}", u128::from_be_bytes(hash.into()))
    }
}

/// A text that can stand in a mail, no longer than a field holds; `None` if nothing is left, or only what Entra writes
/// where nobody was asked.
fn clean(text: &str) -> Option<String> {
    let mut text = typed::presentable(text);
    text.truncate(text.floor_char_boundary(MERGE_VALUE));
    typed::is_known(&text).then(|| text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(email_address: &str) -> String {
        Member::doubtful(email_address).id()
    }

    #[test]
    fn the_id_is_that_of_the_lower_cased_address() {
        // As in Mailchimp's own example.
        assert_eq!(id("Urist.McVankab@freddiesjokes.com"), "62eeb292278cc15f5817cb78f7790b08");
        assert_eq!(id("urist.mcvankab@freddiesjokes.com"), id("URIST.McVankab@FreddiesJokes.COM"));
    }

    #[test]
    fn a_text_is_cleaned_and_bounded() {
        let cleaned = |text: &str| clean(text).unwrap_or_default();
        assert_eq!(cleaned("Zoë\r\nBcc: x"), "Zoë Bcc: x");
        assert_eq!(cleaned("\u{202e}adA\u{2069}"), "adA");
        assert_eq!(cleaned(" Robert'); DROP TABLE members;-- "), "Robert'); DROP TABLE members;--");
        assert_eq!(cleaned(&"a".repeat(10_000)).len(), 255);
        assert_eq!(cleaned(&"ż".repeat(10_000)), "ż".repeat(127), "two bytes each");
        for nothing in ["", " \t", "\u{200f}", "unknown"] {
            assert_eq!(clean(nothing), None, "{nothing:?}");
        }
    }
}
