//! When to look again for a user that can't be read yet: soon at first, then ever less often.

use std::{collections::BTreeMap, time::Duration};

use time::OffsetDateTime;
use uuid::Uuid;

/// A new user is usually readable within seconds. The wait doubles from here.
const FIRST_WAIT: Duration = Duration::from_secs(2);
/// And often enough to the end of the fifteen minutes that a user may take.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The next attempt for each user.
#[derive(Debug, Default)]
pub(crate) struct Schedule(BTreeMap<Uuid, Attempt>);

#[derive(Clone, Copy, Debug)]
struct Attempt {
    due: OffsetDateTime,
    wait: Duration,
}

impl Schedule {
    /// Whether it is time; always, for a user that nobody has looked for since the start.
    pub(crate) fn is_due(&self, user: Uuid, now: OffsetDateTime) -> bool {
        self.0.get(&user).is_none_or(|attempt| attempt.due <= now)
    }

    /// Looks again later than last time, and not before Graph asks us to.
    pub(crate) fn postpone(&mut self, user: Uuid, now: OffsetDateTime, asked: Option<Duration>) {
        let last = self.0.get(&user);
        // Once an attempt: noted before it is made, and perhaps again with what Graph answered.
        let wait = match last {
            Some(attempt) if attempt.due > now => attempt.wait,
            Some(attempt) => (attempt.wait * 2).min(LONGEST_WAIT),
            None => FIRST_WAIT,
        };
        self.0.insert(user, Attempt { due: now + asked.unwrap_or_default().max(wait), wait });
    }

    /// No need to look again.
    pub(crate) fn forget(&mut self, user: Uuid) {
        self.0.remove(&user);
    }

    /// When the first of them is due.
    pub(crate) fn next_due(&self) -> Option<OffsetDateTime> {
        self.0.values().map(|attempt| attempt.due).min()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const USER: Uuid = Uuid::from_u128(1);

    #[test]
    fn waits_double_up_to_a_minute_and_heed_what_graph_asks() {
        let mut schedule = Schedule::default();
        let mut now = datetime!(2026-01-01 12:00 UTC);
        assert!(schedule.is_due(USER, now));
        let mut waits = Vec::new();
        for asked in [None, None, Some(Duration::from_secs(30)), None, None, None, None] {
            schedule.postpone(USER, now, None);
            schedule.postpone(USER, now, asked);
            assert!(!schedule.is_due(USER, now));
            let due = schedule.next_due().unwrap();
            waits.push((due - now).whole_seconds());
            now = due;
        }
        assert_eq!(waits, [2, 4, 30, 16, 32, 60, 60]);
        schedule.forget(USER);
        assert_eq!(schedule.next_due(), None);
    }
}
