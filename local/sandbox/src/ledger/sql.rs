//! The row in the table.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime, format_description::well_known::Rfc3339};

use super::Verdict;
use crate::{Kind, NewSignUp, database::Row, role::Role};

/// How fine the times of databases are.
const FINEST: Duration = Duration::microseconds(1);
/// What Entra shows where nobody was asked for a name.
const UNKNOWN: &str = "unknown";

/// What should come of a sign-up in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SqlExpected {
    /// One row, with what they signed up with.
    One,
    /// The user was deleted soon after: one row or none.
    AtMostOne,
    /// Nothing: it isn't a sign-up.
    None,
}

/// What came of a sign-up in the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlEffect {
    /// What should come of it.
    pub expected: SqlExpected,
    /// How many rows have the user's id.
    pub rows: usize,
    /// How all this compares.
    pub verdict: Verdict,
}

impl SqlExpected {
    pub(crate) fn of(who: &NewSignUp) -> Self {
        match who.kind {
            Kind::AdminMade | Kind::OtherApp | Kind::Failed => Self::None,
            Kind::Customer if who.deleted_after.is_some() => Self::AtMostOne,
            Kind::Customer => Self::One,
        }
    }
}

impl SqlEffect {
    pub(super) fn new(role: &Role, rows: &[Row], deleted: bool) -> Self {
        let are_theirs = rows.iter().all(|row| is_of(row, role));
        let verdict = verdict(role.sql, rows.len(), are_theirs).once_deleted(deleted);
        Self { expected: role.sql, rows: rows.len(), verdict }
    }
}

/// Whether it says what they signed up with. The address may be one that was theirs: a message keeps that of the
/// sign-up. A display name that shows nothing may have been given since.
fn is_of(row: &Row, role: &Role) -> bool {
    let person = &role.person;
    let address = row.email.as_deref().unwrap_or_default().to_lowercase();
    let same = |there: &Option<String>, typed: &Option<String>| {
        there.as_deref().unwrap_or_default() == storable(typed.as_deref().unwrap_or_default())
    };
    let shows = person.display_name != UNKNOWN && person.display_name.contains(char::is_alphanumeric);
    let is_shown = !shows || row.display_name.as_deref() == Some(&*storable(&person.display_name));
    role.addresses().contains(&address)
        && same(&row.given_name, &person.given_name)
        && same(&row.surname, &person.surname)
        && is_shown
        && is_at(&row.signed_up_at, role.signed_up_at)
}

/// What a database can hold of a text: PostgreSQL takes no NUL.
fn storable(typed: &str) -> String {
    typed.replace('\0', "")
}

fn is_at(text: &str, at: OffsetDateTime) -> bool {
    OffsetDateTime::parse(text, &Rfc3339).is_ok_and(|there| (at - there).abs() < FINEST)
}

fn verdict(expected: SqlExpected, rows: usize, are_theirs: bool) -> Verdict {
    use SqlExpected::{AtMostOne, None as Nothing, One};
    match (expected, rows) {
        (Nothing | AtMostOne, 0) => Verdict::Exact,
        (Nothing, _) => Verdict::Unwanted,
        (One, 0) => Verdict::Pending,
        (One | AtMostOne, 1) if are_theirs => Verdict::Exact,
        (One | AtMostOne, 1) => Verdict::Mismatched,
        (One | AtMostOne, _) => Verdict::Doubled,
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn every_combination_has_the_verdict_that_it_deserves() {
        use SqlExpected::{AtMostOne, None as Nothing, One};
        for (expected, rows, are_theirs, deserved) in [
            (One, 0, true, Verdict::Pending),
            (One, 1, true, Verdict::Exact),
            (One, 1, false, Verdict::Mismatched),
            (One, 2, true, Verdict::Doubled),
            (AtMostOne, 0, true, Verdict::Exact),
            (AtMostOne, 1, true, Verdict::Exact),
            (AtMostOne, 1, false, Verdict::Mismatched),
            (AtMostOne, 2, true, Verdict::Doubled),
            (Nothing, 0, true, Verdict::Exact),
            (Nothing, 1, true, Verdict::Unwanted),
        ] {
            assert_eq!(verdict(expected, rows, are_theirs), deserved, "{expected:?} {rows} {are_theirs}");
        }
    }

    #[test]
    fn a_time_may_have_lost_what_a_database_does_not_keep() {
        let at = datetime!(2026-03-01 09:30:00.1234567 UTC);
        assert!(is_at("2026-03-01T09:30:00.123456Z", at));
        for other in ["2026-03-01T09:30:00.123455Z", "2026-03-01T09:30:01.123456Z", "2026-03-01", ""] {
            assert!(!is_at(other, at), "{other}");
        }
    }
}
