//! Spans in the order of a story: each under the one that brought it about, and the waits between them.

use std::collections::{BTreeMap, BTreeSet};

use super::span::Span;

/// A pause between two attempts that is shorter than this, in nanoseconds, is none.
const A_WAIT: u64 = 1_000_000;
/// In columns. What lies deeper stands at the same place: nobody could read it further to the right.
const DEEPEST: usize = 40;

/// A line of the picture.
#[derive(Debug, PartialEq)]
pub(crate) struct Row<'a> {
    /// What stands in front of the name and shows the tree.
    pub(crate) tree: String,
    /// What stands in front of anything that is said below it.
    pub(crate) below: String,
    pub(crate) what: What<'a>,
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum What<'a> {
    Span(&'a Span),
    /// Nothing was done from one attempt to the next, though the work went on.
    Wait {
        service: &'a str,
        start: u64,
        end: u64,
    },
    /// Something that others are part of and that is not here: it has not ended yet, or was lost with a service that was
    /// killed. Its first and its last part are known.
    Missing {
        service: &'a str,
        start: u64,
        end: u64,
    },
}

impl<'a> What<'a> {
    pub(crate) fn service(self) -> &'a str {
        match self {
            Self::Span(span) => &span.service,
            Self::Wait { service, .. } | Self::Missing { service, .. } => service,
        }
    }

    /// In nanoseconds since 1970.
    pub(crate) fn start(self) -> u64 {
        match self {
            Self::Span(span) => span.start_unix_nano,
            Self::Wait { start, .. } | Self::Missing { start, .. } => start,
        }
    }

    /// In nanoseconds since 1970; never before the start.
    pub(crate) fn end(self) -> u64 {
        match self {
            Self::Span(span) => span.end_unix_nano.max(span.start_unix_nano),
            Self::Wait { end, .. } | Self::Missing { end, .. } => end,
        }
    }
}

/// All lines, the first spans first.
pub(crate) fn rows(spans: &[Span]) -> Vec<Row<'_>> {
    let mut forest = Forest::of(spans);
    let mut rows = Vec::new();
    // What is still to be shown, the next at its end. Not by recursion: nobody vouches for how deep a trace is.
    let mut ahead: Vec<Place<'_>> = forest.roots().into_iter().rev().map(Place::at_the_root).collect();
    while let Some(place) = ahead.pop() {
        let children = forest.take_children(place.node);
        let last = children.len().saturating_sub(1);
        let places = children.into_iter().enumerate().rev().map(|(n, node)| place.child(node, n == last));
        ahead.extend(places.collect::<Vec<_>>());
        rows.push(place.row());
    }
    rows
}

/// A node, and where in the picture it stands.
struct Place<'a> {
    node: Node<'a>,
    tree: String,
    below: String,
}

impl<'a> Place<'a> {
    fn at_the_root(node: Node<'a>) -> Self {
        Self { node, tree: String::new(), below: String::new() }
    }

    fn child(&self, node: Node<'a>, is_last: bool) -> Self {
        let (branch, on) = if is_last { ("└ ", "  ") } else { ("├ ", "│ ") };
        let on = if self.below.chars().count() < DEEPEST { on } else { "" };
        Self { node, tree: format!("{}{branch}", self.below), below: format!("{}{on}", self.below) }
    }

    fn row(self) -> Row<'a> {
        Row { tree: self.tree, below: self.below, what: self.node.what }
    }
}

/// What a line is about, and by which id others are its parts; a wait has none.
#[derive(Clone, Copy)]
struct Node<'a> {
    what: What<'a>,
    id: Option<&'a str>,
}

/// The spans by what they are part of.
struct Forest<'a> {
    /// Those of no parent.
    roots: Vec<&'a Span>,
    /// The parts of each parent, in the order of time. Those in a circle are part of nothing that is shown.
    children: BTreeMap<&'a str, Vec<&'a Span>>,
    /// The ids of all.
    known: BTreeSet<&'a str>,
}

impl<'a> Forest<'a> {
    fn of(spans: &'a [Span]) -> Self {
        let known: BTreeSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
        let (mut roots, mut children) = (Vec::new(), BTreeMap::<&str, Vec<&Span>>::new());
        for span in spans {
            match &span.parent_span_id {
                None => roots.push(span),
                Some(parent) => children.entry(parent).or_default().push(span),
            }
        }
        children.values_mut().for_each(|children| children.sort_by_key(|span| span.start_unix_nano));
        Self { roots, children, known }
    }

