//! `usher plan`: what so many sign-ups a day ask of every system, and which limit is hit first.
//!
//! Reckoned, not measured: what one sign-up asks stands in `demand.rs`, what each system gives in `limits.rs` with its
//! source. A test plays simulated sign-ups and holds the first to what was really called. Nothing is asked of anybody.

mod demand;
mod limits;
mod report;

use std::{
    io::{Write, stdout},
    num::{NonZeroU32, NonZeroU64},
};

use clap::{Args, ValueEnum};
use usher_service::Failure;

use self::{demand::Demand, limits::Limits, report::Report};
use crate::consumers::Consumer;

/// Arguments of `usher plan`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlanArgs {
    /// How many people sign up in a day
    #[arg(long, value_name = "N")]
    signups_per_day: NonZeroU64,
    /// How much of a day falls into its busiest hour, in percent (4.2: an even day; a campaign: 50 and more)
    #[arg(long, default_value = "15", value_name = "PERCENT", value_parser = percent)]
    busiest_hour: f64,
    /// The consumers that run, with commas; all unless said
    #[arg(long, value_name = "CONSUMER,..", value_delimiter = ',')]
    consumers: Vec<Consumer>,
    /// Whether birthrights, billing and upn each have an app registration, and so a quota of Graph's, of their own
    #[arg(long, value_enum, default_value_t = Apps::Own)]
    apps: Apps,
    /// How many groups and app roles a sign-up gets
    #[arg(long, default_value = "3", value_name = "N", value_parser = amount)]
    birthrights: f64,
    /// What kind of key billing has
    #[arg(long, value_enum, default_value_t = Mode::Live)]
    stripe_mode: Mode,
    /// How many calls a day Salesforce takes from the whole org (Enterprise: 100,000 and more by licences)
    #[arg(long, default_value = "100000", value_name = "N")]
    salesforce_calls_per_day: NonZeroU32,
    /// How long a call to a vendor takes, in seconds
    #[arg(long, default_value = "0.3", value_name = "SECONDS", value_parser = amount)]
    call_takes: f64,
    /// How often the producer asks the log, in seconds (POLL_INTERVAL)
    #[arg(long, default_value = "30", value_name = "SECONDS", value_parser = amount)]
    poll_interval: f64,
    /// How far each poll looks back, in minutes (OVERLAP)
    #[arg(long, default_value = "60", value_name = "MINUTES", value_parser = amount)]
    overlap: f64,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  usher plan --signups-per-day 10000
  usher plan --signups-per-day 10000000 --overlap 15
  usher plan --signups-per-day 50000 --busiest-hour 60       a campaign
  usher plan --signups-per-day 3000 --consumers billing,email --stripe-mode test

Exit codes: 0 every limit holds; 1 one does not, and the plan says which first.";

/// App registrations in the customers' tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Apps {
    /// One for each
    Own,
    /// One for all three
    Shared,
}

/// The mode of a Stripe key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Real money
    Live,
    /// Stripe's test mode, which takes a quarter of the calls
    Test,
}

/// Prints the plan.
///
/// # Errors
/// [`Failure::Negative`] if a limit does not hold.
pub(crate) fn run(mut args: PlanArgs) -> Result<(), Failure> {
    if args.consumers.is_empty() {
        args.consumers = Consumer::all();
    }
    let demand = Demand::of(&args);
    let report = Report { limits: Limits::of(&args, &demand), demand, args: &args };
    let text = if args.json { report.as_json() } else { report.as_text() };
    // A reader that has gone away has seen enough.
    let _ = stdout().write_all(text.as_bytes());
    report.verdict()
}

fn percent(text: &str) -> Result<f64, &'static str> {
    amount(text)
        .ok()
        .filter(|percent| (4.1..=100.0).contains(percent))
        .ok_or("must be from 4.2 to 100 percent")
}

fn amount(text: &str) -> Result<f64, &'static str> {
    let amount = text.parse::<f64>().ok().filter(|amount| (0.001..=1e6).contains(amount));
    amount.ok_or("must be a number above 0")
}

#[cfg(test)]
mod tests;
