//! A walk over a stretch of the log that lies behind us, oldest first and slice by slice: it can be broken off and gone
//! on with, and nothing of it grows with how much there is.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::observe::Window;

/// The first slice.
const FIRST: u32 = 3600;
/// A slice is never shorter than this, and what happens in so short a time is as much as is repeated after a crash.
const SHORTEST: u32 = 60;
/// Nor longer than this, even where hardly anybody signs up.
const LONGEST: u32 = 24 * 3600;
/// With fewer pages than this the next slice may be longer: its last page is seldom full.
const FEW_PAGES: u32 = 4;
/// A slice of more pages was too long: after a crash in it all of them are read again.
const MANY_PAGES: u32 = 8;

/// How far a walk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Walk {
    /// Everything before was handed on.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) reached: OffsetDateTime,
    /// Where it ends.
    #[serde(with = "time::serde::rfc3339")]
    pub(crate) until: OffsetDateTime,
    /// The length of the next slice: by how much the last ones held.
    slice_seconds: u32,
}

impl Walk {
    /// A walk that has not begun.
    pub(crate) fn over(from: OffsetDateTime, until: OffsetDateTime) -> Self {
        Self { reached: from, until, slice_seconds: FIRST }
    }

    /// The same with another end.
    pub(crate) fn up_to(self, until: OffsetDateTime) -> Self {
        Self { until, ..self }
    }

    /// The slice that is next; `None` at the end.
    pub(crate) fn slice(&self) -> Option<Window> {
        let length = Duration::from_secs(u64::from(self.slice_seconds.clamp(SHORTEST, LONGEST)));
        let end = time::Duration::try_from(length).ok().and_then(|length| self.reached.checked_add(length));
        let to = end.map_or(self.until, |end| end.min(self.until));
        (self.reached < self.until).then_some(Window { from: self.reached, to })
    }

    /// The slice was handed on, all of its pages.
    pub(crate) fn done(&mut self, slice: Window, pages: u32) {
        self.reached = slice.to;
        self.slice_seconds = match pages {
            0..FEW_PAGES => self.slice_seconds.saturating_mul(2).min(LONGEST),
            MANY_PAGES.. => (self.slice_seconds / 2).max(SHORTEST),
            _ => self.slice_seconds,
        };
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOON: OffsetDateTime = datetime!(2026-01-08 12:00 UTC);
    const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

    /// The slices of a week, each with so many pages.
    fn slices(pages: u32) -> Vec<Window> {
        let mut walk = Walk::over(NOON - WEEK, NOON);
        let mut slices = Vec::new();
        while let Some(slice) = walk.slice() {
            slices.push(slice);
            walk.done(slice, pages);
        }
        slices
    }

    #[test]
    fn slices_follow_each_other_from_the_oldest_to_the_end() {
        for pages in [0, 1, 2, 8, 1000] {
            let slices = slices(pages);
            assert_eq!((slices[0].from, slices.last().unwrap().to), (NOON - WEEK, NOON), "{pages}");
            assert!(slices.windows(2).all(|pair| pair[0].to == pair[1].from), "{pages}");
        }
    }

    #[test]
    fn a_quiet_log_is_walked_in_long_slices_and_a_busy_one_in_short_ones() {
        assert_eq!(slices(FEW_PAGES).len(), 7 * 24);
        assert!(slices(1).len() < 14, "{}", slices(1).len());
        let busy = slices(1000);
        assert_eq!(busy[100].to - busy[100].from, time::Duration::seconds(i64::from(SHORTEST)));
    }

    #[test]
    fn a_record_that_was_tampered_with_never_stands_still() {
        let walk = format!(
            r#"{{"reached":"{}","until":"9999-12-31T23:59:59Z","sliceSeconds":0}}"#,
            "9999-12-31T23:59:30Z"
        );
        let walk: Walk = serde_json::from_str(&walk).unwrap();
        assert!(walk.slice().is_some_and(|slice| slice.from < slice.to));
    }
}
