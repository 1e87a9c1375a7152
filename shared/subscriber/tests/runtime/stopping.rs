//! Told to stop, it gives back what waits and finishes what runs; killed, it costs a lock's time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use usher_bus::{BusError, Delivery, LockToken, Peeked, Receiver, Renewal, Settlement};
use usher_service::Shutdown;
use usher_subscriber::Subscriber;

use crate::bench::{Answer, Bench, done, retry, timed};

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn on_a_shutdown_what_waits_is_released_and_what_runs_is_finished() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(3).await;
    bench.destination.answers(users[0], [retry()]);
    bench.destination.answers(users[1], [Answer::Slow(Duration::from_secs(10))]);
    let running = bench.start().await;
    bench.until(MINUTE, || bench.count("done") == 1 && bench.count("retries") == 1).await;
    let ((), took) = timed(running.stop()).await;
    assert!(took <= Duration::from_secs(10), "{took:?}");
    assert_eq!(bench.count("done"), 2);
    let left = bench.receiver(&Bench::entity()).await.peek(0, 10).await.unwrap();
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].delivery_count, 0, "released, not abandoned");
    assert_eq!(bench.bus.counts(&Bench::entity()).unwrap().available, 1);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_does_not_end_is_not_waited_for_beyond_the_drain() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(1).await;
    bench.destination.answers(users[0], [Answer::Slow(4 * MINUTE)]);
    let running = bench.start().await;
    bench.until(MINUTE, || bench.destination.attempts(users[0]).len() == 1).await;
    let ((), took) = timed(running.stop()).await;
    assert_eq!(took, Duration::from_secs(25));
    assert_eq!(bench.left(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_killed_consumers_messages_go_to_another_when_their_locks_run_out() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(4).await;
    bench.destination.answers(users[2], [Answer::Slow(4 * MINUTE), done()]);
    let first = bench.start().await;
    bench.until(MINUTE, || bench.destination.attempts(users[2]).len() == 1 && bench.left() == 1).await;
    first.kill().await;
    let second = bench.start().await;
    let ((), took) = timed(bench.until_empty(2 * MINUTE)).await;
    second.stop().await;
    assert!(took <= MINUTE + Duration::from_secs(1), "{took:?}");
    assert_eq!(bench.destination.attempts(users[2]).len(), 2);
}

/// A broker that has forgotten every lock when it is asked to renew it.
struct Forgetful(Arc<dyn Receiver>);

#[async_trait]
impl Receiver for Forgetful {
    fn add_credit(&self, more: u32) {
        self.0.add_credit(more);
    }

    async fn next(&self) -> Result<Delivery, BusError> {
        self.0.next().await
    }

    async fn withdraw_credit(&self) -> Result<Vec<Delivery>, BusError> {
        self.0.withdraw_credit().await
    }

    async fn settle(&self, lock: LockToken, settlement: Settlement) -> Result<(), BusError> {
        self.0.settle(lock, settlement).await
    }

    async fn renew(&self, locks: &[LockToken]) -> Result<Vec<Renewal>, BusError> {
        Ok(vec![Renewal::Lost; locks.len()])
    }

    async fn peek(&self, from: i64, most: u32) -> Result<Vec<Peeked>, BusError> {
        self.0.peek(from, most).await
    }

    async fn close(&self) {
        self.0.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_lost_ends_the_work_on_its_message() {
    let bench = Bench::new().await;
    let users = bench.sign_ups(1).await;
    bench.destination.answers(users[0], [Answer::Slow(4 * MINUTE)]);
    let receiver = Arc::new(Forgetful(bench.receiver(&Bench::entity()).await));
    let (handler, health) = (bench.destination.clone(), bench.health.clone());
    let subscriber = Subscriber::new("billing", handler, receiver, bench.limits, None, bench.clock, health);
    let shutdown = Shutdown::new();
    let running = tokio::spawn(subscriber.run(shutdown.clone()));
    bench.until(MINUTE, || bench.count("lock_lost") == 1).await;
    shutdown.request();
    let (ended, took) = timed(running).await;
    ended.unwrap().unwrap();
    assert_eq!(took, Duration::ZERO, "nothing is left to drain");
    assert_eq!((bench.count("done"), bench.left()), (0, 1));
}
