//! Faults: ordered one by one for the next calls, or sprinkled by chance from a seed.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use axum::http::StatusCode;
use serde::Deserialize;
use time::OffsetDateTime;

use crate::{Call, Sandbox, Target, Vendor};

/// How a call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// The connection breaks before the call has any effect.
    Before,
    /// The connection breaks after the call took effect: the answer is lost.
    After,
    /// No answer ever, and no effect.
    Hang,
    /// No answer ever, though the call took effect.
    HangAfter,
    /// This status instead of the effect, in the vendor's own shape.
    Status(u16),
    /// The vendor says that there are too many calls, in one of its ways: Mailchimp with a 429 or with a 403 of
    /// HTML, the others with a 429.
    Throttled,
    /// Stripe only: a 500 without effect, stored under the idempotency key. Elsewhere a plain 500.
    #[serde(rename = "stored-500")]
    Stored500,
    /// Stripe only: the call took effect, yet a 500 is what is stored. Elsewhere a plain 500.
    #[serde(rename = "stored-500-after")]
    Stored500After,
}

impl FaultKind {
    /// Every kind, and the statuses that vendors do answer at times.
    pub const COMMON: [Self; 11] = [
        Self::Before,
        Self::After,
        Self::Hang,
        Self::HangAfter,
        Self::Status(429),
        Self::Status(500),
        Self::Status(503),
        Self::Status(401),
        Self::Stored500,
        Self::Stored500After,
        Self::Throttled,
    ];

    /// The status that stands for it where a connection can't break and nothing is stored.
    pub(crate) fn status(self) -> Option<StatusCode> {
        match self {
            Self::Status(status) => StatusCode::from_u16(status).ok(),
            Self::Throttled => Some(StatusCode::TOO_MANY_REQUESTS),
            Self::Stored500 | Self::Stored500After => Some(StatusCode::INTERNAL_SERVER_ERROR),
            Self::Before | Self::After | Self::Hang | Self::HangAfter => None,
        }
    }
}

/// Faults by chance. Which calls they hit follows from the seed and the order of calls.
#[derive(Clone, Debug)]
pub struct FaultPlan {
    /// How likely each call is to fail, between 0 and 1.
    pub probability: f64,
    /// The kinds to choose from.
    pub kinds: Vec<FaultKind>,
    /// What may be hit; empty: everything.
    pub targets: Vec<Target>,
    /// Where the chances come from.
    pub seed: u64,
    /// From then on everything is healthy.
    pub until: Option<OffsetDateTime>,
}

/// Orders faults. Obtained from [`Sandbox::faults`].
#[derive(Clone)]
pub struct Faults(pub(crate) Sandbox);

impl Faults {
    /// Makes the next `calls` to `target` fail. Orders for the same call are carried out one after the other.
    pub fn next(&self, target: Target, calls: u32, kind: FaultKind) {
        self.0.with(|world, _| world.faults.order(target, calls, kind));
    }

    /// Sprinkles faults, in place of an earlier plan.
    pub fn plan(&self, plan: FaultPlan) {
        self.0.with(|world, _| world.faults.plan(plan));
    }

    /// Calls to one vendor take so long, at most, on top of what any call takes.
    pub fn slow(&self, vendor: Vendor, answer_time: Duration) {
        self.0.with(|world, _| world.faults.slow.insert(vendor, answer_time));
    }

    /// Forgets all orders and the plan, and that anybody is slow.
    pub fn clear(&self) {
        self.0.with(|world, _| world.faults.clear());
    }

    /// How many calls have been made to fail.
    pub fn injected(&self) -> u64 {
        self.0.with(|world, _| world.faults.injected())
    }
}

struct Order {
    target: Target,
    left: u32,
    kind: FaultKind,
}

/// The faults still to come.
#[derive(Default)]
pub(crate) struct FaultBox {
    orders: VecDeque<Order>,
    plan: Option<(FaultPlan, fastrand::Rng)>,
    /// Whose calls take how long, at most.
    slow: BTreeMap<Vendor, Duration>,
    injected: u64,
}

impl FaultBox {
    fn order(&mut self, target: Target, calls: u32, kind: FaultKind) {
        if calls > 0 {
            self.orders.push_back(Order { target, left: calls, kind });
        }
    }

    fn plan(&mut self, plan: FaultPlan) {
        let chance = fastrand::Rng::with_seed(plan.seed);
        self.plan = Some((plan, chance));
    }

    fn clear(&mut self) {
        self.orders.clear();
        self.plan = None;
        self.slow.clear();
    }

    /// Forgets what was ordered for one vendor.
    pub(crate) fn heal(&mut self, vendor: Vendor) {
        self.orders.retain(|order| order.target.vendor() != vendor);
        self.slow.remove(&vendor);
    }

    /// How long a call takes on top of what any call takes, at most.
    pub(crate) fn slowness(&self, call: Call) -> Duration {
        self.slow.get(&call.vendor()).copied().unwrap_or_default()
    }

    pub(crate) fn injected(&self) -> u64 {
        self.injected
    }

    /// The fault that hits this call, if any.
    pub(crate) fn strike(&mut self, call: Call, now: OffsetDateTime) -> Option<FaultKind> {
        let kind = self.next_order(call, |_| true).or_else(|| self.by_chance(call, now))?;
        self.injected += 1;
        Some(kind)
    }

    /// The fault that hits this call inside a batch, where all that can go wrong is its status.
    pub(crate) fn strike_inner(&mut self, call: Call, now: OffsetDateTime) -> Option<StatusCode> {
        let ordered = self.next_order(call, |kind| kind.status().is_some());
        let status = ordered.or_else(|| self.by_chance(call, now))?.status()?;
        self.injected += 1;
        Some(status)
    }

    fn next_order(&mut self, call: Call, fits: impl Fn(FaultKind) -> bool) -> Option<FaultKind> {
        let at = self.orders.iter().position(|order| order.target.covers(call) && fits(order.kind))?;
        let order = &mut self.orders[at];
        order.left -= 1;
        let kind = order.kind;
        if order.left == 0 {
            self.orders.remove(at);
        }
        Some(kind)
    }

    fn by_chance(&mut self, call: Call, now: OffsetDateTime) -> Option<FaultKind> {
        let (plan, chance) = self.plan.as_mut()?;
        let aimed = plan.targets.is_empty() || plan.targets.iter().any(|target| target.covers(call));
        if !aimed || plan.until.is_some_and(|until| now >= until) || chance.f64() >= plan.probability {
            return None;
        }
        chance.choice(plan.kinds.iter().copied())
    }
}
