//! The user principal name and the name as shown.

use serde::{Deserialize, Serialize};

use super::Verdict;
use crate::{
    Person,
    entra::{User, principal_name},
    role::Role,
};

/// What should come of a sign-up's user principal name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UpnExpected {
    /// A readable one in place of the generated one, written once.
    Changed,
    /// Somebody chose one: it stays. The name as shown may be made up for.
    Kept,
    /// Nothing changes: it isn't a sign-up.
    Unchanged,
    /// The user was deleted soon after: changed once or not.
    Either,
}

/// What came of a sign-up's user principal name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpnEffect {
    /// What should come of it.
    pub expected: UpnExpected,
    /// How often a write changed the user principal name.
    pub upn_changes: u32,
    /// Whether it is the one that Entra generated.
    pub is_generated_default: bool,
    /// Whether it is legal and doesn't show the address.
    pub valid: bool,
    /// Whether the name as shown is as it was, or made up for where it was empty or `unknown` and the name is known.
    pub display_name_ok: bool,
    /// How all this compares.
    pub verdict: Verdict,
}

/// What became of the name as shown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shown {
    Ok,
    /// There was none, there is none, and there could be one.
    Missing,
    /// There was none and now there is one.
    MadeUp,
    /// There was one and it is another, or it shows the address.
    Spoilt,
}

impl UpnEffect {
    /// `None`: there never was a user.
    pub(super) fn new(role: &Role, user: Option<&User>, deleted: bool) -> Self {
        let upn = user.and_then(|user| user.text("userPrincipalName"));
        let shows = |upn: &str| role.addresses().iter().any(|email| principal_name::shows(upn, email));
        let mut effect = Self {
            expected: role.upn,
            upn_changes: user.map_or(0, |user| user.upn_changes),
            is_generated_default: user
                .is_none_or(|user| upn == Some(principal_name::generated(user.id).as_str())),
            valid: upn.is_none_or(|upn| principal_name::is_legal(upn) && !shows(upn)),
            display_name_ok: true,
            verdict: Verdict::Exact,
        };
        let shown = user.map_or(Shown::Ok, |user| shown(&role.person, user.text("displayName")));
        effect.display_name_ok = matches!(shown, Shown::Ok | Shown::MadeUp);
        effect.verdict = verdict(&effect, shown).once_deleted(deleted);
        effect
    }
}

fn shown(person: &Person, now: Option<&str>) -> Shown {
    let now = now.unwrap_or_default();
    let is_none = |name: &str| name.trim().is_empty() || name.eq_ignore_ascii_case("unknown");
    match (is_none(&person.display_name), is_none(now)) {
        (false, _) if now == person.display_name => Shown::Ok,
        (false, _) => Shown::Spoilt,
        (true, false) if principal_name::shows(now, &person.email) => Shown::Spoilt,
        (true, false) => Shown::MadeUp,
        (true, true) if is_named(person) => Shown::Missing,
        (true, true) => Shown::Ok,
    }
}

/// Whether there is anything in the names that a reader would see.
fn is_named(person: &Person) -> bool {
    let names = [&person.given_name, &person.surname];
    names.into_iter().flatten().any(|name| name.contains(char::is_alphanumeric))
}

fn verdict(effect: &UpnEffect, shown: Shown) -> Verdict {
    let changes = effect.upn_changes;
    match effect.expected {
        UpnExpected::Unchanged if changes > 0 || matches!(shown, Shown::MadeUp | Shown::Spoilt) => {
            Verdict::Unwanted
        }
        UpnExpected::Unchanged => Verdict::Exact,
        _ if shown == Shown::Spoilt => Verdict::Mismatched,
        UpnExpected::Kept if changes > 0 => Verdict::Unwanted,
        UpnExpected::Kept => Verdict::Exact,
        _ if !effect.valid => Verdict::Mismatched,
        _ if changes > 1 => Verdict::Rewritten,
        UpnExpected::Either => Verdict::Exact,
        UpnExpected::Changed if changes == 0 || shown == Shown::Missing => Verdict::Pending,
        UpnExpected::Changed => Verdict::Exact,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_has_the_verdict_that_it_deserves() {
        use UpnExpected::{Changed, Either, Kept, Unchanged};
        for (expected, upn_changes, valid, shown, deserved) in [
            (Changed, 0, true, Shown::Ok, Verdict::Pending),
            (Changed, 1, true, Shown::Missing, Verdict::Pending),
            (Changed, 1, true, Shown::Ok, Verdict::Exact),
            (Changed, 1, true, Shown::MadeUp, Verdict::Exact),
            (Changed, 2, true, Shown::Ok, Verdict::Rewritten),
            (Changed, 1, false, Shown::Ok, Verdict::Mismatched),
            (Changed, 1, true, Shown::Spoilt, Verdict::Mismatched),
            (Kept, 0, true, Shown::Missing, Verdict::Exact),
            (Kept, 0, true, Shown::MadeUp, Verdict::Exact),
            (Kept, 1, true, Shown::Ok, Verdict::Unwanted),
            (Unchanged, 0, true, Shown::Missing, Verdict::Exact),
            (Unchanged, 1, true, Shown::Ok, Verdict::Unwanted),
            (Unchanged, 0, true, Shown::MadeUp, Verdict::Unwanted),
            (Either, 0, true, Shown::Missing, Verdict::Exact),
            (Either, 2, true, Shown::Ok, Verdict::Rewritten),
            (Either, 1, false, Shown::Ok, Verdict::Mismatched),
        ] {
            let effect = UpnEffect {
                expected,
                upn_changes,
                is_generated_default: upn_changes == 0,
                valid,
                display_name_ok: true,
                verdict: Verdict::Exact,
            };
            assert_eq!(verdict(&effect, shown), deserved, "{effect:?} {shown:?}");
        }
    }
}
