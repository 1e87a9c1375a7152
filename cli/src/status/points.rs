//! The newest values of the metrics of a run, as `usher up` keeps them in its folder.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::local;

const FILE: &str = "metrics.json";

/// The newest value of a metric of one service, with one set of attributes: a number, or what a distribution comes to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Point {
    /// `service.name`, such as `usher-billing`.
    pub(crate) service: String,
    pub(crate) name: String,
    /// As UCUM writes it, such as `s`.
    pub(crate) unit: String,
    pub(crate) attributes: Map<String, Value>,
    /// When it was measured.
    pub(crate) time_unix_nano: u64,
    /// Of a gauge or a counter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<f64>,
    /// How many values a distribution has, what they come to, and the largest of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) max: Option<f64>,
}

impl Point {
    /// `consumer=billing outcome=done`
    pub(crate) fn said_attributes(&self) -> String {
        let said = self.attributes.iter().map(|(name, value)| match value.as_str() {
            Some(text) => format!("{name}={text}"),
            None => format!("{name}={value}"),
        });
        said.collect::<Vec<_>>().join(" ")
    }

    /// `3 s`, or `24 values, 4.31 s on average, 8.02 s at most`
    pub(crate) fn said_value(&self) -> String {
        let said = |value: f64| format!("{}{}", number(value), self.said_unit());
        if let Some(value) = self.value {
            return said(value);
        }
        let count = self.count.unwrap_or_default();
        let average = self.sum.filter(|_| count > 0).map(|sum| sum / count as f64);
        let average = average.map(|it| format!(", {} on average", said(it))).unwrap_or_default();
        let most = self.max.map(|it| format!(", {} at most", said(it))).unwrap_or_default();
        format!("{count} values{average}{most}")
    }

    /// None for plain numbers, nor for what is only said to be counted.
    fn said_unit(&self) -> String {
        let says_nothing = matches!(&*self.unit, "" | "1") || self.unit.starts_with('{');
        if says_nothing { String::new() } else { format!(" {}", self.unit) }
    }
}

/// Whole numbers as such, others to two places.
fn number(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") }
}

#[derive(Serialize)]
struct Writing<'a> {
    points: Vec<&'a Point>,
}

#[derive(Deserialize)]
struct Reading {
    points: Vec<Point>,
}

/// Writes the newest values.
pub(crate) fn write_points<'a>(folder: &Path, points: impl Iterator<Item = &'a Point>) -> io::Result<()> {
    let text = serde_json::to_vec(&Writing { points: points.collect() }).map_err(io::Error::other)?;
    local::whole(&folder.join(FILE), &text)
}

/// The newest values; none if there are none yet.
pub(crate) fn read_points(folder: &Path) -> Vec<Point> {
    let text = fs::read(folder.join(FILE)).unwrap_or_default();
    serde_json::from_slice(&text).map(|Reading { points }| points).unwrap_or_default()
}

/// A line each.
pub(crate) fn lines(points: &[Point]) -> String {
    let width = |of: fn(&Point) -> &str| points.iter().map(|point| of(point).len()).max().unwrap_or(0);
    let (service, name) = (width(|point| point.service.as_str()), width(|point| point.name.as_str()));
    let line = |point: &Point| {
        let of = format!("{:service$}  {:name$}", point.service, point.name);
        format!("{of}  {}  {}\n", point.said_value(), point.said_attributes())
    };
    points.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn point(name: &str) -> Point {
        let attributes = Map::from_iter([("consumer".to_owned(), json!("billing"))]);
        let (service, name) = ("usher-billing".to_owned(), name.to_owned());
        Point { service, name, unit: "1".to_owned(), attributes, ..Point::default() }
    }

    #[test]
    fn a_line_says_whose_value_it_is_and_of_what() {
        let open = Point { value: Some(1.0), ..point("usher.circuit.open") };
        let delay =
            Point { count: Some(4), sum: Some(6.0), max: Some(3.25), ..point("usher.signup.effect.delay") };
        let delay = Point { unit: "s".to_owned(), ..delay };
        assert_eq!(
            lines(&[open, delay]),
            "usher-billing  usher.circuit.open         1  consumer=billing\n\
             usher-billing  usher.signup.effect.delay  4 values, 1.50 s on average, 3.25 s at most  consumer=billing\n"
        );
    }

    #[test]
    fn what_is_written_is_read_and_nothing_is_no_values() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_points(folder.path()).is_empty());
        let points = [Point { value: Some(0.25), ..point("usher.quota.used") }];
        write_points(folder.path(), points.iter()).unwrap();
        assert_eq!(read_points(folder.path()), points);
    }
}
