//! What all connections share: the machine, the store beneath it, and who waits for which queue.
//!
//! The machine stands under one lock that is held for a batch of calls at a time and never over an `await`.
//! What a batch changed is handed to the store before the lock is let go, so that the disk sees changes in the
//! order in which they were made.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, Weak},
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{Notify, watch};
use usher_clock::Clock;

use crate::{
    machine::{Counts, Machine, Millis, QueueId, Target},
    store::{Progress, Store, Ticket},
};

/// The longest sleep until the next deadline: the wall clock may be set forward meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The shortest: a deadline is a whole millisecond, and no receiver can tell less apart.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Hub {
    state: Mutex<State>,
    clock: Clock,
    progress: watch::Receiver<Progress>,
    /// A deadline came up that is earlier than the one slept for.
    earlier: Notify,
}

#[derive(Debug)]
struct State {
    machine: Machine<Bytes>,
    store: Store,
    /// The connections that have a link to each queue.
    waiting: BTreeMap<QueueId, Vec<Weak<Notify>>>,
    /// The deadline slept for.
    armed: Option<Millis>,
}

/// How much a queue or subscription holds, its dead letters apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueCounts {
    /// The canonical name.
    pub queue: String,
    /// Messages that can be received now.
    pub available: usize,
    /// Messages under a lock.
    pub locked: usize,
    /// Messages in its dead-letter queue.
    pub dead: usize,
}

impl Hub {
    pub(crate) fn new(machine: Machine<Bytes>, store: Store, clock: Clock) -> Self {
        let progress = store.progress();
        let state = State { machine, store, waiting: BTreeMap::new(), armed: None };
        Self { state: Mutex::new(state), clock, progress, earlier: Notify::new() }
    }

    /// Makes a batch of calls to the machine. What they promise may be told when the ticket is covered: that
    /// holds also for calls that changed nothing, since what they saw may not be on disk yet.
    pub(crate) fn transact<T>(&self, calls: impl FnOnce(&mut Machine<Bytes>, Millis) -> T) -> (T, Ticket) {
        let mut state = self.lock();
        let result = calls(&mut state.machine, self.now());
        (result, self.settle_accounts(&mut state))
    }

    fn settle_accounts(&self, state: &mut State) -> Ticket {
        for queue in state.machine.take_woken() {
            state.wake(queue);
        }
        let deadline = state.machine.next_deadline();
        if deadline.is_some_and(|deadline| state.armed.is_none_or(|armed| deadline < armed)) {
            state.armed = deadline;
            self.earlier.notify_one();
        }
        let changes = state.machine.take_changes();
        if changes.is_empty() { state.store.last() } else { state.store.append(changes) }
    }

    /// What an address stands for.
    pub(crate) fn find(&self, address: &str) -> Option<Target> {
        self.lock().machine.find(address)
    }

    /// Notifies a connection whenever the queue gains a message to receive, for as long as the connection lives.
    pub(crate) fn wake_on(&self, queue: QueueId, connection: &Arc<Notify>) {
        let mut state = self.lock();
        let waiting = state.waiting.entry(queue).or_default();
        waiting.retain(|other| other.strong_count() > 0);
        if !waiting.iter().any(|other| other.as_ptr() == Arc::as_ptr(connection)) {
            waiting.push(Arc::downgrade(connection));
        }
    }

    /// How far the store has come, to be watched.
    pub(crate) fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.clone()
    }

    /// Waits until all that was done so far is on disk, or can't be written.
    pub(crate) async fn written(&self) {
        let last = self.lock().store.last();
        // The store, and with it the sender, lives as long as we do.
        let _ = self.progress().wait_for(|progress| progress.covers(last) || progress.failed.is_some()).await;
    }

    /// The time that everything here goes by.
    pub(crate) fn now(&self) -> Millis {
        self.clock.now().into()
    }

    /// What each queue holds.
    pub(crate) fn counts(&self) -> Vec<QueueCounts> {
        let machine = &self.lock().machine;
        machine
            .queues()
            .filter_map(|(queue, name)| {
                let Target::Queue(dead) = machine.find(&format!("{name}/$DeadLetterQueue"))? else {
                    return None;
                };
                let Counts { available, locked, .. } = machine.counts(queue);
                Some(QueueCounts {
                    queue: name.to_owned(),
                    available,
                    locked,
                    dead: machine.counts(dead).total,
                })
            })
            .collect()
    }

    /// Does what time makes due, for ever: locks that run out, messages that expire.
    pub(crate) async fn keep_time(&self) {
        loop {
            let sleep = self.advance();
            tokio::select! {
                () = tokio::time::sleep(sleep) => {}
                () = self.earlier.notified() => {}
            }
        }
    }

    fn advance(&self) -> Duration {
        let mut state = self.lock();
        let now = self.now();
        state.machine.advance(now);
        self.settle_accounts(&mut state);
        state.armed = state.machine.next_deadline();
        state.armed.map_or(LONGEST_SLEEP, |deadline| now.until(deadline)).clamp(SHORTEST_SLEEP, LONGEST_SLEEP)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("a machine that stopped half-way through a call must not be used any further")
    }
}

impl State {
    fn wake(&mut self, queue: QueueId) {
        if let Some(waiting) = self.waiting.get(&queue) {
            waiting.iter().filter_map(Weak::upgrade).for_each(|connection| connection.notify_one());
        }
    }
}
