//! What the services' own counts come to: the numbers that the table shows.

use usher_service::Status;

/// What stands in the way of a service that is not back yet.
const KILLED: &str = "(killed)";

/// What a consumer's status comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) seen: u64,
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    pub(crate) waiting: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) oldest_seconds: u64,
    pub(crate) not_ready: Option<String>,
}

impl Row {
    pub(crate) fn of(name: &'static str, status: &Status) -> Self {
        let count = |name: &str| count(status, name);
        let skipped =
            status.counts.iter().filter(|(name, _)| name.starts_with("skipped")).map(|(_, n)| n).sum();
        Self {
            name,
            seen: count("received"),
            done: count("done"),
            skipped,
            waiting: count("waiting"),
            dead_lettered: count("dead_lettered"),
            oldest_seconds: count("oldest_seconds"),
            not_ready: not_ready(status),
        }
    }
}

/// What the producer's status comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) recognised: u64,
    pub(crate) published: u64,
    pub(crate) not_ready: Option<String>,
}

impl Source {
    pub(crate) fn of(status: &Status) -> Self {
        Self {
            recognised: count(status, "recognised"),
            published: count(status, "published"),
            not_ready: not_ready(status),
        }
    }
}

/// A service's counts over all its lives: they begin anew with each.
#[derive(Debug, Default)]
pub(crate) struct Lives<T> {
    past: T,
    now: T,
}

impl<T: Counted> Lives<T> {
    /// What is known of the present life.
    pub(crate) fn is_now(&mut self, now: T) {
        self.now = now;
    }

    /// The present life has ended by a kill.
    pub(crate) fn killed(&mut self) {
        self.past = self.all();
        self.now = T::killed();
    }

    pub(crate) fn all(&self) -> T {
        self.now.after(&self.past)
    }
}

/// Counts that go on in the next life, beside what is of the moment.
pub(crate) trait Counted: Default {
    /// These counts on top of the earlier ones.
    fn after(&self, past: &Self) -> Self;

    /// What is known between two lives.
    fn killed() -> Self;
}

impl Counted for Row {
    fn after(&self, past: &Self) -> Self {
        Self {
            name: if self.name.is_empty() { past.name } else { self.name },
            seen: past.seen + self.seen,
            done: past.done + self.done,
            skipped: past.skipped + self.skipped,
            dead_lettered: past.dead_lettered + self.dead_lettered,
            ..self.clone()
        }
    }

    fn killed() -> Self {
        Self { not_ready: Some(KILLED.to_owned()), ..Self::default() }
    }
}

impl Counted for Source {
    fn after(&self, past: &Self) -> Self {
        Self {
            recognised: past.recognised + self.recognised,
            published: past.published + self.published,
            ..self.clone()
        }
    }

    fn killed() -> Self {
        Self { not_ready: Some(KILLED.to_owned()), ..Self::default() }
    }
}

fn count(status: &Status, name: &str) -> u64 {
    status.counts.get(name).copied().unwrap_or_default()
}

fn not_ready(status: &Status) -> Option<String> {
    status.not_ready.iter().next().map(|(part, why)| format!("({part}: {why})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(counts: &[(&str, u64)]) -> Status {
        let counts = counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        Status { counts, ..Status::default() }
    }

    #[test]
    fn a_consumers_row_sums_what_it_skipped_and_says_what_stands_in_its_way() {
        let mut status = status(&[("received", 9), ("skipped:gone", 2), ("skipped:old", 1), ("waiting", 1)]);
        status.not_ready.insert("destination".to_owned(), "circuit open: 503".to_owned());
        let row = Row::of("billing", &status);
        assert_eq!((row.seen, row.skipped, row.waiting), (9, 3, 1));
        assert_eq!(row.not_ready.as_deref(), Some("(destination: circuit open: 503)"));
    }

    #[test]
    fn what_was_counted_before_a_kill_counts_on_and_what_was_of_the_moment_is_over() {
        let mut lives = Lives::default();
        lives.is_now(Row::of("upn", &status(&[("received", 5), ("done", 3), ("waiting", 2)])));
        lives.killed();
        assert_eq!((lives.all().name, lives.all().seen, lives.all().waiting), ("upn", 5, 0));
        assert_eq!(lives.all().not_ready.as_deref(), Some("(killed)"));
        lives.is_now(Row::of("upn", &status(&[("received", 2), ("done", 2), ("waiting", 1)])));
        let all = lives.all();
        assert_eq!((all.seen, all.done, all.waiting), (7, 5, 1));
    }
}
