//! The plot: for each vendor how far everybody falls behind in an hour without it, and how much it gets to do in the
//! two minutes around its return.

use usher_sandbox::{Judged, Vendor};
use usher_tests::simulation::Hour;

use crate::{
    panel::Panel,
    svg::{Anchor, Svg},
};

const WIDTH: f64 = 990.0;
/// The space between the axes of one panel, where the first begins, and from one to the next.
const PANEL: [f64; 2] = [270.0, 160.0];
const LEFT: f64 = 45.0;
const COLUMN: f64 = 320.0;
const ROWS: [f64; 2] = [95.0, 335.0];
/// How many vendors stand side by side, and from these to those below.
const COLUMNS: usize = 3;
const BAND: f64 = 490.0;
/// What is left below the last.
const BELOW: f64 = 50.0;
/// What is shown around the return, in seconds.
const AROUND: [f64; 2] = [-30.0, 90.0];
/// Into how many steps the vertical axes are divided, and what their ends are multiples of, so that each step is even.
const Y_STEPS: f64 = 5.0;
const Y_UNIT: u64 = 50;
const OUTAGE: &str = "#f3ece0";

/// Who calls, and the colour of that.
const CALLERS: [(&str, &str); 8] = [
    ("producer", "#999999"),
    ("billing", "#6a4fb3"),
    ("email", "#d1752c"),
    ("birthrights", "#2f8f5b"),
    ("upn", "#2b78c2"),
    ("crm", "#b23a5e"),
    ("sql", "#7a8b2a"),
    ("webhook", "#1b9aaa"),
];

/// Draws it.
pub(crate) fn draw(hours: &[Hour], sign_ups_an_hour: usize) -> String {
    let bands = hours.len().div_ceil(COLUMNS);
    let mut svg = Svg::new(WIDTH, ROWS[0] + BAND * bands as f64 - BELOW);
    svg.title((LEFT, 24.0), &format!("An hour without a vendor, at {sign_ups_an_hour} sign-ups an hour"));
    legend(&mut svg);
    for (n, hour) in hours.iter().enumerate() {
        let corner = (LEFT + COLUMN * (n % COLUMNS) as f64, BAND * (n / COLUMNS) as f64);
        behind(&mut svg, corner, hour, most_behind(hours));
        calls(&mut svg, corner, hour, most_calls(hours));
    }
    svg.finish()
}

fn legend(svg: &mut Svg) {
    for (n, (name, colour)) in CALLERS.iter().enumerate() {
        let left = LEFT + 85.0 * n as f64;
        svg.rect([left, 40.0, 10.0, 10.0], colour);
        svg.text((left + 14.0, 49.0), Anchor::Start, name);
    }
}

/// A round number over all of these, so that the panels of a row have one measure.
fn round_up(most: u64) -> f64 {
    (most.div_ceil(Y_UNIT) * Y_UNIT) as f64
}

fn most_behind(hours: &[Hour]) -> f64 {
    let all = hours.iter().flat_map(|hour| &hour.samples).flat_map(|sample| sample.behind.values());
    round_up(all.max().copied().unwrap_or_default() as u64)
}

fn most_calls(hours: &[Hour]) -> f64 {
    let seconds = AROUND[0] as i64..AROUND[1] as i64;
    let all = hours.iter().flat_map(|hour| seconds.clone().map(|second| calls_in(hour, second)));
    round_up(all.map(|by| by.iter().sum()).max().unwrap_or_default())
}

/// How many calls each of [`CALLERS`] makes to the vendor in a second, counted from its return.
fn calls_in(hour: &Hour, second: i64) -> [u64; CALLERS.len()] {
    let second = Hour::UNTIL.as_secs().saturating_add_signed(second);
    CALLERS.map(|(who, _)| {
        hour.traffic.by_second(who, hour.vendor).get(&second).map(|calls| calls.made).unwrap_or_default()
    })
}

fn behind(svg: &mut Svg, (left, down): (f64, f64), hour: &Hour, top: f64) {
    let minutes = |time: std::time::Duration| time.as_secs_f64() / 60.0;
    let x = [0.0, minutes(Hour::END)];
    let panel = Panel { frame: [left, down + ROWS[0], PANEL[0], PANEL[1]], x, top };
    svg.title((left, down + ROWS[0] - 12.0), &format!("{} is down: sign-ups not done", name(hour.vendor)));
    panel.bar(svg, [minutes(Hour::FROM), minutes(Hour::UNTIL)], [0.0, top], OUTAGE);
    panel.axes(svg, [30.0, top / Y_STEPS], |x| format!("{x} min"));
    for consumer in Judged::ALL {
        let points =
            hour.samples.iter().map(|sample| panel.at(minutes(sample.at), sample.behind[&consumer] as f64));
        svg.line(points, colour(consumer.name()), 1.6);
    }
}

fn calls(svg: &mut Svg, (left, down): (f64, f64), hour: &Hour, top: f64) {
    let panel = Panel { frame: [left, down + ROWS[1], PANEL[0], PANEL[1]], x: AROUND, top };
    svg.title((left, down + ROWS[1] - 12.0), &format!("{} is back: calls a second", name(hour.vendor)));
    panel.bar(svg, [AROUND[0], 0.0], [0.0, top], OUTAGE);
    panel.axes(svg, [30.0, top / Y_STEPS], |x| format!("{x} s"));
    for second in AROUND[0] as i64..AROUND[1] as i64 {
        let mut low = 0.0;
        for (made, (_, colour)) in calls_in(hour, second).into_iter().zip(CALLERS) {
            let high = low + made as f64;
            if made > 0 {
                panel.bar(svg, [second as f64, second as f64 + 1.0], [low, high], colour);
            }
            low = high;
        }
    }
    let caught_up = hour.caught_up_after.as_secs_f64();
    let (x, y) = panel.at(caught_up.min(AROUND[1]), top);
    svg.line([(x, y), panel.at(caught_up, 0.0)], "#333", 1.0);
    svg.text((x + 4.0, y + 10.0), Anchor::Start, &format!("caught up: {caught_up} s"));
}

fn colour(name: &str) -> &'static str {
    CALLERS.iter().find(|(who, _)| *who == name).map_or("#333", |(_, colour)| colour)
}

fn name(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Login => "Entra's tokens",
        Vendor::Graph => "Graph",
        Vendor::Stripe => "Stripe",
        Vendor::Mailchimp => "Mailchimp",
        Vendor::Salesforce => "Salesforce",
        Vendor::Database => "The database",
        Vendor::Webhook => "The webhook",
    }
}
