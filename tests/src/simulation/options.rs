//! What one seed means: who signs up, what fails, who dies.

use std::time::Duration;

use usher_sandbox::Vendor;

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
    /// The share of audit entries that come up to [`Options::LATEST`] late.
    pub stragglers: f64,
    /// How likely each call over HTTP fails, in one of the ways that vendors fail.
    pub http_faults: f64,
    /// How likely each call over the bus fails.
    pub bus_faults: f64,
    /// For how long anything fails.
    pub faults_for: Duration,
    /// After how many steps the producer dies, life by life; then it lives on.
    pub producer_deaths: Vec<u32>,
    /// The same for each of the consumer's processes.
    pub consumer_deaths: Vec<Vec<u32>>,
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
        let minutes = |rng: &mut fastrand::Rng, most| Duration::from_secs(60 * rng.u64(0..=most));
        let consumers = rng.usize(1..=2);
        Self {
            seed,
            sign_ups: rng.usize(1..=8),
            over: minutes(&mut rng, 30),
            short_lived: rng.usize(0..=1),
            refused_email: rng.bool(),
            stragglers: pick(&mut rng, [0.0, 0.05, 0.5]),
            http_faults: pick(&mut rng, [0.0, 0.02, 0.1, 0.3]),
            bus_faults: pick(&mut rng, [0.0, 0.02, 0.1]),
            faults_for: minutes(&mut rng, 180),
            producer_deaths: deaths(&mut rng),
            consumer_deaths: (0..consumers).map(|_| deaths(&mut rng)).collect(),
            outage: (rng.u8(..) < 64).then(|| {
                let vendor = pick(&mut rng, [Vendor::Stripe, Vendor::Graph, Vendor::Login]);
                (vendor, minutes(&mut rng, 60))
            }),
        }
    }

    /// A quiet day: nobody dies, nothing fails, nothing is late.
    pub fn quiet(seed: u64, sign_ups: usize) -> Self {
        Self {
            seed,
            sign_ups,
            over: Duration::from_secs(600),
            short_lived: 0,
            refused_email: false,
            stragglers: 0.0,
            http_faults: 0.0,
            bus_faults: 0.0,
            faults_for: Duration::ZERO,
            producer_deaths: vec![],
            consumer_deaths: vec![vec![]],
            outage: None,
        }
    }
}

fn pick<T: Copy, const N: usize>(rng: &mut fastrand::Rng, of: [T; N]) -> T {
    of[rng.usize(..N)]
}

/// Early deaths more often than late ones: it is at the start that a process has most to do.
fn deaths(rng: &mut fastrand::Rng) -> Vec<u32> {
    (0..rng.usize(0..=4)).map(|_| rng.u32(1..=40) * rng.u32(1..=4)).collect()
}
