//! The receive loop: as much in hand as the limits allow, a pause while the circuit is open, a drained end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::task::AbortOnDropHandle;
use usher_bus::{BusError, Delivery, LockToken, Receiver, Settlement};
use usher_clock::Clock;
use usher_service::{Health, Shutdown};

use crate::{
    Handler, Limits, admit::Admission, circuit::Circuit, deliver::Desk, locks::Locks, permits::Permits,
    spans::Spans, tally::Tally,
};

/// How long running handlers may take to finish once we are told to stop: less than the 30 s that
/// orchestrators grant before they kill.
const DRAIN: Duration = Duration::from_secs(25);
/// How long the broker may take to take locks back that we no longer need.
const GIVE_BACK: Duration = Duration::from_secs(10);
/// How often the gauges are set.
const GAUGES: Duration = Duration::from_secs(1);

/// A consumer at work on one subscription.
pub struct Subscriber {
    desk: Arc<Desk>,
}

impl Subscriber {
    /// A consumer that receives from `receiver` and acts through `handler`.
    ///
    /// `max_event_age`: events older than this are rejected; `None` if age does not matter.
    pub fn new(
        name: &'static str,
        handler: Arc<dyn Handler>,
        receiver: Arc<dyn Receiver>,
        limits: Limits,
        max_event_age: Option<Duration>,
        clock: Clock,
        health: Health,
    ) -> Self {
        let admission = Admission { tenant_id: handler.tenant_id(), max_event_age, clock };
        let (locks, metrics) = (Arc::<Locks>::default(), health.metrics().consumer(name));
        let known = locks.clone();
        metrics.oldest(move || known.oldest_known().map_or(Duration::ZERO, |sent| clock.since(sent)));
        let spans = Spans::of(receiver.entity(), name);
        let desk = Desk {
            name,
            handler,
            receiver,
            admission,
            limits,
            permits: Permits::new(limits.concurrency.get() as usize),
            locks,
            circuit: Circuit::new(health.clone(), metrics.clone()),
            tally: Tally::new(metrics, clock),
            spans,
            health,
            shutdown: Shutdown::new(),
            waiting: AtomicUsize::new(0),
            waiting_changed: Notify::new(),
        };
        Self { desk: Arc::new(desk) }
    }

    pub(crate) fn desk(&self) -> &Arc<Desk> {
        &self.desk
    }

    /// Works until the shutdown, then gives back what waits and finishes what runs.
    ///
    /// # Errors
    /// What no waiting can mend: the subscription is gone, or our key is refused.
    pub async fn run(self, shutdown: Shutdown) -> Result<(), BusError> {
        let desk = &self.desk;
        let _renewing = keep_locks(desk);
        let mut hand = Hand::default();
        let mut gauges = tokio::time::interval(GAUGES);
        let ended = loop {
            hand.allow(desk);
            tokio::select! {
                biased;
                () = shutdown.requested() => break Ok(()),
                () = desk.circuit.opened() => {
                    // Not to be interrupted: what it has in hand would be lost from sight.
                    if let Err(error) = hand.give_back_unworked(desk).await {
                        break Err(error);
                    }
                    tokio::select! {
                        biased;
                        () = shutdown.requested() => break Ok(()),
                        () = hand.pause(desk) => {}
                    }
                }
                Some(_) = hand.deliveries.join_next() => {}
                () = desk.waiting_changed.notified() => {}
                delivery = desk.receiver.next() => match delivery {
                    Ok(delivery) => hand.take(desk, delivery),
                    Err(error) => break Err(error),
                },
                _ = gauges.tick() => hand.gauge(desk),
            }
        };
        desk.shutdown.request();
        hand.drain(desk).await;
        ended
    }
}

pub(crate) fn keep_locks(desk: &Arc<Desk>) -> AbortOnDropHandle<()> {
    let desk = desk.clone();
    AbortOnDropHandle::new(tokio::spawn(async move { desk.locks.keep(&*desk.receiver).await }))
}

