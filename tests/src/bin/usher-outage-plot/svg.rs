//! As much of SVG as a plot needs. Numbers have one digit after the point, so that the same plot is the same text.

use std::fmt::{self, Write};

/// A drawing under way.
pub(crate) struct Svg(String);

/// Where a text is with regard to its point.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Middle => "middle",
            Self::End => "end",
        }
    }
}

impl Svg {
    /// A white sheet of so many pixels.
    pub(crate) fn new(width: f64, height: f64) -> Self {
        let mut svg = Self(String::new());
        svg.add(format_args!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" font-family="sans-serif" font-size="11" fill="#333">"##
        ));
        svg.rect([0.0, 0.0, width, height], "#fff");
        svg
    }

    /// A filled rectangle: left, top, width, height.
    pub(crate) fn rect(&mut self, [x, y, width, height]: [f64; 4], fill: &str) {
        self.add(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}"/>"#
        ));
    }

    /// A line from point to point.
    pub(crate) fn line(&mut self, points: impl IntoIterator<Item = (f64, f64)>, stroke: &str, width: f64) {
        let mut path = String::new();
        for (x, y) in points {
            // Writing to a string can't fail.
            let _ = write!(path, "{x:.1},{y:.1} ");
        }
        let path = path.trim_end();
        self.add(format_args!(
            r#"<polyline points="{path}" fill="none" stroke="{stroke}" stroke-width="{width}" stroke-linejoin="round"/>"#
        ));
    }

    /// A text without any of XML's own characters.
    pub(crate) fn text(&mut self, (x, y): (f64, f64), anchor: Anchor, text: &str) {
        let anchor = anchor.name();
        self.add(format_args!(r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}">{text}</text>"#));
    }

    /// A text that stands out.
    pub(crate) fn title(&mut self, (x, y): (f64, f64), text: &str) {
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" font-weight="bold" font-size="13">{text}</text>"#
        ));
    }

    /// The whole document.
    pub(crate) fn finish(mut self) -> String {
        self.0.push_str("</svg>");
        self.0
    }

    fn add(&mut self, element: fmt::Arguments<'_>) {
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "{element}");
    }
}
