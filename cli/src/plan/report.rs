//! The plan, for people and for scripts.

use std::fmt::Write;

use serde_json::json;
use usher_service::Failure;

use super::{
    PlanArgs,
    demand::Demand,
    limits::{Limit, Limits, Rate},
};

/// How many sign-ups a consumer works on at once (CONCURRENCY).
const AT_ONCE: f64 = 16.0;
/// How large a message is with all that it carries, in bytes, roughly: an event is a page of text.
const MESSAGE: f64 = 2_048.0;
/// The size of the topic that the deployment makes, in bytes, and how much of it may be full before an alert.
const TOPIC: f64 = 5.0 * 1024.0 * 1024.0 * 1024.0;
const ALERT: f64 = 0.8;

/// The whole plan.
pub(super) struct Report<'a> {
    pub(super) limits: Limits,
    pub(super) demand: Demand,
    pub(super) args: &'a PlanArgs,
}

impl Report<'_> {
    pub(super) fn as_text(&self) -> String {
        let mut text = self.head();
        for limit in &self.limits.0 {
            text += &row(limit);
        }
        text += &self.tail();
        text
    }

    pub(super) fn as_json(&self) -> String {
        let a_day = self.args.signups_per_day.get();
        let plan = json!({
            "signups_per_day": a_day,
            "signups_per_second": Rate::of(self.args),
            "calls_per_signup": self.demand.consumers,
            "credits_per_signup": self.demand.credits(),
            "limits": self.limits.0,
            "hit_first": self.limits.first().name,
            "at_once_seconds": self.limits.at_once(a_day as f64),
            "replicas": self.replicas().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        });
        format!("{plan}\n")
    }

    /// # Errors
    /// [`Failure::Negative`] if a limit does not hold.
    pub(super) fn verdict(&self) -> Result<(), Failure> {
        let first = self.limits.first();
        if first.holds() {
            return Ok(());
        }
        Err(Failure::Negative(format!(
            "{} does not hold: it is enough for {} sign-ups a day",
            first.name,
            count(first.enough_for)
        )))
    }

    fn head(&self) -> String {
        let rate = Rate::of(self.args);
        format!(
            "{} sign-ups a day, {} % of them in the busiest hour: {} a second then.\n\n\
             {:<22} {:>7} {:<9} {:>9} {:>9}  {:>16}\n",
            count(self.args.signups_per_day.get() as f64),
            self.args.busiest_hour,
            short(rate.busiest_hour),
            "limit",
            "takes",
            "a sign-up",
            "a second",
            "used",
            "enough for a day",
        )
    }

    fn tail(&self) -> String {
        let first = self.limits.first();
        let mut text = format!("\nHit first: {}, at {} sign-ups a day.", first.name, count(first.enough_for));
        // Writing to a string can't fail.
        let _ = writeln!(text, " Then: {}.", first.remedy);
        for limit in self.limits.0.iter().skip(1).filter(|limit| !limit.holds()) {
            let _ = writeln!(text, "Nor does {} hold. {}: {}.", limit.name, late(limit), limit.remedy);
        }
        let _ = writeln!(text, "\n{}", self.replicas_in_words());
        let _ = writeln!(text, "{}", self.bus_in_words());
        text
    }

    /// How many of each consumer keep up with the busiest hour, as far as its vendor lets them.
    fn replicas(&self) -> Vec<(&'static str, f64)> {
        let rate = Rate::of(self.args).busiest_hour;
        let needed = |in_a_row: f64| (rate * in_a_row * self.args.call_takes / AT_ONCE).ceil().max(1.0);
        self.demand.consumers.iter().map(|calls| (calls.consumer, needed(calls.in_a_row()))).collect()
    }

    fn replicas_in_words(&self) -> String {
        let replicas = self.replicas();
        if replicas.iter().all(|(_, needed)| *needed == 1.0) {
            return format!(
                "Replicas: one of each keeps up ({AT_ONCE} sign-ups at once, {} s a call).",
                self.args.call_takes
            );
        }
        let more = replicas.iter().map(|(consumer, needed)| format!("{consumer} {needed}"));
        format!(
            "Replicas to keep up ({AT_ONCE} sign-ups at once, {} s a call), quotas shared out among them: {}.",
            self.args.call_takes,
            more.collect::<Vec<_>>().join(", ")
        )
    }

    fn bus_in_words(&self) -> String {
        let a_day = self.args.signups_per_day.get() as f64;
        let (credits, away) = (self.demand.credits() * a_day, ALERT * TOPIC / (MESSAGE * a_day));
        let at_once = self.limits.at_once(a_day);
        format!(
            "Service Bus: {} operations a day; a topic of 5 GB is 80 % full after one consumer was away for {}.\n\
             All of a day's sign-ups at once are worked off within {}.",
            count(credits),
            time(away * 86_400.0),
            time(at_once)
        )
    }
}

fn row(limit: &Limit) -> String {
    let enough = count(limit.enough_for);
    format!(
        "{:<22} {:>7} {:<9} {:>9} {:>9}  {enough:>16}\n",
        limit.name,
        short(limit.each),
        limit.unit,
        short(limit.capacity),
        share(limit.used),
    )
}

/// What becomes of a limit that does not hold: nothing is lost, it is late.
fn late(limit: &Limit) -> String {
    if limit.used_over_the_day > 1.0 {
        return "It is later from day to day".to_owned();
    }
    format!("The last of a busiest hour wait for {}", time(3600.0 * (limit.used - 1.0)))
}

fn share(used: f64) -> String {
    let percent = 100.0 * used;
    if percent < 1.0 { "<1 %".to_owned() } else { format!("{} %", count(percent)) }
}

/// Three digits are as exact as any of it.
fn short(number: f64) -> String {
    match number {
        ..0.01 => format!("{number:.4}"),
        ..1.0 => format!("{number:.2}"),
        ..100.0 if number.fract() != 0.0 => format!("{number:.1}"),
        _ => count(number),
    }
}

/// A whole number of three digits' exactness, with commas.
fn count(number: f64) -> String {
    let scale = 10_f64.powf((number.max(1.0).log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (number / scale).round() * scale);
    let mut text = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn time(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{} s", count(seconds.ceil())),
        ..7_200.0 => format!("{} min", count(seconds / 60.0)),
        ..172_800.0 => format!("{} h", count(seconds / 3_600.0)),
        _ => format!("{} days", count(seconds / 86_400.0)),
    }
}
