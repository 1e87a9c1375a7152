//! What each system takes, and how much of it so many sign-ups use.

use serde::Serialize;

use super::{Apps, Mode, PlanArgs, demand::Demand};

const SECONDS_A_DAY: f64 = 86_400.0;
/// What Graph puts on a page of the audit log at most.
const ENTRIES_A_PAGE: f64 = 999.0;
/// Requests to the audit log that Graph takes, per second: 5 in 10 seconds, from one app of a tenant.
/// <https://learn.microsoft.com/graph/throttling-limits#identity-and-access-reports-service-limits>
const LOG_REQUESTS: f64 = 0.5;
/// How much of the log a sweep looks at once a day, in days (SWEEP_BACK), and in how much time (SWEEP_EVERY).
const SWEEP_BACK: f64 = 6.0;
/// Writes a second that Usher sends with one app registration, of the 20 that a tenant takes from it, and what the three
/// take of it that share one.
const WRITES_ALONE: f64 = 18.0;
const WRITES_SHARED: f64 = 6.0;
/// Writes a second that a tenant takes from all apps: 18,000 in 5 minutes.
/// <https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits>
const WRITES_OF_A_TENANT: f64 = 60.0;
/// Calls a second that billing makes: of the 100 (test mode: 25) that Stripe takes. <https://docs.stripe.com/rate-limits>
const STRIPE_LIVE: f64 = 80.0;
const STRIPE_TEST: f64 = 20.0;
/// Calls at once that Mailchimp takes, less the one kept for the probe.
/// <https://mailchimp.com/developer/marketing/docs/fundamentals/#throttling>
const MAILCHIMP_CONNECTIONS: f64 = 9.0;
/// SALESFORCE_CALLS_PER_SECOND, and what SALESFORCE_LIMIT_RESERVE leaves of a day's calls.
const SALESFORCE_A_SECOND: f64 = 10.0;
const SALESFORCE_SHARE: f64 = 0.95;
/// WEBHOOK_CALLS_PER_SECOND.
const WEBHOOK_A_SECOND: f64 = 50.0;
/// Credits a second of a namespace in the Standard tier.
/// <https://learn.microsoft.com/azure/service-bus-messaging/service-bus-throttling>
const CREDITS: f64 = 1_000.0;

/// Over what time a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Over {
    /// At any moment: the busiest hour counts.
    Hour,
    /// Only a whole day counts.
    Day,
}

/// A limit of one system.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Limit {
    pub(super) name: &'static str,
    /// What is counted.
    pub(super) unit: &'static str,
    pub(super) over: Over,
    /// How many of them one sign-up takes.
    pub(super) each: f64,
    /// How many a second are taken whether or not anybody signs up.
    pub(super) base: f64,
    /// How many a second there are.
    pub(super) capacity: f64,
    /// Which part of the capacity is used; above 1 it does not hold.
    pub(super) used: f64,
    /// The same over the whole day: above 1 it never catches up.
    pub(super) used_over_the_day: f64,
    /// The most sign-ups a day for which it holds.
    pub(super) enough_for: f64,
    /// What to do about it.
    #[serde(skip)]
    pub(super) remedy: &'static str,
}

/// All limits, the one that is used most first.
#[derive(Debug)]
pub(super) struct Limits(pub(super) Vec<Limit>);

/// How many sign up in a second, in the busiest hour and over the day.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Rate {
    pub(super) busiest_hour: f64,
    pub(super) whole_day: f64,
}

impl Rate {
    pub(super) fn of(args: &PlanArgs) -> Self {
        let a_day = args.signups_per_day.get() as f64;
        Self { busiest_hour: a_day * args.busiest_hour / 100.0 / 3600.0, whole_day: a_day / SECONDS_A_DAY }
    }

    fn over(self, time: Over) -> f64 {
        match time {
            Over::Hour => self.busiest_hour,
            Over::Day => self.whole_day,
        }
    }
}

impl Limits {
    pub(super) fn of(args: &PlanArgs, demand: &Demand) -> Self {
        let rate = Rate::of(args);
        let limits =
            [audit_log(args), vec![credits(demand)], graph(args, demand), vendors(args, demand)].concat();
        let used = limits.into_iter().filter(|limit| limit.each > 0.0);
        let mut limits: Vec<_> =
            used.map(|limit| limit.at(rate, args.signups_per_day.get() as f64)).collect();
        limits.sort_by(|a, b| a.enough_for.total_cmp(&b.enough_for));
        Self(limits)
    }

    /// The one that is hit first as sign-ups grow.
    pub(super) fn first(&self) -> &Limit {
        // The audit log and Service Bus are always among them.
        &self.0[0]
    }

    /// How long all of a day's sign-ups take that come at once, in seconds: the slowest consumer's quota decides.
    pub(super) fn at_once(&self, sign_ups: f64) -> f64 {
        let paced = self.0.iter().filter(|limit| limit.is_paced());
        paced.map(|limit| sign_ups * limit.each / limit.capacity).fold(0.0, f64::max)
    }
}

