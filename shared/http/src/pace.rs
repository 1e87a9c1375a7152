//! A pace: at most so many calls a second, so that a burst of sign-ups stays within a vendor's quota and is not
//! answered by a storm of 429s.
//!
//! What may go when is reckoned by `governor` (the generic cell rate algorithm). The waiting is our own: its time
//! is tokio's, which a simulation pauses, and turns come in the order in which they were asked for, so that a
//! crowd can't starve anyone.

use std::{num::NonZeroU32, sync::Arc};

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

/// How many turns are given at once after a pause, as a share of a second's: vendors count in windows of a second
/// or more, so a tenth of one stays within what they allow and still bridges a late timer.
const BURSTS_A_SECOND: u32 = 10;

/// At most so many calls a second. Cheap to clone; clones share the turns.
#[derive(Clone)]
pub struct Pace(Arc<Mutex<Limiter>>);

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
        Self(Arc::new(Mutex::new(RateLimiter::direct_with_clock(quota, TokioTime(Instant::now())))))
    }

    /// Waits for a turn. Everybody who asked earlier is served earlier, so the wait is as long as they are many.
    /// Whoever stops waiting holds up nobody.
    pub async fn turn(&self) {
        self.turns(NonZeroU32::MIN).await;
    }

    /// Waits for `n` turns, for what the other side counts as so many calls.
    pub async fn turns(&self, n: NonZeroU32) {
        // Tokio's mutex queues fairly: whoever holds it is the only one to wait for time.
        let limiter = self.0.lock().await;
        for _ in 0..n.get() {
            while let Err(early) = limiter.check() {
                sleep(early.wait_time_from(limiter.clock().now())).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
