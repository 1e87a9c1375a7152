//! What one seed means: who signs up, what fails, who dies.

use std::{collections::BTreeMap, time::Duration};

use usher_billing::Existing;
use usher_sandbox::{Judged, SandboxSettings, StripePolicy, Vendor};

/// Everything that a seed decides, drawn once and printed with a failure.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The seed itself.
    pub seed: u64,
    /// How many people sign up and stay.
    pub sign_ups: usize,
    /// Over how long.
    pub over: Duration,
    /// How many are deleted again within minutes.
    pub short_lived: usize,
    /// Whether one of them has an address that Stripe refuses.
    pub refused_email: bool,
    /// How many of them have an address that Mailchimp refuses.
    pub refused_by_mailchimp: usize,
    /// How many of them are on the Mailchimp list already, and have left it.
    pub unsubscribed: usize,
    /// How many leave the list soon after they were welcomed.
    pub leavers: usize,
    /// How many of them Salesforce refuses, or has twice.
    pub refused_by_salesforce: usize,
    /// The share of them who are Stripe customers already, by their address.
    pub existing_customers: f64,
    /// What billing makes of those.
    pub stripe_existing: Existing,
    /// Whether the customer's id goes into an open extension as well.
    pub open_extension: bool,
    /// How many more sign up at the same moment, all with one name.
    pub namesakes: usize,
    /// How many more have names that some program will stumble over.
    pub hostile_names: usize,
    /// How many more have a user principal name that somebody chose for them.
    pub chosen_names: usize,
    /// Whether billing, birthrights and upn share one app registration, and with it one quota.
    pub one_app: bool,
    /// Whether the Stripe account is live: it takes four times as many calls a second as one in test mode.
    pub stripe_is_live: bool,
    /// For how long a new user can't be read, at most.
    pub replication_lag: Duration,
    /// For how long after a write some replicas show a user as it was before, at most.
    pub read_lag: Duration,
    /// For how long a write to a user makes another's write to the same user fail, at most.
    pub write_moment: Duration,
    /// The share of audit entries that come up to [`Options::LATEST`] late.
    pub stragglers: f64,
    /// How likely each call over HTTP fails, in one of the ways that vendors fail.
    pub http_faults: f64,
    /// How likely each call over HTTP arrives only when its sender has given up on it, and perhaps tried again.
    pub late_calls: f64,
    /// How likely each call over the bus fails.
    pub bus_faults: f64,
    /// For how long anything fails.
    pub faults_for: Duration,
    /// After how many steps the producer dies, life by life; then it lives on.
    pub producer_deaths: Vec<u32>,
    /// The same for each process of each consumer.
    pub consumer_deaths: BTreeMap<Judged, Vec<Vec<u32>>>,
    /// A vendor that can't be reached for an hour, and from when.
    pub outage: Option<(Vendor, Duration)>,
}

impl Options {
    /// The latest that an audit entry shows.
    pub const LATEST: Duration = Duration::from_secs(45 * 60);
    /// How long an outage lasts.
    pub const OUTAGE: Duration = Duration::from_secs(3600);

