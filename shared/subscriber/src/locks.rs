//! The locks of all deliveries in hand: renewed in batches while they are held.
//!
//! One task renews for all, so that 256 waiting messages cost one request now and then and not 256.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use time::OffsetDateTime;
use tokio::{
    sync::Notify,
    time::{Instant, timeout},
};
use tokio_util::sync::CancellationToken;
use usher_bus::{BusError, Delivery, LockToken, Receiver, Renewal};

/// A lock is renewed when this share of its time is left: one failed renewal can still be repeated.
const RENEW_AT: f64 = 0.5;
/// How long a renewal may take: of half a lock's usual minute, it leaves time to repeat it.
const RENEWAL: Duration = Duration::from_secs(5);
/// How long after a failed renewal it is tried again.
const RENEW_AGAIN: Duration = Duration::from_secs(1);
/// How many locks go into one request.
const BATCH: usize = 128;

/// The locks in hand.
#[derive(Default)]
pub(crate) struct Locks {
    held: Mutex<Held>,
    sooner: Notify,
}

#[derive(Default)]
struct Held {
    locks: BTreeMap<LockToken, Lock>,
    /// When the renewing task wakes next; a lock that is due earlier must wake it.
    wakes: Option<Instant>,
    /// When the oldest message was sent that was given back since the circuit opened: it is in nobody's hand, and still
    /// waits.
    given_back: Option<OffsetDateTime>,
}

struct Lock {
    renew: Instant,
    enqueued_at: OffsetDateTime,
    lost: CancellationToken,
}

/// One lock in hand; dropping it ends its renewal.
pub(crate) struct HeldLock {
    locks: Arc<Locks>,
    token: LockToken,
    lost: CancellationToken,
}

impl Locks {
    /// Holds a delivery's lock until the guard is dropped.
    pub(crate) fn hold(self: &Arc<Self>, delivery: &Delivery) -> HeldLock {
        let lost = CancellationToken::new();
        let renew = Instant::now() + delivery.locked_for.mul_f64(RENEW_AT);
        let lock = Lock { renew, enqueued_at: delivery.enqueued_at, lost: lost.clone() };
        let mut held = self.lock();
        held.locks.insert(delivery.lock, lock);
        if held.wakes.is_none_or(|wakes| renew < wakes) {
            self.sooner.notify_one();
        }
        HeldLock { locks: self.clone(), token: delivery.lock, lost }
    }

    /// When the oldest message in hand was sent.
    pub(crate) fn oldest(&self) -> Option<OffsetDateTime> {
        self.lock().locks.values().map(|lock| lock.enqueued_at).min()
    }

    /// When the oldest message was sent that this consumer knows to wait, in hand or given back.
    pub(crate) fn oldest_known(&self) -> Option<OffsetDateTime> {
        let given_back = self.lock().given_back;
        [self.oldest(), given_back].into_iter().flatten().min()
    }

    /// A message is given back, and will wait.
    pub(crate) fn give_back(&self, delivery: &Delivery) {
        let mut held = self.lock();
        let oldest = held.given_back.map_or(delivery.enqueued_at, |oldest| oldest.min(delivery.enqueued_at));
        held.given_back = Some(oldest);
    }

    /// Receiving begins again: what was given back is on its way.
    pub(crate) fn begin_again(&self) {
        self.lock().given_back = None;
    }

    /// Renews for ever.
    pub(crate) async fn keep(&self, receiver: &dyn Receiver) {
        loop {
            let next = self.next_renewal();
            tokio::select! {
                biased;
                () = self.sooner.notified() => continue,
                () = until(next) => {}
            }
            let due = self.due();
            if due.is_empty() {
                continue; // settled meanwhile
            }
            let late = |_| Err(BusError::Unavailable("no answer to a renewal in time".to_owned()));
            match timeout(RENEWAL, receiver.renew(&due)).await.unwrap_or_else(late) {
                Ok(answers) => self.renewed(&due, &answers),
                Err(error) => {
                    tracing::debug!(%error, locks = due.len(), "locks not renewed, asking again");
                    self.renew_at(&due, Instant::now() + RENEW_AGAIN);
                }
            }
        }
    }

    fn next_renewal(&self) -> Option<Instant> {
        let mut held = self.lock();
        held.wakes = held.locks.values().map(|lock| lock.renew).min();
        held.wakes
    }

    fn due(&self) -> Vec<LockToken> {
        let now = Instant::now();
        let held = self.lock();
        held.locks.iter().filter(|(_, lock)| lock.renew <= now).map(|(token, _)| *token).take(BATCH).collect()
    }

    fn renewed(&self, asked: &[LockToken], answers: &[Renewal]) {
        let now = Instant::now();
        let mut held = self.lock();
        for (token, answer) in asked.iter().zip(answers) {
            match (answer, held.locks.get_mut(token)) {
                (Renewal::Held(time), Some(lock)) => lock.renew = now + time.mul_f64(RENEW_AT),
                (Renewal::Lost, Some(lock)) => {
                    lock.lost.cancel();
                    held.locks.remove(token);
                }
                (_, None) => {} // settled meanwhile
            }
        }
    }

    fn renew_at(&self, tokens: &[LockToken], at: Instant) {
        let mut held = self.lock();
        for token in tokens {
            if let Some(lock) = held.locks.get_mut(token) {
                lock.renew = at;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Every change under the lock is a single insert, update or removal: a panic leaves it whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HeldLock {
    /// Waits until the broker says that the lock no longer holds.
    pub(crate) async fn lost(&self) {
        self.lost.cancelled().await;
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        self.locks.lock().locks.remove(&self.token);
    }
}

async fn until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