/// Gives locks back, all at once; returns how many the broker took within [`GIVE_BACK`]. The others run out.
pub(crate) async fn release(receiver: &dyn Receiver, locks: impl Iterator<Item = LockToken>) -> u64 {
    let mut releases: FuturesUnordered<_> =
        locks.map(|lock| receiver.settle(lock, Settlement::Release)).collect();
    let mut released = 0;
    let all = async {
        while let Some(settled) = releases.next().await {
            released += u64::from(settled.is_ok());
        }
    };
    // Not released means released by the end of its lock.
    let _ = tokio::time::timeout(GIVE_BACK, all).await;
    released
}

/// What this receiver has in hand: the deliveries, and the credit that it has given for more.
#[derive(Default)]
struct Hand {
    deliveries: JoinSet<()>,
    credit: usize,
}

impl Hand {
    /// Gives credit for as many messages as may be worked on, never for more than may be held in all.
    fn allow(&mut self, desk: &Desk) {
        let (concurrency, most) = (desk.permits.count(), desk.limits.max_held.get() as usize);
        let busy = self.deliveries.len().saturating_sub(desk.waiting.load(Ordering::Relaxed));
        let free = concurrency.saturating_sub(busy + self.credit);
        let room = free.min(most.saturating_sub(self.deliveries.len() + self.credit));
        // In halves, so that a busy receiver does not send a credit with every message.
        if room > 0 && (self.credit == 0 || room * 2 >= concurrency) {
            self.credit += room;
            desk.receiver.add_credit(u32::try_from(room).unwrap_or(u32::MAX));
        }
    }

    fn take(&mut self, desk: &Arc<Desk>, delivery: Delivery) {
        self.credit = self.credit.saturating_sub(1);
        desk.health.count("received", 1);
        let desk = desk.clone();
        self.deliveries.spawn(async move { desk.deliver(delivery).await });
    }

    /// The circuit is open: waits until nothing is held any more, and then until the destination answers its probe.
    /// The work begins again slowly.
    async fn pause(&mut self, desk: &Arc<Desk>) {
        while self.deliveries.join_next().await.is_some() {}
        self.gauge(desk);
        desk.permits.start_slowly();
        // Several replicas must not probe in step; the clock's nanoseconds keep them apart.
        let seed = desk.admission.clock.now().nanosecond();
        desk.circuit.close_when_there(&*desk.handler, u64::from(seed)).await;
        desk.locks.begin_again();
    }

    /// Takes back the credit and releases what arrived on it.
    async fn give_back_unworked(&mut self, desk: &Desk) -> Result<(), BusError> {
        let arrived = desk.receiver.withdraw_credit().await?;
        self.credit = 0;
        arrived.iter().for_each(|delivery| desk.locks.give_back(delivery));
        let released = release(&*desk.receiver, arrived.into_iter().map(|delivery| delivery.lock)).await;
        desk.health.count("released", released);
        desk.tally.given_back(released, desk.why_back());
        Ok(())
    }

    /// Finishes what runs, within [`DRAIN`]; what waits has been told to give back its lock.
    async fn drain(&mut self, desk: &Desk) {
        let finish = async {
            // A broker that can't be reached gets its messages back when their locks run out.
            let _ = self.give_back_unworked(desk).await;
            while self.deliveries.join_next().await.is_some() {}
        };
        if tokio::time::timeout(DRAIN, finish).await.is_err() {
            tracing::warn!(unfinished = self.deliveries.len(), "not drained in time; the locks will run out");
        }
        self.deliveries.shutdown().await;
        desk.receiver.close().await;
    }

    fn gauge(&self, desk: &Desk) {
        desk.health.gauge("in_hand", self.deliveries.len() as u64);
        desk.health.gauge("waiting", desk.waiting.load(Ordering::Relaxed) as u64);
        let oldest = desk.locks.oldest().map_or(Duration::ZERO, |sent| desk.admission.clock.since(sent));
        desk.health.gauge("oldest_seconds", oldest.as_secs());
    }
}
