//! The report: one table, and what must be known to read it.

use std::fmt::Write;

use crate::{
    Sizes,
    consumers::CONCURRENCY,
    machine,
    sign_ups::SignUps,
    throughput::{IN_HAND, Series, Throughput},
};

/// All of it as Markdown.
pub(crate) fn of(sizes: Sizes, throughput: &Throughput, sign_ups: &SignUps) -> String {
    let mut table = Table::default();
    compare(&mut table, throughput);
    table.row(
        "sign-ups a second, audit log through all seven consumers",
        &thousands(sign_ups.per_second),
        "",
        "",
    );
    table.row("memory: broker with that backlog", &mebibytes(throughput.broker.peak_bytes), "", "");
    for (name, usage) in &sign_ups.usage {
        table.row(&format!("memory: {name}, sign-ups end to end"), &mebibytes(usage.peak_bytes), "", "");
    }
    format!("{}\n{}", table.0, notes(sizes))
}

fn compare(table: &mut Table, throughput: &Throughput) {
    let Throughput { ours, sdk, .. } = throughput;
    let mut row = |what: &str, of: fn(&Series) -> f64, shown: fn(f64) -> String| {
        let mine = of(ours);
        let (theirs, ratio) = match sdk {
            Ok(sdk) => (shown(of(sdk)), times(mine, of(sdk))),
            Err(reason) => (format!("skipped: {reason}"), String::new()),
        };
        table.row(what, &shown(mine), &theirs, &ratio);
    };
    row("messages a second through one consumer", Series::messages_per_second, thousands);
    row("CPU per message, consumer", Series::consumer_cpu, micros);
    row("CPU per message, broker meanwhile", Series::broker_cpu, micros);
    row("memory: consumer", |series| series.consumer_memory() as f64, |bytes| mebibytes(bytes as u64));
}

fn notes(sizes: Sizes) -> String {
    let Sizes { messages, sdk_messages, runs, sign_ups } = sizes;
    format!(
        "On {facts}. Command: `make bench`. Memory is the peak resident set; CPU is user and system time.\n\
         Consumers: a handler that does nothing, peek-lock, up to {IN_HAND} messages in hand, each completed on its own; \
         medians of {runs} runs in turns, {messages} messages a run (SDK: {sdk_messages}), from one broker process that syncs \
         to disk.\n\
         Sign-ups: {sign_ups} at once, stand-ins for the vendors on the same machine that answer at once and do not throttle, a \
         SQLite file for sql, {CONCURRENCY} in work at a time in each consumer.\n",
        facts = machine::facts(),
    )
}

struct Table(String);

impl Default for Table {
    fn default() -> Self {
        Self("| | Usher | official Python SDK | ratio |\n|---|---:|---:|---:|\n".to_owned())
    }
}

impl Table {
    fn row(&mut self, what: &str, ours: &str, sdk: &str, ratio: &str) {
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "| {what} | {ours} | {sdk} | {ratio} |");
    }
}

/// How many times the larger is the smaller.
fn times(a: f64, b: f64) -> String {
    let ratio = a.max(b) / a.min(b);
    if ratio.is_finite() { format!("{ratio:.1} ×") } else { String::new() }
}

fn micros(seconds: f64) -> String {
    format!("{:.0} µs", seconds * 1e6)
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

/// A whole number, its digits in groups of three.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let (first, rest) = digits.split_at((digits.len() - 1) % 3 + 1);
    let groups = rest.as_bytes().chunks(3).map(String::from_utf8_lossy);
    groups.fold(first.to_owned(), |text, group| format!("{text},{group}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups() {
        let shown = [7.0, 940.4, 1_000.0, 31_415.9, 1_234_567.0].map(thousands);
        assert_eq!(shown, ["7", "940", "1,000", "31,416", "1,234,567"]);
    }

    #[test]
    fn a_ratio_is_never_below_one_and_never_infinite() {
        assert_eq!([times(10.0, 2.0), times(2.0, 10.0), times(1.0, 0.0)], ["5.0 ×", "5.0 ×", ""]);
    }
}
