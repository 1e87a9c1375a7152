//! Where deliveries wait for whoever calls `next`. Bounded by the credit: nothing arrives that was not asked for.

use std::{
    collections::VecDeque,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{BusError, Delivery};

#[derive(Default)]
pub(super) struct Inbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    deliveries: VecDeque<Delivery>,
    /// Why nothing more will come.
    end: Option<BusError>,
}

impl Inbox {
    pub(super) fn push(&self, delivery: Delivery) {
        self.state().deliveries.push_back(delivery);
        self.changed.notify_one();
    }

    /// What is here, oldest first, or else why nothing more will come; waits for one of them. Cancel-safe.
    pub(super) async fn next(&self) -> Result<Delivery, BusError> {
        let mut changed = pin!(self.changed.notified());
        loop {
            changed.as_mut().enable(); // before looking, or a change right after would go unseen
            if let Some(next) = self.try_next() {
                return next;
            }
            changed.as_mut().await;
            changed.set(self.changed.notified());
        }
    }

    /// Everything that is here.
    pub(super) fn take_all(&self) -> Vec<Delivery> {
        self.state().deliveries.drain(..).collect()
    }

    /// Ends it: whoever waits, now or later, is told why. The first reason stands.
    pub(super) fn end(&self, why: BusError) {
        self.state().end.get_or_insert(why);
        self.changed.notify_waiters();
    }

    /// Why it ended; [`BusError::Closed`] if nobody said.
    pub(super) fn why_ended(&self) -> BusError {
        self.state().end.clone().unwrap_or(BusError::Closed)
    }

    fn try_next(&self) -> Option<Result<Delivery, BusError>> {
        let mut state = self.state();
        state.deliveries.pop_front().map(Ok).or_else(|| state.end.clone().map(Err))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use time::OffsetDateTime;
    use uuid::Uuid;

    use super::*;
    use crate::{LockToken, Message};

    fn delivery(id: &str) -> Delivery {
        Delivery {
            message: Message::new(id, ""),
            lock: LockToken(Uuid::nil()),
            sequence_number: 1,
            delivery_count: 0,
            enqueued_at: OffsetDateTime::UNIX_EPOCH,
            locked_for: Duration::from_secs(1),
        }
    }

    #[tokio::test]
    async fn every_waiter_gets_one_delivery() {
        let inbox = Arc::new(Inbox::default());
        let waiters = [(); 2].map(|()| {
            let inbox = inbox.clone();
            tokio::spawn(async move { inbox.next().await.unwrap().message.id })
        });
        tokio::task::yield_now().await;
        inbox.push(delivery("a"));
        inbox.push(delivery("b"));
        let mut got = Vec::new();
        for waiter in waiters {
            got.push(tokio::time::timeout(Duration::from_secs(5), waiter).await.unwrap().unwrap());
        }
        got.sort();
        assert_eq!(got, ["a", "b"]);
    }

    #[tokio::test]
    async fn the_end_comes_after_what_arrived_and_stays() {
        let inbox = Inbox::default();
        inbox.push(delivery("a"));
        inbox.end(BusError::Full);
        inbox.end(BusError::Closed);
        assert_eq!(inbox.next().await.unwrap().message.id, "a");
        assert_eq!(inbox.next().await.unwrap_err(), BusError::Full);
        assert_eq!(inbox.next().await.unwrap_err(), BusError::Full);
    }

    #[tokio::test]
    async fn the_end_wakes_whoever_waits() {
        let inbox = Arc::new(Inbox::default());
        let waiter = tokio::spawn({
            let inbox = inbox.clone();
            async move { inbox.next().await }
        });
        tokio::task::yield_now().await;
        inbox.end(BusError::Closed);
        let woken = tokio::time::timeout(Duration::from_secs(5), waiter).await.unwrap().unwrap();
        assert_eq!(woken.unwrap_err(), BusError::Closed);
    }
}
