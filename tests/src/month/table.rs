//! A table of what came of the months.

use std::time::Duration;

use super::{Approach, Outcome};

/// What one row says of an outcome.
type Cell = fn(&Outcome) -> String;

const ROWS: [(&str, Cell); 7] = [
    ("sign-ups lost", |month| grouped(month.lost)),
    ("sent again, and swallowed by duplicate detection", |month| grouped(month.sent_again)),
    ("half of the messages are there within", |month| rough(month.delay_p50)),
    ("99 in 100 of them, the outage apart", |month| rough(month.calm_p99)),
    ("99 in 100 of all", |month| rough(month.delay_p99)),
    ("requests to the audit log", |month| grouped(month.log_requests)),
    ("of them refused, broken off or answered with half a page", |month| grouped(month.in_vain)),
];

/// The table, in Markdown.
pub fn table(months: &[Outcome]) -> String {
    let sign_ups = months.first().map_or(0, |month| month.sign_ups);
    let head = months.iter().map(|month| name(month.approach).to_owned());
    let rule = months.iter().map(|_| "---:".to_owned());
    let rows = ROWS.iter().map(|(what, cell)| row(what, months.iter().map(cell)));
    let head = [row(&format!("of {} sign-ups", grouped(sign_ups)), head), row("---", rule)];
    head.into_iter().chain(rows).collect()
}

fn row(first: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<_> = std::iter::once(first.to_owned()).chain(cells).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn name(approach: Approach) -> &'static str {
    match approach {
        Approach::Usher => "Usher",
        Approach::SinceLastRun => "since the last run",
        Approach::SinceNewestEntry => "since the newest entry",
    }
}

/// With commas between thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn rough(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 600.0 {
        format!("{seconds:.0} s")
    } else if seconds < 7200.0 {
        format!("{:.0} min", seconds / 60.0)
    } else {
        format!("{:.1} h", seconds / 3600.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_times_rounded() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        let times = [12, 700, 61_200].map(|seconds| rough(Duration::from_secs(seconds)));
        assert_eq!(times, ["12 s", "12 min", "17.0 h"]);
    }
}