impl Limit {
    fn new(name: &'static str, unit: &'static str, each: f64, capacity: f64, remedy: &'static str) -> Self {
        let (over, base, used, used_over_the_day, enough_for) = (Over::Hour, 0.0, 0.0, 0.0, 0.0);
        Self { name, unit, over, each, base, capacity, used, used_over_the_day, enough_for, remedy }
    }

    fn over_a_day(self) -> Self {
        Self { over: Over::Day, ..self }
    }

    fn with_base(self, base: f64) -> Self {
        Self { base, ..self }
    }

    /// How much of it `rate` uses, which is that of so many a day.
    fn at(self, rate: Rate, a_day: f64) -> Self {
        let used = |rate: f64| (self.base + self.each * rate) / self.capacity;
        let (counts, over_the_day) = (rate.over(self.over), rate.whole_day);
        let most = ((self.capacity - self.base) / self.each).max(0.0);
        Self {
            used: used(counts),
            used_over_the_day: used(over_the_day),
            enough_for: most * a_day / counts,
            ..self
        }
    }

    pub(super) fn holds(&self) -> bool {
        self.used <= 1.0
    }

    /// Whether consumers wait for it, message by message.
    fn is_paced(&self) -> bool {
        self.over == Over::Hour && self.base == 0.0 && self.name != BUS
    }
}

const BUS: &str = "Service Bus Standard";

/// Each poll reads the whole overlap anew, its last page not full, and a sweep asks for one page between two polls.
fn audit_log(args: &PlanArgs) -> Vec<Limit> {
    let a_poll = 60.0 * args.overlap / ENTRIES_A_PAGE;
    let polls = Limit::new(
        "audit log, polls",
        "requests",
        a_poll / args.poll_interval,
        LOG_REQUESTS,
        "a smaller OVERLAP (the daily sweep finds who is later), or a longer POLL_INTERVAL",
    );
    let sweeps = Limit::new(
        "audit log, sweep",
        "pages",
        SWEEP_BACK / ENTRIES_A_PAGE,
        1.0 / args.poll_interval,
        "a smaller SWEEP_BACK, or a shorter POLL_INTERVAL",
    );
    vec![polls.with_base(2.0 / args.poll_interval), sweeps.over_a_day()]
}

fn credits(demand: &Demand) -> Limit {
    Limit::new(BUS, "credits", demand.credits(), CREDITS, "the Premium tier, which has none")
}

fn graph(args: &PlanArgs, demand: &Demand) -> Vec<Limit> {
    let (capacity, remedy) = match args.apps {
        Apps::Own => {
            (WRITES_ALONE, "nothing of ours: Graph takes 20 writes a second from one app registration")
        }
        Apps::Shared => {
            (WRITES_SHARED, "an app registration for each, and GRAPH_WRITES_PER_SECOND 18 with it")
        }
    };
    let writes = |name| demand.of_consumer(name).graph_writes;
    let all = demand.consumers.iter().map(|calls| calls.graph_writes).sum();
    vec![
        Limit::new("Graph, birthrights", "writes", writes("birthrights"), capacity, remedy),
        Limit::new("Graph, billing", "writes", writes("billing"), capacity, remedy),
        Limit::new("Graph, upn", "writes", writes("upn"), capacity, remedy),
        Limit::new(
            "Graph, whole tenant",
            "writes",
            all,
            WRITES_OF_A_TENANT,
            "fewer groups and app roles a sign-up",
        ),
    ]
}

fn vendors(args: &PlanArgs, demand: &Demand) -> Vec<Limit> {
    let calls = |name| demand.of_consumer(name).vendor;
    let stripe = match args.stripe_mode {
        Mode::Live => STRIPE_LIVE,
        Mode::Test => STRIPE_TEST,
    };
    let salesforce_a_day = f64::from(args.salesforce_calls_per_day.get()) * SALESFORCE_SHARE;
    vec![
        Limit::new(
            "Stripe",
            "calls",
            calls("billing"),
            stripe,
            "STRIPE_ACCOUNTS, or more from Stripe on request",
        ),
        Limit::new(
            "Mailchimp",
            "calls",
            calls("email"),
            MAILCHIMP_CONNECTIONS / args.call_takes,
            "nothing of ours: an account has ten connections",
        ),
        Limit::new(
            "Salesforce, at once",
            "calls",
            calls("crm"),
            SALESFORCE_A_SECOND,
            "a larger SALESFORCE_CALLS_PER_SECOND: the org takes 25 long calls at once",
        ),
        Limit::new(
            "Salesforce, a day",
            "calls",
            calls("crm"),
            salesforce_a_day / SECONDS_A_DAY,
            "more of the org's daily calls, which are bought by licences",
        )
        .over_a_day(),
        Limit::new(
            "webhook",
            "posts",
            calls("webhook"),
            WEBHOOK_A_SECOND,
            "a larger WEBHOOK_CALLS_PER_SECOND",
        ),
    ]
}