    /// What stands at the left, in the order of time.
    fn roots(&self) -> Vec<Node<'a>> {
        let known = self.roots.iter().copied().map(Node::of);
        let missing = self.children.iter().filter(|(parent, _)| !self.known.contains(*parent));
        let missing = missing.map(|(parent, children)| Node::missing(parent, children));
        let mut roots: Vec<Node<'_>> = known.chain(missing).collect();
        roots.sort_by_key(|node| node.what.start());
        roots
    }

    /// What a node is made of, in the order of time, with the waits in between.
    fn take_children(&mut self, node: Node<'a>) -> Vec<Node<'a>> {
        let children = node.id.and_then(|id| self.children.remove(id)).unwrap_or_default();
        let mut nodes = Vec::with_capacity(children.len());
        let mut attempted_until = None;
        for child in children {
            if child.attempt().is_some() {
                let before = attempted_until.replace(child.end_unix_nano.max(child.start_unix_nano));
                nodes.extend(before.and_then(|before| Node::wait(child, before)));
            }
            nodes.push(Node::of(child));
        }
        nodes
    }
}

impl<'a> Node<'a> {
    fn of(span: &'a Span) -> Self {
        Self { what: What::Span(span), id: Some(&span.span_id) }
    }

    fn missing(id: &'a str, children: &[&'a Span]) -> Self {
        let start = children.iter().map(|span| span.start_unix_nano).min().unwrap_or_default();
        let end = children.iter().map(|span| What::Span(span).end()).max().unwrap_or(start);
        let service = children.first().map_or("", |span| span.service.as_str());
        Self { what: What::Missing { service, start, end }, id: Some(id) }
    }

    /// The time until this attempt, if it was one.
    fn wait(attempt: &'a Span, from: u64) -> Option<Self> {
        let (service, start, end) = (attempt.service.as_str(), from, attempt.start_unix_nano);
        let is_one = end.saturating_sub(start) >= A_WAIT;
        is_one.then_some(Self { what: What::Wait { service, start, end }, id: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::testing::{NOON, span};

    fn drawn(spans: &[Span]) -> Vec<String> {
        let name = |what: What<'_>| match what {
            What::Span(span) => span.name.clone(),
            What::Wait { start, end, .. } => {
                format!("wait {}-{}", (start - NOON) / 1_000_000, (end - NOON) / 1_000_000)
            }
            What::Missing { service, .. } => format!("missing of {service}"),
        };
        rows(spans).iter().map(|row| format!("{}{}", row.tree, name(row.what))).collect()
    }

    #[test]
    fn each_stands_under_what_brought_it_about_and_in_the_order_of_time() {
        let spans = [
            span("4", Some("1"), "p", "send", 30..40),
            span("1", None, "p", "sign-up", 0..40),
            span("5", Some("3"), "p", "GET", 12..20),
            span("3", Some("1"), "p", "enrich", 10..30),
            span("2", Some("1"), "p", "audit delay", 0..10),
        ];
        assert_eq!(drawn(&spans), ["sign-up", "├ audit delay", "├ enrich", "│ └ GET", "└ send"]);
    }

    #[test]
    fn the_wait_between_two_attempts_is_a_line_of_its_own() {
        let attempt =
            |id, millis| span(id, Some("1"), "usher-crm", "attempt", millis).with("usher.attempt", 1);
        let spans = [
            span("1", None, "usher-crm", "process crm", 0..5_000),
            attempt("2", 0..100),
            attempt("3", 2_100..2_200),
            attempt("4", 2_200..2_300),
            span("5", Some("1"), "usher-crm", "settle", 4_900..5_000),
        ];
        assert_eq!(
            drawn(&spans),
            ["process crm", "├ attempt", "├ wait 100-2100", "├ attempt", "├ attempt", "└ settle"]
        );
    }

    #[test]
    fn parts_of_what_is_not_there_stand_under_a_placeholder() {
        let spans = [
            span("1", None, "usher-producer", "sign-up", 0..40),
            span("3", Some("2"), "usher-crm", "attempt", 60..70),
            span("4", Some("2"), "usher-crm", "attempt", 80..90),
        ];
        assert_eq!(drawn(&spans), ["sign-up", "missing of usher-crm", "├ attempt", "└ attempt"]);
    }

    #[test]
    fn a_trace_of_any_depth_and_a_circle_come_to_an_end() {
        let deep: Vec<Span> = (0..20_000)
            .map(|n: u64| {
                let parent = n.checked_sub(1).map(|n| n.to_string());
                span(&n.to_string(), parent.as_deref(), "p", "deeper", n..n + 1)
            })
            .collect();
        assert_eq!(rows(&deep).len(), deep.len());
        let circle = [
            span("1", None, "p", "root", 0..1),
            span("2", Some("3"), "p", "head", 0..1),
            span("3", Some("2"), "p", "tail", 0..1),
            span("4", Some("4"), "p", "itself", 0..1),
        ];
        assert_eq!(drawn(&circle), ["root"]);
    }
}
