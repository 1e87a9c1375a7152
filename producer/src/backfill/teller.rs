//! Tells an operator how far a backfill is: on a terminal in one line that is written over, elsewhere in a line now and
//! then.

use std::{
    io::{IsTerminal, Write, stdout},
    time::Duration,
};

use time::{OffsetDateTime, macros::format_description};
use tokio::time::Instant;

use super::Step;

/// How often there is a new line where nothing is written over.
const EVERY: Duration = Duration::from_secs(10);
/// The width of the bar.
const BAR: usize = 20;

pub(crate) struct Teller {
    on_terminal: bool,
    last: Option<Instant>,
}

impl Teller {
    pub(crate) fn new() -> Self {
        Self { on_terminal: stdout().is_terminal(), last: None }
    }

    /// Tells of a step, unless it is too soon.
    pub(crate) fn tell(&mut self, step: &Step) {
        let line = line(step);
        if self.on_terminal {
            say(&format!("\r\x1b[K{line}"));
        } else if self.last.is_none_or(|last| last.elapsed() >= EVERY) {
            self.last = Some(Instant::now());
            say(&format!("{line}\n"));
        }
    }

    /// Tells how it ended.
    pub(crate) fn conclude(&self, what: &str) {
        say(&if self.on_terminal { format!("\n{what}\n") } else { format!("{what}\n") });
    }
}

/// A reader that has gone away is no reason to break off.
fn say(text: &str) {
    let mut out = stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn line(step: &Step) -> String {
    let Step { reached, fraction, recognised, published, pages, left, .. } = step;
    let full = ((fraction * BAR as f64) as usize).min(BAR);
    let bar = format!("{}{}", "#".repeat(full), ".".repeat(BAR - full));
    let left = left.map_or_else(String::new, |left| format!(", about {} left", rough(left)));
    format!(
        "[{bar}] {:3.0} %, up to {}: {recognised} sign-ups, {published} published, {pages} pages{left}",
        fraction * 100.0,
        minute(*reached),
    )
}

/// In whole seconds, and from ten minutes on in whole minutes: more nobody can promise.
fn rough(left: Duration) -> humantime::FormattedDuration {
    let step = if left >= Duration::from_secs(600) { 60 } else { 1 };
    humantime::format_duration(Duration::from_secs(left.as_secs().div_ceil(step) * step))
}

pub(crate) fn minute(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute] UTC");
    at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_line_says_how_far_it_is_and_how_long_it_takes() {
        let step = Step {
            reached: datetime!(2026-01-05 13:00 +01:00),
            fraction: 0.5,
            seen: 1200,
            recognised: 1000,
            published: 990,
            gone: 10,
            pages: 3,
            left: Some(Duration::from_millis(7_200_900)),
        };
        let expected = "[##########..........]  50 %, up to 2026-01-05 12:00 UTC: 1000 sign-ups, 990 published, 3 pages, \
                        about 2h left";
        assert_eq!(line(&step), expected);
        assert_eq!(rough(Duration::from_secs(45)).to_string(), "45s");
    }
}