    /// The options of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let rng = &mut rng;
        // What came later has chances of its own, so that a seed's other chances stay as they were.
        let mut later = fastrand::Rng::with_seed(!seed);
        let later = &mut later;
        Self {
            seed,
            sign_ups: rng.usize(1..=8),
            over: minutes(rng, 30),
            short_lived: rng.usize(0..=1),
            refused_email: rng.bool(),
            refused_by_mailchimp: rng.usize(0..=1),
            unsubscribed: rng.usize(0..=1),
            leavers: rng.usize(0..=1),
            refused_by_salesforce: later.usize(0..=2),
            existing_customers: pick(later, [0.0, 0.3, 0.6]),
            stripe_existing: pick(later, [Existing::Create, Existing::Link, Existing::Reject]),
            open_extension: later.bool(),
            namesakes: pick(rng, [0, 2, 4, 8]),
            hostile_names: rng.usize(0..=2),
            chosen_names: rng.usize(0..=1),
            one_app: rng.bool(),
            stripe_is_live: rng.bool(),
            replication_lag: seconds(rng, [0, 20, 600]),
            read_lag: seconds(rng, [0, 5, 60]),
            write_moment: pick(rng, [Duration::ZERO, Duration::from_millis(100), Duration::from_secs(2)]),
            stragglers: pick(rng, [0.0, 0.05, 0.5]),
            http_faults: pick(rng, [0.0, 0.02, 0.1, 0.3]),
            late_calls: pick(rng, [0.0, 0.02, 0.1]),
            bus_faults: pick(rng, [0.0, 0.02, 0.1]),
            faults_for: minutes(rng, 90),
            producer_deaths: deaths(rng),
            consumer_deaths: Judged::ALL
                .map(|consumer| {
                    let chance = if FIRST.contains(&consumer) { &mut *rng } else { &mut *later };
                    (consumer, processes(chance))
                })
                .into(),
            outage: (rng.u8(..) < 64).then(|| (pick(rng, Vendor::ALL), minutes(rng, 30))),
        }
    }

    /// A quiet day: nobody dies, nothing fails, nothing is late, and everybody is as people mostly are.
    pub fn quiet(seed: u64, sign_ups: usize) -> Self {
        Self {
            seed,
            sign_ups,
            over: Duration::from_secs(600),
            short_lived: 0,
            refused_email: false,
            refused_by_mailchimp: 0,
            unsubscribed: 0,
            leavers: 0,
            refused_by_salesforce: 0,
            existing_customers: 0.0,
            stripe_existing: Existing::Create,
            open_extension: false,
            namesakes: 0,
            hostile_names: 0,
            chosen_names: 0,
            one_app: false,
            stripe_is_live: true,
            replication_lag: Duration::from_secs(20),
            read_lag: Duration::from_secs(5),
            write_moment: Duration::from_millis(100),
            stragglers: 0.0,
            http_faults: 0.0,
            late_calls: 0.0,
            bus_faults: 0.0,
            faults_for: Duration::ZERO,
            producer_deaths: vec![],
            consumer_deaths: Judged::ALL.map(|consumer| (consumer, vec![vec![]])).into(),
            outage: None,
        }
    }

    /// The stand-ins as these options have them.
    pub(super) fn sandbox(&self) -> SandboxSettings {
        let mut settings = SandboxSettings {
            seed: self.seed,
            consumers: Judged::ALL.into(),
            replication_lag: Duration::ZERO..=self.replication_lag,
            read_lag: Duration::ZERO..=self.read_lag,
            write_moment: self.write_moment,
            ..SandboxSettings::default()
        };
        settings.audit.latency.stragglers = self.stragglers;
        settings.audit.latency.straggler_max = Self::LATEST;
        settings.stripe.keys = vec![self.stripe_key().into()];
        settings.stripe.per_second = if self.stripe_is_live { 100 } else { 25 };
        settings.stripe.existing = self.existing_customers;
        settings.stripe.policy = match self.stripe_existing {
            Existing::Create => StripePolicy::Create,
            Existing::Link => StripePolicy::Link,
            Existing::Reject => StripePolicy::Reject,
        };
        settings.stripe.open_extension = self.open_extension().map(str::to_owned);
        settings
    }

    /// The open extension that receives the customer's id.
    pub(super) fn open_extension(&self) -> Option<&'static str> {
        self.open_extension.then_some("com.example.usher")
    }

    /// The key of the Stripe account, which says whether it is live.
    pub(super) fn stripe_key(&self) -> &'static str {
        if self.stripe_is_live { "sk_live_simulation" } else { "sk_test_simulation" }
    }
}

/// Those whose deaths a seed has always drawn.
const FIRST: [Judged; 4] = [Judged::Billing, Judged::Email, Judged::Birthrights, Judged::Upn];

fn pick<T: Copy, const N: usize>(rng: &mut fastrand::Rng, of: [T; N]) -> T {
    of[rng.usize(..N)]
}

fn seconds<const N: usize>(rng: &mut fastrand::Rng, of: [u64; N]) -> Duration {
    Duration::from_secs(pick(rng, of))
}

fn minutes(rng: &mut fastrand::Rng, most: u64) -> Duration {
    Duration::from_secs(60 * rng.u64(0..=most))
}

/// One process or two, each with its deaths.
fn processes(rng: &mut fastrand::Rng) -> Vec<Vec<u32>> {
    (0..rng.usize(1..=2)).map(|_| deaths(rng)).collect()
}

/// Early deaths more often than late ones: it is at the start that a process has most to do.
fn deaths(rng: &mut fastrand::Rng) -> Vec<u32> {
    (0..rng.usize(0..=4)).map(|_| rng.u32(1..=40) * rng.u32(1..=4)).collect()
}
