//! What the receiver has seen.

use std::collections::BTreeMap;

/// Which sign-ups came in: by the user that they are about, the ids of their deliveries and how often each came.
#[derive(Default)]
pub(crate) struct Inbox(BTreeMap<String, BTreeMap<String, u32>>);

impl Inbox {
    pub(super) fn take(&mut self, id: String, user: &str) {
        *self.0.entry(user.to_owned()).or_default().entry(id).or_default() += 1;
    }

    /// The users that deliveries were about, one for each id.
    pub(crate) fn users(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flat_map(|(user, ids)| ids.keys().map(|_| user.as_str()))
    }

    /// How many ids were about this user, and how many deliveries there were in all.
    pub(crate) fn of(&self, user: &str) -> (usize, u32) {
        self.0.get(user).map_or((0, 0), |ids| (ids.len(), ids.values().sum()))
    }
}
