//! A panel: two axes, and what is drawn between them.

use crate::svg::{Anchor, Svg};

const GRID: &str = "#e4e4e4";
const AXIS: &str = "#888";
/// How far labels are from their axis.
const GAP: f64 = 5.0;
const TEXT_HEIGHT: f64 = 11.0;

/// Where a panel is on the sheet, and what its axes show.
#[derive(Clone, Copy)]
pub(crate) struct Panel {
    /// Left, top, width and height of the space between the axes.
    pub(crate) frame: [f64; 4],
    /// From where to where the horizontal axis goes.
    pub(crate) x: [f64; 2],
    /// Where the vertical axis ends; it begins at 0.
    pub(crate) top: f64,
}

impl Panel {
    /// The point on the sheet.
    pub(crate) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let [left, top, width, height] = self.frame;
        let [from, to] = self.x;
        (left + width * (x - from) / (to - from), top + height * (1.0 - y / self.top))
    }

    /// A rectangle that stands on the horizontal axis or on another one.
    pub(crate) fn bar(&self, svg: &mut Svg, [from, to]: [f64; 2], [low, high]: [f64; 2], fill: &str) {
        let ((left, bottom), (right, top)) = (self.at(from, low), self.at(to, high));
        svg.rect([left, top, right - left, bottom - top], fill);
    }

    /// The axes, each with a label at every so many.
    pub(crate) fn axes(&self, svg: &mut Svg, [x_step, y_step]: [f64; 2], x_label: impl Fn(f64) -> String) {
        let [from, to] = self.x;
        for y in steps(0.0, self.top, y_step) {
            let (left, height) = self.at(from, y);
            svg.line([(left, height), self.at(to, y)], if y == 0.0 { AXIS } else { GRID }, 1.0);
            svg.text((left - GAP, height + TEXT_HEIGHT / 3.0), Anchor::End, &y.to_string());
        }
        for x in steps(from, to, x_step) {
            let (left, bottom) = self.at(x, 0.0);
            svg.line([(left, bottom), (left, bottom + GAP)], AXIS, 1.0);
            svg.text((left, bottom + GAP + TEXT_HEIGHT), Anchor::Middle, &x_label(x));
        }
    }
}

fn steps(from: f64, to: f64, step: f64) -> impl Iterator<Item = f64> {
    (0..).map(move |n| from + step * f64::from(n)).take_while(move |x| *x <= to)
}
