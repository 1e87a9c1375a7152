//! How each service of a run is, for people.

use std::collections::BTreeMap;

use serde::Serialize;
use usher_service::Status;

use super::points::Point;
use crate::{consumers::Consumer, dlq};

/// The service that is not one of the consumers and whose status says how far it has come.
pub(super) const PRODUCER: &str = "producer";

/// A service; `None` is what it does not have, or what is not known.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(super) struct Line {
    pub(super) service: String,
    /// Whether it answers at all.
    pub(super) answers: bool,
    /// What stands in its way, by the part's name.
    pub(super) not_ready: BTreeMap<String, String>,
    pub(super) circuit_open: Option<bool>,
    /// Messages of its subscription with which it is not through.
    pub(super) queued: Option<u64>,
    /// Those of them that wait for their next attempt.
    pub(super) waiting: Option<u64>,
    pub(super) dead_letters: Option<u64>,
    /// Age of the oldest message in hand.
    pub(super) oldest_seconds: Option<u64>,
    /// How far the watermark is behind the clock.
    pub(super) watermark_lag_seconds: Option<u64>,
    /// The largest share of a quota that is used, between 0 and 1.
    pub(super) quota_used: Option<f64>,
}

impl Line {
    pub(super) fn is_ready(&self) -> bool {
        self.answers && self.not_ready.is_empty()
    }

    /// What a service says of itself, what the broker says of its subscription, and what it has measured.
    pub(super) fn of(
        service: &str,
        status: Option<&Status>,
        broker: Option<&Status>,
        points: &[Point],
        now_unix: u64,
    ) -> Self {
        let count = |name: &str| status.and_then(|status| status.counts.get(name)).copied();
        let queue = |of: &str| {
            let queue = dlq::queue(Consumer::named(service)?);
            broker?.counts.get(&format!("{queue}.{of}")).copied()
        };
        let of_it = |name: &'static str| {
            let own = points.iter().filter(move |it| it.service == format!("usher-{service}"));
            own.filter(move |it| it.name == name).filter_map(|it| it.value)
        };
        let watermark = count("watermark").filter(|_| service == PRODUCER);
        let lag = of_it("usher.watermark.lag").reduce(f64::max).map(|lag| lag as u64);
        Self {
            service: service.to_owned(),
            answers: status.is_some(),
            not_ready: status.map(|status| status.not_ready.clone()).unwrap_or_default(),
            circuit_open: count("circuit_open").map(|open| open > 0),
            queued: queue("available").zip(queue("locked")).map(|(available, locked)| available + locked),
            waiting: count("waiting"),
            dead_letters: queue("dead"),
            oldest_seconds: count("oldest_seconds"),
            watermark_lag_seconds: lag.or_else(|| Some(now_unix.saturating_sub(watermark?))),
            quota_used: of_it("usher.quota.used").reduce(f64::max),
        }
    }
}

/// All of them, with what stands in the way of each at its end.
pub(super) fn table(lines: &[Line]) -> String {
    let heading = row([
        "service",
        "ready",
        "circuit",
        "queued",
        "waiting",
        "dead letters",
        "oldest",
        "behind",
        "quota",
    ]);
    let line = |line: &Line| {
        let why = line.not_ready.iter().map(|(part, why)| format!("{part}: {why}"));
        let why = why.collect::<Vec<_>>().join("; ");
        format!("{}  {why}", cells(line)).trim_end().to_owned() + "\n"
    };
    format!("{}\n{}", heading.trim_end(), lines.iter().map(line).collect::<String>())
}

fn cells(line: &Line) -> String {
    let ready = match line {
        Line { answers: false, .. } => "gone",
        line if line.is_ready() => "yes",
        _ => "no",
    };
    let circuit = line.circuit_open.map(|open| if open { "open" } else { "closed" });
    let number = |number: Option<u64>| number.map(|it| it.to_string());
    let seconds = |seconds: Option<u64>| seconds.map(|it| format!("{it} s"));
    let cells = [
        Some(line.service.clone()),
        Some(ready.to_owned()),
        circuit.map(str::to_owned),
        number(line.queued),
        number(line.waiting),
        number(line.dead_letters),
        seconds(line.oldest_seconds),
        seconds(line.watermark_lag_seconds),
        line.quota_used.map(|used| format!("{:.0} %", used * 100.0)),
    ];
    row(cells.each_ref().map(|cell| cell.as_deref().unwrap_or("-")))
}

fn row([service, ready, circuit, queued, waiting, dead, oldest, behind, quota]: [&str; 9]) -> String {
    format!(
        "{service:<13}{ready:<7}{circuit:<9}{queued:>6}{waiting:>9}{dead:>14}{oldest:>9}{behind:>9}{quota:>7}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(counts: &[(&str, u64)], not_ready: &[(&str, &str)]) -> Status {
        let counts = counts.iter().map(|(name, n)| ((*name).to_owned(), *n)).collect();
        let not_ready = not_ready.iter().map(|(part, why)| ((*part).to_owned(), (*why).to_owned())).collect();
        Status { counts, not_ready }
    }

    fn point(service: &str, name: &str, value: f64) -> Point {
        let (service, name) = (service.to_owned(), name.to_owned());
        Point { service, name, value: Some(value), ..Point::default() }
    }

    #[test]
    fn a_table_says_who_is_ready_and_what_stands_in_the_way_of_whom() {
        let queue = dlq::queue(Consumer::named("billing").unwrap());
        let of_queue = |of: &str| format!("{queue}.{of}");
        let (available, locked, dead) = (of_queue("available"), of_queue("locked"), of_queue("dead"));
        let broker = status(&[(available.as_str(), 4), (locked.as_str(), 2), (dead.as_str(), 1)], &[]);
        let billing = status(
            &[("circuit_open", 1), ("waiting", 0), ("oldest_seconds", 12)],
            &[("destination", "circuit open: no connection")],
        );
        let points =
            [point("usher-billing", "usher.quota.used", 0.04), point("usher-crm", "usher.quota.used", 0.9)];
        let producer = status(&[("watermark", 997)], &[]);
        let lines = [
            Line::of("broker", Some(&broker), Some(&broker), &points, 1_000),
            Line::of("producer", Some(&producer), Some(&broker), &points, 1_000),
            Line::of("billing", Some(&billing), Some(&broker), &points, 1_000),
            Line::of("email", None, Some(&broker), &points, 1_000),
        ];
        let expected = "\
service      ready  circuit  queued  waiting  dead letters   oldest   behind  quota
broker       yes    -             -        -             -        -        -      -
producer     yes    -             -        -             -        -      3 s      -
billing      no     open          6        0             1     12 s        -    4 %  destination: circuit open: no connection
email        gone   -             -        -             -        -        -      -
";
        assert_eq!(table(&lines), expected);
        assert_eq!(lines.each_ref().map(Line::is_ready), [true, true, false, false]);
    }

    #[test]
    fn what_the_producer_measures_of_its_lag_goes_before_what_its_watermark_says() {
        let points = [point("usher-producer", "usher.watermark.lag", 7.4)];
        let status = status(&[("watermark", 997)], &[]);
        let line = Line::of("producer", Some(&status), None, &points, 1_000);
        assert_eq!(line.watermark_lag_seconds, Some(7));
    }
}
