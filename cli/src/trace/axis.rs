//! The axis of time under the bars.
//!
//! A sign-up waits for minutes until the audit log shows it, and is then done within milliseconds: drawn to scale, all
//! the work would be one column wide. So the axis gives. Between one event (a span begins or ends) and the next it is as
//! wide as the logarithm of the time that lies between them: everything that happens can be seen, in its order, and what
//! takes longer is never narrower. The exact times stand beside the bars.

use std::collections::BTreeSet;

/// Times below this, in nanoseconds, take room in proportion; above it their logarithm counts.
const GIVES_FROM: f64 = 10_000_000.0;

/// Where each moment lies between 0 and 1.
pub(crate) struct Axis {
    /// Moments in nanoseconds, and where they lie; both rise.
    marks: Vec<(u64, f64)>,
}

impl Axis {
    /// The axis for events at these moments.
    pub(crate) fn of(events: impl IntoIterator<Item = u64>) -> Self {
        let events: BTreeSet<u64> = events.into_iter().collect();
        let mut marks: Vec<(u64, f64)> = Vec::with_capacity(events.len());
        let mut reached = 0.0;
        for event in events {
            let before = marks.last().map_or(event, |(before, _)| *before);
            reached += room((event - before) as f64);
            marks.push((event, reached));
        }
        if reached > 0.0 {
            marks.iter_mut().for_each(|(_, at)| *at /= reached);
        }
        Self { marks }
    }

    /// Where a moment lies.
    pub(crate) fn at(&self, moment: u64) -> f64 {
        let after = self.marks.partition_point(|(mark, _)| *mark < moment);
        let Some(&(next, next_at)) = self.marks.get(after) else {
            return self.marks.last().map_or(0.0, |(_, at)| *at);
        };
        let Some(&(last, last_at)) = after.checked_sub(1).and_then(|before| self.marks.get(before)) else {
            return next_at;
        };
        last_at + (next_at - last_at) * share(moment - last, next - last)
    }

    /// Which moment lies there.
    pub(crate) fn moment(&self, at: f64) -> u64 {
        let after = self.marks.partition_point(|(_, mark)| *mark < at);
        let Some(&(next, next_at)) = self.marks.get(after) else {
            return self.marks.last().map_or(0, |(moment, _)| *moment);
        };
        let Some(&(last, last_at)) = after.checked_sub(1).and_then(|before| self.marks.get(before)) else {
            return next;
        };
        let share = if next_at > last_at { (at - last_at) / (next_at - last_at) } else { 0.0 };
        last + ((next - last) as f64 * share) as u64
    }

    /// The columns, of so many, that a stretch of time fills: at least one.
    pub(crate) fn columns(&self, start: u64, end: u64, of: usize) -> (usize, usize) {
        let first = ((self.at(start) * of as f64) as usize).min(of.saturating_sub(1));
        let behind = (self.at(end) * of as f64).ceil() as usize;
        (first, behind.clamp(first + 1, of.max(first + 1)))
    }
}

fn room(nanos: f64) -> f64 {
    (nanos / GIVES_FROM).ln_1p()
}

fn share(of: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { of as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_wait_of_minutes_leaves_room_for_the_milliseconds_after_it() {
        let minutes = 5 * 60_000 * MS;
        let axis = Axis::of([0, minutes, minutes + 20 * MS, minutes + 60 * MS]);
        let waited = axis.at(minutes);
        assert!((0.5..0.85).contains(&waited), "{waited}");
        let (first, behind) = axis.columns(minutes, minutes + 20 * MS, 40);
        assert!(behind - first >= 3, "{first}..{behind}");
    }

    #[test]
    fn it_never_runs_backwards_and_what_takes_longer_is_never_narrower() {
        let events: Vec<u64> = (0..200).map(|n| n * n * MS).collect();
        let axis = Axis::of(events.iter().copied());
        let widths: Vec<f64> = events.windows(2).map(|pair| axis.at(pair[1]) - axis.at(pair[0])).collect();
        assert!(widths.iter().all(|width| *width > 0.0) && widths.is_sorted());
        assert_eq!((axis.at(0), axis.at(199 * 199 * MS)), (0.0, 1.0));
    }

    #[test]
    fn a_place_has_its_moment_and_a_moment_its_place() {
        let axis = Axis::of([100 * MS, 4_000 * MS, 4_010 * MS, 9_000 * MS]);
        for moment in [100, 1_500, 4_000, 4_005, 4_010, 8_999].map(|ms| ms * MS) {
            assert!(axis.moment(axis.at(moment)).abs_diff(moment) < MS, "{moment}");
        }
    }

    #[test]
    fn every_stretch_has_a_column_of_those_that_there_are() {
        for events in [vec![], vec![7], vec![7, 7], vec![0, u64::MAX]] {
            let axis = Axis::of(events.iter().copied());
            for of in [0, 1, 10] {
                let (first, behind) = axis.columns(7, 7, of);
                assert!(first < behind && behind <= of.max(1), "{events:?} {of}: {first}..{behind}");
            }
        }
    }
}
