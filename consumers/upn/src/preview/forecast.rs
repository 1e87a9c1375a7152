//! Who would get which name, once all users are known.

use std::collections::{BTreeMap, HashSet};

use usher_entra::User;
use uuid::Uuid;

use super::{SINCE, UPN};
use crate::naming::{Change, Naming, Plan};

/// Why a user is left alone who has one of our names.
const ALREADY_NAMED: &str = "already-named";
/// Why a user is left alone whose candidates are all taken.
const ALL_TAKEN: &str = "upn-taken";

/// A user, as far as a preview needs to remember.
pub(super) struct Seen {
    id: Uuid,
    since: String,
    upn: String,
    plan: Plan,
}

/// What would become of a tenant's users.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Forecast {
    pub(super) changed: Vec<Changed>,
    /// How many are left alone, by why.
    pub(super) left_alone: BTreeMap<&'static str, usize>,
}

/// A user who would be changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) id: Uuid,
    pub(super) current: String,
    pub(super) new: String,
    /// The names that would come before the new one, were they not other users'.
    pub(super) taken: Vec<String>,
    pub(super) sets_display_name: bool,
}

impl Seen {
    pub(super) fn of(user: &User, naming: &Naming) -> Self {
        let text = |property| user.text(property).unwrap_or_default().to_owned();
        Self { id: user.id, since: text(SINCE), upn: text(UPN), plan: naming.plan(user) }
    }
}

impl Forecast {
    /// Who signed up first chooses first, as it would have been.
    pub(super) fn of(mut users: Vec<Seen>) -> Self {
        users.sort_by(|a, b| (&a.since, a.id).cmp(&(&b.since, b.id)));
        let mut taken = users.iter().map(|user| user.upn.to_ascii_lowercase()).collect();
        let mut forecast = Self::default();
        for user in users {
            match user.plan {
                Plan::Done => forecast.leave_alone(ALREADY_NAMED),
                Plan::LeaveAlone(why) => forecast.leave_alone(why),
                Plan::Change(change) => match choose(change, user.id, user.upn, &mut taken) {
                    Some(changed) => forecast.changed.push(changed),
                    None => forecast.leave_alone(ALL_TAKEN),
                },
            }
        }
        forecast
    }

    fn leave_alone(&mut self, why: &'static str) {
        *self.left_alone.entry(why).or_default() += 1;
    }
}

fn choose(change: Change, id: Uuid, current: String, taken: &mut HashSet<String>) -> Option<Changed> {
    let sets_display_name = change.display_name.is_some();
    let mut upns = change.upns;
    let free = upns.iter().position(|upn| !taken.contains(upn))?;
    let new = upns.swap_remove(free);
    upns.truncate(free);
    taken.insert(new.clone());
    Some(Changed { id, current, new, taken: upns, sets_display_name })
}
