//! The table: live on a terminal, lines otherwise.

use std::{
    io::{IsTerminal, stdout},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::Instant;
use usher_service::Failure;

use super::rows::{Row, Source};

/// How often a line is printed where nothing can be redrawn, at most.
const LINE_EVERY: Duration = Duration::from_secs(2);

const HEADING: &str = "consumer        seen    done  skipped  waiting  dead-lettered  oldest";

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
                let text = line(source, rows);
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
        self.source.set_message(source_text(source));
        while self.rows.len() < rows.len() {
            self.rows.push((self.add)());
        }
        for (bar, row) in self.rows.iter().zip(rows) {
            bar.set_message(row_text(row));
        }
    }
}

fn row_text(row: &Row) -> String {
    let Row { name, seen, done, skipped, waiting, dead_lettered, oldest_seconds, .. } = row;
    let not_ready = row.not_ready.as_deref().unwrap_or_default();
    format!(
        "{name:<12}{seen:>8}{done:>8}{skipped:>9}{waiting:>9}{dead_lettered:>15}{oldest_seconds:>7}s  {not_ready}"
    )
    .trim_end()
    .to_owned()
}

fn source_text(source: &Source) -> String {
    let Source { recognised, published, not_ready } = source;
    let not_ready = not_ready.as_deref().unwrap_or_default();
    format!("sign-ups: {recognised} recognised, {published} published  {not_ready}").trim_end().to_owned()
}

/// The whole state in one line; of each consumer what there is to say.
fn line(source: &Source, rows: &[Row]) -> String {
    let rows = rows.iter().map(|row| {
        let mut text = format!("{}: {} seen, {} done", row.name, row.seen, row.done);
        for (count, what) in
            [(row.skipped, "skipped"), (row.waiting, "waiting"), (row.dead_lettered, "dead-lettered")]
        {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        let not_ready = row.not_ready.iter().map(|why| format!(" {why}"));
        text + &not_ready.collect::<String>()
    });
    std::iter::once(source_text(source)).chain(rows).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_stand_under_their_headings() {
        let row =
            Row { name: "birthrights", seen: 6, dead_lettered: 7, oldest_seconds: 12, ..Row::default() };
        let end = |heading: &str| HEADING.find(heading).unwrap() + heading.len();
        assert_eq!(row_text(&row).find('6').unwrap() + 1, end("seen"));
        assert_eq!(row_text(&row).find('7').unwrap() + 1, end("dead-lettered"));
        assert_eq!(row_text(&row).len(), end("oldest"));
    }

    #[test]
    fn without_a_terminal_a_state_is_one_line_with_what_there_is_to_say() {
        let source = Source { recognised: 3, published: 2, not_ready: None };
        let billing = Row { name: "billing", seen: 2, done: 1, ..Row::default() };
        let not_ready = Some("(destination: circuit open: 503)".to_owned());
        let upn = Row { name: "upn", seen: 2, waiting: 1, not_ready, ..Row::default() };
        assert_eq!(
            line(&source, &[billing, upn]),
            "sign-ups: 3 recognised, 2 published | billing: 2 seen, 1 done | \
             upn: 2 seen, 0 done, 1 waiting (destination: circuit open: 503)"
        );
    }
}
