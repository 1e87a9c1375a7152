//! A pace: at most so many calls a second, so that a burst of sign-ups stays within a vendor's quota and is not
//! answered by a storm of 429s.
//!
//! What may go when is reckoned by `governor` (the generic cell rate algorithm). The waiting is our own: its time
//! is tokio's, which a simulation pauses, and turns come in the order in which they were asked for, so that a
//! crowd can't starve anyone.

use std::{
    num::NonZeroU32,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::Clock,
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::{InMemoryState, NotKeyed},
};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

use crate::{QuotaUse, Usage};

/// How many turns are given at once after a pause, as a share of a second's: vendors count in windows of a second
/// or more, so a tenth of one stays within what they allow and still bridges a late timer.
const BURSTS_A_SECOND: u32 = 10;

/// At most so many calls a second. Cheap to clone; clones share the turns.
#[derive(Clone)]
pub struct Pace(Arc<Turns>);

struct Turns {
    limiter: Mutex<Limiter>,
    per_second: NonZeroU32,
    usage: Usage,
    /// How many were asked for and not had yet.
    awaited: AtomicU32,
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, TokioTime, NoOpMiddleware<Nanos>>;

/// Time since the pace began, by tokio's clock.
struct TokioTime(Instant);

impl Clock for TokioTime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

impl Pace {
    /// At most `n` turns a second, a tenth of them at once (one at least).
    pub fn per_second(n: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(n.get() / BURSTS_A_SECOND).unwrap_or(NonZeroU32::MIN);
        let quota = Quota::per_second(n).allow_burst(burst);
        let limiter = RateLimiter::direct_with_clock(quota, TokioTime(Instant::now()));
        Self(Arc::new(Turns {
            limiter: Mutex::new(limiter),
            per_second: n,
            usage: Usage::of(n.get().saturating_mul(10)),
            awaited: AtomicU32::new(0),
        }))
    }

    /// How much of it is used, as a quota for calls to `resource`.
    pub fn quota(&self, resource: &'static str) -> QuotaUse {
        let (used, wait) = (self.0.clone(), self.0.clone());
        QuotaUse::new(resource, move || Some(used.usage.used())).with_wait(move || Some(wait.wait()))
    }

    /// Waits for a turn. Everybody who asked earlier is served earlier, so the wait is as long as they are many.
    /// Whoever stops waiting holds up nobody.
    pub async fn turn(&self) {
        self.turns(NonZeroU32::MIN).await;
    }

    /// Waits for `n` turns, for what the other side counts as so many calls.
    pub async fn turns(&self, n: NonZeroU32) {
        let _awaited = Awaited::start(&self.0, n.get());
        // Tokio's mutex queues fairly: whoever holds it is the only one to wait for time.
        let limiter = self.0.limiter.lock().await;
        for _ in 0..n.get() {
            while let Err(early) = limiter.check() {
                sleep(early.wait_time_from(limiter.clock().now())).await;
            }
            self.0.usage.count(1);
        }
    }
}

impl Turns {
    /// How long whoever asks now waits until all have had their turns who asked before.
    fn wait(&self) -> Duration {
        Duration::from_secs(1) * self.awaited.load(Ordering::Relaxed) / self.per_second.get()
    }
}

/// Turns that are waited for, until they are had or nobody waits for them any more.
struct Awaited<'a> {
    turns: &'a Turns,
    n: u32,
}

impl<'a> Awaited<'a> {
    fn start(turns: &'a Turns, n: u32) -> Self {
        turns.awaited.fetch_add(n, Ordering::Relaxed);
        Self { turns, n }
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.turns.awaited.fetch_sub(self.n, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
