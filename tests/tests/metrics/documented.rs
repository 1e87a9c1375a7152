//! The table of docs/instrumentation.md.

use std::collections::BTreeSet;

const INSTRUMENTATION: &str = include_str!("../../../docs/instrumentation.md");

/// A line of it.
pub(crate) struct Documented {
    pub(crate) kind: &'static str,
    pub(crate) attributes: BTreeSet<&'static str>,
    /// Its name at `/metrics`.
    pub(crate) shown: &'static str,
    of: &'static str,
}

/// All lines, in order.
pub(crate) fn all() -> Vec<Documented> {
    let rows = INSTRUMENTATION.lines().filter(|line| line.starts_with("| `usher."));
    let all: Vec<_> = rows.map(Documented::row).collect();
    assert!(all.len() >= 10, "the table is not where it was");
    all
}

impl Documented {
    fn row(line: &'static str) -> Self {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let [_, _, kind, _, attributes, shown, of, _] = cells[..] else { panic!("{line}") };
        Self { kind, attributes: quoted(attributes).collect(), shown: quoted(shown).next().unwrap(), of }
    }

    /// Whether a service shows it; `None` if that depends on its settings.
    pub(crate) fn is_of(&self, service: &str) -> Option<bool> {
        match self.of {
            "consumers" => Some(service != "producer"),
            depends if depends.starts_with("whoever") => None,
            named => Some(named.split_whitespace().any(|it| it == service)),
        }
    }

    /// Whether an expression may ask for this name: itself, or a series of its histogram.
    pub(crate) fn has(&self, asked: &str) -> bool {
        match (self.kind, asked.strip_prefix(self.shown)) {
            ("histogram", Some(series)) => ["_bucket", "_sum", "_count"].contains(&series),
            (_, rest) => rest == Some(""),
        }
    }
}

/// What stands between backticks.
fn quoted(cell: &'static str) -> impl Iterator<Item = &'static str> {
    cell.split('`').skip(1).step_by(2)
}
