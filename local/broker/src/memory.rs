//! The bus of the simulations: the port of `usher-bus` over the state machine, in this process.
//!
//! There is no task behind it. Every call first does what time has made due, and a receiver that waits sleeps
//! until the next such moment at the latest, so that under tokio's paused time everything is deterministic.
//! Unlike over the wire, a message is locked only when [`Receiver::next`] asks for it: nothing is ever underway.

mod convert;
#[cfg(test)]
mod tests;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use usher_bus::{
    Bus, BusError, Delivery, Entity, LockToken, Message, Peeked, Publisher, Receiver, Renewal, Settlement,
};
use usher_clock::Clock;

use crate::{
    machine::{Counts, LockLost, Machine, Millis, QueueId, SettleError, Target},
    topology::Topology,
};
use convert::{delivery, new_message, peeked, refused};

/// A connection to a broker held in memory.
#[derive(Debug)]
pub struct MemoryBus {
    broker: Arc<Broker>,
    closed: CancellationToken,
}

impl MemoryBus {
    /// An empty broker and a first connection to it. The broker lives as long as anything is connected to it.
    pub fn new(topology: &Topology, clock: Clock) -> Self {
        let machine = Machine::new(topology, 0);
        let wake_ups = machine.queues().map(|_| Notify::new()).collect();
        let broker = Broker { machine: Mutex::new(machine), clock, wake_ups };
        Self { broker: Arc::new(broker), closed: CancellationToken::new() }
    }

    /// One more connection to the same broker; closing it closes nothing else.
    #[must_use]
    pub fn connect(&self) -> Self {
        Self { broker: Arc::clone(&self.broker), closed: CancellationToken::new() }
    }

    /// How much a subscription or its dead-letter queue holds.
    ///
    /// # Errors
    /// [`BusError::NotFound`] if there is no such entity.
    pub fn counts(&self, entity: &Entity) -> Result<Counts, BusError> {
        let queue = self.broker.queue(entity)?;
        Ok(self.broker.with(|machine, _| machine.counts(queue)))
    }

    fn ensure_open(&self) -> Result<(), BusError> {
        if self.closed.is_cancelled() { Err(BusError::Closed) } else { Ok(()) }
    }
}

#[async_trait]
impl Bus for MemoryBus {
    async fn publisher(&self, topic: &str) -> Result<Arc<dyn Publisher>, BusError> {
        self.ensure_open()?;
        let target = self.broker.find(topic)?;
        Ok(Arc::new(MemoryPublisher {
            broker: Arc::clone(&self.broker),
            topic: topic.to_owned(),
            target,
            closed: self.closed.child_token(),
        }))
    }

    async fn receiver(&self, entity: &Entity) -> Result<Arc<dyn Receiver>, BusError> {
        self.ensure_open()?;
        let queue = self.broker.queue(entity)?;
        Ok(Arc::new(MemoryReceiver {
            broker: Arc::clone(&self.broker),
            entity: entity.clone(),
            queue,
            credit: AtomicU32::new(0),
            closed: self.closed.child_token(),
        }))
    }

    async fn close(&self) {
        self.closed.cancel();
    }
}

/// What all connections share.
#[derive(Debug)]
struct Broker {
    machine: Mutex<Machine<Message>>,
    clock: Clock,
    /// Wakes those who wait for a message, queue by queue, in the order of the ids.
    wake_ups: Vec<Notify>,
}

impl Broker {
    /// Does one thing to the machine, and wakes whoever has something to do because of it.
    fn with<T>(&self, act: impl FnOnce(&mut Machine<Message>, Millis) -> T) -> T {
        let mut machine = self.machine.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.now();
        let deadline = machine.next_deadline();
        machine.advance(now);
        let result = act(&mut machine, now);
        // There is no disk to write them to.
        drop(machine.take_changes());
        if machine.next_deadline().is_some_and(|next| deadline.is_none_or(|before| next < before)) {
            // Those who sleep would oversleep it.
            self.wake_ups.iter().for_each(Notify::notify_waiters);
        }
        for queue in machine.take_woken() {
            self.wake_ups[queue.index()].notify_waiters();
        }
        result
    }

    fn now(&self) -> Millis {
        self.clock.now().into()
    }

    fn find(&self, address: &str) -> Result<Target, BusError> {
        let found = self.with(|machine, _| machine.find(address));
        found.ok_or_else(|| BusError::NotFound { entity: address.to_owned() })
    }

    fn queue(&self, entity: &Entity) -> Result<QueueId, BusError> {
        let address = entity.to_string();
        match self.find(&address)? {
            Target::Queue(queue) => Ok(queue),
            Target::Topic(_) => Err(BusError::NotFound { entity: address }),
        }
    }
}

