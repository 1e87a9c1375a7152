//! The table: live on a terminal, lines otherwise.

use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use usher_service::{Failure, Status};

/// How often a line is printed where nothing can be redrawn, at most.
const LINE_EVERY: Duration = Duration::from_secs(2);

const HEADING: &str = "consumer      seen    done  skipped  waiting  dead-lettered  oldest";

/// What a consumer's status comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) seen: u64,
    pub(crate) done: u64,
    pub(crate) skipped: u64,
    pub(crate) waiting: u64,
    pub(crate) dead_lettered: u64,
    pub(crate) in_hand: u64,
    pub(crate) oldest_seconds: u64,
    pub(crate) not_ready: Option<String>,
}

impl Row {
    pub(crate) fn of(name: &'static str, status: &Status) -> Self {
        let count = |name: &str| status.counts.get(name).copied().unwrap_or_default();
        let skipped =
            status.counts.iter().filter(|(name, _)| name.starts_with("skipped")).map(|(_, n)| n).sum();
        Self {
            name,
            seen: count("received"),
            done: count("done"),
            skipped,
            waiting: count("waiting"),
            dead_lettered: count("dead_lettered"),
            in_hand: count("in_hand"),
            oldest_seconds: count("oldest_seconds"),
            not_ready: not_ready(status),
        }
    }

    /// How many sign-ups it is through with.
    pub(crate) fn finished(&self) -> u64 {
        self.done + self.skipped + self.dead_lettered
    }

    fn text(&self) -> String {
        let Self { name, seen, done, skipped, waiting, dead_lettered, oldest_seconds, .. } = self;
        let not_ready = self.not_ready.as_deref().unwrap_or_default();
        format!("{name:<10}{seen:>8}{done:>8}{skipped:>9}{waiting:>9}{dead_lettered:>15}{oldest_seconds:>7}s  {not_ready}")
            .trim_end()
            .to_owned()
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
        let count = |name: &str| status.counts.get(name).copied().unwrap_or_default();
        Self { recognised: count("recognised"), published: count("published"), not_ready: not_ready(status) }
    }

    fn text(&self) -> String {
        let Self { recognised, published, .. } = self;
        let not_ready = self.not_ready.as_deref().unwrap_or_default();
        format!("sign-ups: {recognised} recognised, {published} published  {not_ready}").trim_end().to_owned()
    }
}

fn not_ready(status: &Status) -> Option<String> {
    status.not_ready.iter().next().map(|(part, why)| format!("({part}: {why})"))
}

/// Shows the state of a run.
pub(crate) enum Progress {
    Live(Box<Live>),
    Lines { shown: String, next: Instant },
}

/// A table that is drawn over itself. A line is there for as long as its bar.
pub(crate) struct Live {
    heading: ProgressBar,
    source: ProgressBar,
    rows: Vec<ProgressBar>,
    add: Box<dyn Fn() -> ProgressBar>,
}

impl Progress {
    pub(crate) fn new() -> Result<Self, Failure> {
        if !stdout().is_terminal() {
            return Ok(Self::Lines { shown: String::new(), next: Instant::now() });
        }
        let style = ProgressStyle::with_template("{msg}").map_err(|e| Failure::Other(e.into()))?;
        let all = MultiProgress::with_draw_target(ProgressDrawTarget::stdout());
        let add: Box<dyn Fn() -> ProgressBar> =
            Box::new(move || all.add(ProgressBar::new_spinner().with_style(style.clone())));
        let source = add();
        let heading = add();
        heading.set_message(HEADING);
        Ok(Self::Live(Box::new(Live { heading, source, rows: Vec::new(), add })))
    }

    pub(crate) fn show(&mut self, source: &Source, rows: &[Row]) {
        match self {
            Self::Live(live) => live.show(source, rows),
            Self::Lines { shown, next } => {
                let text = lines(source, rows);
                if text != *shown && Instant::now() >= *next {
                    println!("{text}");
                    (*shown, *next) = (text, Instant::now() + LINE_EVERY);
                }
            }
        }
    }

    /// The last state, however recently another was shown; what is printed afterwards stands below it.
    pub(crate) fn finish(&mut self, source: &Source, rows: &[Row]) {
        match self {
            Self::Live(live) => {
                live.show(source, rows);
                let above = [&live.source, &live.heading];
                above.into_iter().chain(&live.rows).for_each(ProgressBar::abandon);
            }
            Self::Lines { next, .. } => {
                *next = Instant::now();
                self.show(source, rows);
            }
        }
    }
}

impl Live {
    fn show(&mut self, source: &Source, rows: &[Row]) {
        self.source.set_message(source.text());
        while self.rows.len() < rows.len() {
            self.rows.push((self.add)());
        }
        for (bar, row) in self.rows.iter().zip(rows) {
            bar.set_message(row.text());
        }
    }
}

fn lines(source: &Source, rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        let Row { name, seen, done, skipped, waiting, dead_lettered, oldest_seconds, .. } = row;
        let not_ready = row.not_ready.as_deref().unwrap_or_default();
        format!("{name}: {seen} seen, {done} done, {skipped} skipped, {waiting} waiting, {dead_lettered} dead-lettered, oldest {oldest_seconds} s {not_ready}").trim_end().to_owned()
    });
    std::iter::once(source.text()).chain(rows).collect::<Vec<_>>().join(" | ")
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
        let mut status = status(&[
            ("received", 9),
            ("done", 5),
            ("skipped:gone", 2),
            ("skipped:old", 1),
            ("dead_lettered", 1),
            ("waiting", 1),
            ("oldest_seconds", 3),
        ]);
        status.not_ready.insert("destination".to_owned(), "circuit open: 503".to_owned());
        let row = Row::of("billing", &status);
        assert_eq!((row.skipped, row.finished()), (3, 9));
        assert_eq!(
            row.text(),
            "billing          9       5        3        1              1      3s  (destination: circuit open: 503)"
        );
    }

    #[test]
    fn the_columns_stand_under_their_headings() {
        let row = Row { name: "billing", dead_lettered: 7, oldest_seconds: 12, ..Row::default() };
        let end = |heading: &str| HEADING.find(heading).unwrap() + heading.len();
        assert_eq!(row.text().find('7').unwrap() + 1, end("dead-lettered"));
        assert_eq!(row.text().len(), end("oldest"));
    }

    #[test]
    fn without_a_terminal_a_state_is_one_line() {
        let source = Source { recognised: 3, published: 2, not_ready: None };
        let row = Row { name: "billing", seen: 2, done: 1, ..Row::default() };
        assert_eq!(
            lines(&source, &[row]),
            "sign-ups: 3 recognised, 2 published | billing: 2 seen, 1 done, 0 skipped, 0 waiting, 0 dead-lettered, oldest 0 s"
        );
    }
}
