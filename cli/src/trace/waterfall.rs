//! The picture of a trace: what was done, by whom, when, for how long, and beside it bars on one axis of time.

use std::fmt::Write;

use super::{
    axis::Axis,
    human,
    look::Look,
    span::{Span, short},
    tree::{self, Row, What},
    words,
};

/// Between two columns.
const GAP: &str = "  ";
/// The widths of a moment and of a duration, in columns: `99 d 23:59:59`, `999 d 23 h`.
const AFTER: usize = 13;
const TOOK: usize = 10;
/// Bars that are narrower than this show nothing, and are left out.
const LEAST_BARS: usize = 16;
/// What names get at least, however narrow the terminal is.
const LEAST_NAMES: usize = 24;
/// A moment on the axis every so many columns: room for all but the longest, and a gap.
const TICK: usize = 14;
/// What is worked on, what waits, and what is only known in parts.
const BARS: [char; 3] = ['█', '░', '·'];
/// Where the audit log keeps a sign-up to itself: nobody works then.
const AUDIT_DELAY: &str = "audit delay";

/// Draws the spans of one trace.
pub(crate) fn draw(spans: &[Span], look: &Look) -> String {
    let rows = tree::rows(spans);
    let picture = Picture::of(&rows, look);
    let mut text = picture.heading();
    for row in &rows {
        picture.draw(&mut text, row);
    }
    text
}

/// Where everything stands.
struct Picture<'a> {
    look: &'a Look,
    axis: Axis,
    /// When the first span began.
    begun: u64,
    /// In the order in which they turn up, which gives them their colours.
    services: Vec<&'a str>,
    /// The widths of the columns.
    service: usize,
    names: usize,
    bars: usize,
}

impl<'a> Picture<'a> {
    fn of(rows: &[Row<'a>], look: &'a Look) -> Self {
        let events = rows.iter().flat_map(|row| [row.what.start(), row.what.end()]);
        let mut services = Vec::new();
        for service in rows.iter().map(|row| row.what.service()) {
            if !services.contains(&service) {
                services.push(service);
            }
        }
        let longest = |widths: &mut dyn Iterator<Item = usize>| widths.max().unwrap_or(0);
        let service = longest(&mut services.iter().map(|service| width(short(service))));
        let names = longest(&mut rows.iter().map(|row| width(&row.tree) + width(&words::name(row.what))));
        let left = look.width.saturating_sub(service + AFTER + TOOK + 4 * GAP.len());
        let (names, bars) = share(left, names);
        let begun = rows.iter().map(|row| row.what.start()).min().unwrap_or_default();
        Self { look, axis: Axis::of(events), begun, services, service, names, bars }
    }

    fn heading(&self) -> String {
        let (service, names) = (self.service, self.names);
        let line = format!("{:service$}{GAP}{:names$}{GAP}{:>AFTER$}{GAP}{:>TOOK$}", "", "", "after", "took");
        let line = match self.bars {
            0 => line,
            _ => format!("{line}{GAP}{}", self.ticks()),
        };
        format!("{}\n", self.look.heading(line.trim_end()))
    }

    /// Which moment lies where on the axis.
    fn ticks(&self) -> String {
        let tick = |column: usize| {
            let moment = self.axis.moment(column as f64 / self.bars as f64);
            format!("{:TICK$}", format!("|{}", human::offset(moment.saturating_sub(self.begun))))
        };
        let columns = (0..self.bars).step_by(TICK).filter(|column| column + TICK <= self.bars);
        columns.map(tick).collect()
    }

    fn draw(&self, text: &mut String, row: &Row<'_>) {
        let what = row.what;
        let named = fitted(&format!("{}{}", row.tree, words::name(what)), self.names);
        let after = human::offset(what.start().saturating_sub(self.begun));
        let took = human::duration(what.end() - what.start());
        let service = fitted(short(what.service()), self.service);
        let service = self.in_its_colour(what, &service);
        let named = self.as_it_went(what, &named);
        let line = format!("{service}{GAP}{named}{GAP}{after:>AFTER$}{GAP}{took:>TOOK$}{}", self.bar(what));
        write_line(text, &line);
        for link in words::links(what) {
            let line = format!("{:1$}{GAP}{2}{link}", "", self.service, row.below);
            write_line(text, &self.look.aside(&line));
        }
    }

    fn in_its_colour(&self, what: What<'_>, text: &str) -> String {
        let nth = self.services.iter().position(|service| *service == what.service()).unwrap_or(0);
        self.look.of_service(nth, text)
    }

    /// A name in red if it failed, and faint if nobody was at work.
    fn as_it_went(&self, what: What<'_>, text: &str) -> String {
        match what {
            What::Span(span) if span.failed() => self.look.failed(text),
            What::Span(_) => text.to_owned(),
            What::Wait { .. } | What::Missing { .. } => self.look.aside(text),
        }
    }

    fn bar(&self, what: What<'_>) -> String {
        if self.bars == 0 {
            return String::new();
        }
        let [work, wait, unknown] = BARS;
        let of = match what {
            What::Span(span) if span.name == AUDIT_DELAY => wait,
            What::Span(_) => work,
            What::Wait { .. } => wait,
            What::Missing { .. } => unknown,
        };
        let (first, behind) = self.axis.columns(what.start(), what.end(), self.bars);
        let bar: String = std::iter::repeat_n(of, behind - first).collect();
        let bar = match what {
            What::Span(span) if span.failed() => self.look.failed(&bar),
            _ => self.in_its_colour(what, &bar),
        };
        format!("{GAP}{:first$}{bar}", "")
    }
}

/// Shares the room between names, which get what they need if the bars get the least that they need, and bars.
fn share(room: usize, names: usize) -> (usize, usize) {
    let names = names.min(room.saturating_sub(LEAST_BARS)).max(LEAST_NAMES);
    let bars = room.saturating_sub(names);
    if bars < LEAST_BARS { (room.max(LEAST_NAMES), 0) } else { (names, bars) }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// As wide as that, whatever it takes.
fn fitted(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return format!("{text:columns$}");
    }
    let most: String = text.chars().take(columns.saturating_sub(1)).collect();
    format!("{most}…")
}

fn write_line(text: &mut String, line: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

#[cfg(test)]
mod tests;