#[derive(Debug)]
struct MemoryPublisher {
    broker: Arc<Broker>,
    topic: String,
    target: Target,
    closed: CancellationToken,
}

#[async_trait]
impl Publisher for MemoryPublisher {
    async fn publish(&self, messages: Vec<Message>) -> Result<(), BusError> {
        if self.closed.is_cancelled() {
            return Err(BusError::Closed);
        }
        let batch = messages.into_iter().map(new_message).collect();
        self.broker.with(|machine, now| machine.send(self.target, batch, now)).map_err(refused)
    }

    fn topic(&self) -> Option<&str> {
        Some(&self.topic)
    }
}

#[derive(Debug)]
struct MemoryReceiver {
    broker: Arc<Broker>,
    entity: Entity,
    queue: QueueId,
    /// How many deliveries are still allowed.
    credit: AtomicU32,
    closed: CancellationToken,
}

/// Either a delivery or when to look again without being woken.
enum Attempt {
    Delivered(Box<Delivery>),
    Waits(Option<Duration>),
}

impl MemoryReceiver {
    /// Takes a delivery if there is one and credit for it. Both change under the machine's lock.
    fn attempt(&self) -> Attempt {
        self.broker.with(|machine, now| {
            let credit = self.credit.load(Ordering::Relaxed);
            let delivered = if credit > 0 { machine.receive(self.queue, now) } else { None };
            match delivered {
                Some(locked) => {
                    self.credit.store(credit - 1, Ordering::Relaxed);
                    Attempt::Delivered(Box::new(delivery(locked, now)))
                }
                None => Attempt::Waits(machine.next_deadline().map(|deadline| now.until(deadline))),
            }
        })
    }

    fn ensure_open(&self) -> Result<(), BusError> {
        if self.closed.is_cancelled() { Err(BusError::Closed) } else { Ok(()) }
    }
}

#[async_trait]
impl Receiver for MemoryReceiver {
    fn add_credit(&self, more: u32) {
        self.broker.with(|_, _| {
            let credit = self.credit.load(Ordering::Relaxed);
            self.credit.store(credit.saturating_add(more), Ordering::Relaxed);
        });
        self.broker.wake_ups[self.queue.index()].notify_waiters();
    }

    async fn next(&self) -> Result<Delivery, BusError> {
        loop {
            // Before looking, so that what comes between looking and waiting is not missed.
            let woken = self.broker.wake_ups[self.queue.index()].notified();
            self.ensure_open()?;
            let waits = match self.attempt() {
                Attempt::Delivered(delivery) => return Ok(*delivery),
                Attempt::Waits(waits) => waits,
            };
            tokio::select! {
                biased;
                () = self.closed.cancelled() => return Err(BusError::Closed),
                () = woken => {}
                () = sleep(waits) => {}
            }
        }
    }

    async fn withdraw_credit(&self) -> Result<Vec<Delivery>, BusError> {
        self.ensure_open()?;
        self.broker.with(|_, _| self.credit.store(0, Ordering::Relaxed));
        Ok(Vec::new())
    }

    async fn settle(&self, lock: LockToken, settlement: Settlement) -> Result<(), BusError> {
        self.ensure_open()?;
        let settled = self.broker.with(|machine, now| machine.settle(self.queue, lock, settlement, now));
        settled.map_err(|error| match error {
            SettleError::LockLost(LockLost) => BusError::LockLost,
            SettleError::AlreadyDead => BusError::Refused(error.to_string()),
        })
    }

    async fn renew(&self, locks: &[LockToken]) -> Result<Vec<Renewal>, BusError> {
        self.ensure_open()?;
        let renew = |machine: &mut Machine<Message>, now: Millis, lock: &LockToken| {
            let renewed = machine.renew(self.queue, *lock, now);
            renewed.map_or(Renewal::Lost, |until| Renewal::Held(now.until(until)))
        };
        Ok(self.broker.with(|machine, now| locks.iter().map(|lock| renew(machine, now, lock)).collect()))
    }

    async fn peek(&self, from: i64, most: u32) -> Result<Vec<Peeked>, BusError> {
        self.ensure_open()?;
        let seen = self.broker.with(|machine, now| machine.peek(self.queue, from, most as usize, now));
        Ok(seen.into_iter().map(peeked).collect())
    }

    async fn close(&self) {
        self.closed.cancel();
    }

    fn entity(&self) -> Option<&Entity> {
        Some(&self.entity)
    }
}

async fn sleep(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}
