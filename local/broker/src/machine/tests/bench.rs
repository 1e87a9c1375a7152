//! A machine and a clock for it, so that a test reads as what somebody does to a broker.

use std::time::Duration;

use usher_bus::{LockToken, Settlement};

use crate::{
    machine::{
        Change, Counts, Facets, LockLost, Locked, Machine, Millis, NewMessage, QueueId, Restored, Seen,
        SendError, SettleError, Stored, Target,
    },
    rules::Filter,
    topology::{DeliverySpec, IntakeSpec, QueueSpec, SubscriptionSpec, TopicSpec, Topology},
};

/// The queue of most tests.
pub(super) const WORK: &str = "work";
pub(super) const DEAD: &str = "work/$DeadLetterQueue";

/// The lock duration of every queue here.
pub(super) const LOCK: Duration = Duration::from_secs(60);

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) struct Bench {
    pub(super) machine: Machine<&'static str>,
    pub(super) now: Millis,
}

impl Bench {
    pub(super) fn new(topology: &Topology) -> Self {
        Self { machine: Machine::new(topology, 1), now: Millis(1_000_000) }
    }

    /// A queue `work` with defaults but for what the test is about.
    pub(super) fn queue(change: impl FnOnce(&mut QueueSpec)) -> Self {
        Self::new(&queue(change))
    }

    pub(super) fn id(&self, address: &str) -> QueueId {
        match self.machine.find(address) {
            Some(Target::Queue(queue)) => queue,
            other => panic!("{address} is {other:?}"),
        }
    }

    pub(super) fn try_send(
        &mut self,
        to: &str,
        batch: Vec<NewMessage<&'static str>>,
    ) -> Result<(), SendError> {
        let to = self.machine.find(to).unwrap();
        self.machine.send(to, batch, self.now)
    }

    pub(super) fn send(&mut self, to: &str, message: NewMessage<&'static str>) {
        self.try_send(to, vec![message]).unwrap();
    }

    pub(super) fn try_receive(&mut self, from: &str) -> Option<Locked<&'static str>> {
        self.machine.receive(self.id(from), self.now)
    }

    pub(super) fn receive(&mut self, from: &str) -> Locked<&'static str> {
        self.try_receive(from).expect("a message to receive")
    }

    /// Receives and completes all there is.
    pub(super) fn drain(&mut self, from: &str) -> Vec<&'static str> {
        let mut payloads = Vec::new();
        while let Some(locked) = self.try_receive(from) {
            self.settle(from, locked.token, Settlement::Complete).unwrap();
            payloads.push(locked.payload);
        }
        payloads
    }

    pub(super) fn settle(&mut self, at: &str, token: LockToken, how: Settlement) -> Result<(), SettleError> {
        self.machine.settle(self.id(at), token, how, self.now)
    }

    pub(super) fn renew(&mut self, at: &str, token: LockToken) -> Result<Millis, LockLost> {
        self.machine.renew(self.id(at), token, self.now)
    }

    pub(super) fn peek(&self, at: &str, from: i64, most: usize) -> Vec<Seen<&'static str>> {
        self.machine.peek(self.id(at), from, most, self.now)
    }

    pub(super) fn counts(&self, at: &str) -> Counts {
        self.machine.counts(self.id(at))
    }

    /// Lets time pass without telling the machine.
    pub(super) fn wait(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
    }

    /// Receives one message and dead-letters it.
    pub(super) fn dead_letter(&mut self, at: &str) {
        let token = self.receive(at).token;
        self.settle(at, token, dead("Refused")).unwrap();
    }
}

pub(super) fn queue(change: impl FnOnce(&mut QueueSpec)) -> Topology {
    let (intake, delivery) =
        (IntakeSpec::default(), DeliverySpec { lock_duration: LOCK, ..DeliverySpec::default() });
    let mut queue = QueueSpec { name: WORK.to_owned(), intake, delivery };
    change(&mut queue);
    Topology { queues: vec![queue], topics: Vec::new() }
}

/// A topic `signups` with these subscriptions and their rules.
pub(super) fn topic(subscriptions: &[(&str, &[Filter])]) -> Topology {
    let subscription = |(name, rules): &(&str, &[Filter])| SubscriptionSpec {
        name: (*name).to_owned(),
        delivery: DeliverySpec { lock_duration: LOCK, ..DeliverySpec::default() },
        rules: rules.to_vec(),
    };
    let topic = TopicSpec {
        name: "signups".to_owned(),
        intake: IntakeSpec::default(),
        default_time_to_live: None,
        subscriptions: subscriptions.iter().map(subscription).collect(),
    };
    Topology { queues: Vec::new(), topics: vec![topic] }
}

pub(super) fn message(payload: &'static str) -> NewMessage<&'static str> {
    let facets = Facets { message_id: Some(payload.to_owned()), size: 100, ..Facets::default() };
    NewMessage { facets, payload }
}

pub(super) fn message_for(payload: &'static str, time_to_live: Duration) -> NewMessage<&'static str> {
    let mut message = message(payload);
    message.facets.time_to_live = Some(time_to_live);
    message
}

pub(super) fn dead(reason: &str) -> Settlement {
    Settlement::DeadLetter { reason: reason.to_owned(), description: "400 email_invalid".to_owned() }
}

/// A disk that holds what the journal said.
pub(super) struct Disk<P>(pub(super) Restored<P>);

impl<P: Clone> Disk<P> {
    pub(super) fn new() -> Self {
        Self(Restored::default())
    }

    pub(super) fn write(&mut self, changes: Vec<Change<P>>) {
        changes.into_iter().for_each(|change| self.apply(change));
    }

    fn apply(&mut self, change: Change<P>) {
        match change {
            Change::Added { queue, sequence_number, enqueued_at, expires_at, size, payload, group } => {
                let (delivery_count, dead_letter) = (0, None);
                let stored = Stored {
                    queue,
                    sequence_number,
                    enqueued_at,
                    expires_at,
                    delivery_count,
                    size,
                    payload,
                    dead_letter,
                };
                self.0.messages.push(stored);
                self.0.sequence_numbers.retain(|(of, _)| *of != queue);
                self.0.sequence_numbers.push((queue, sequence_number));
                self.0.last_group = group;
            }
            Change::Moved { from, to, sequence_number, dead_letter } => {
                let stored = self.find(from, sequence_number);
                (stored.queue, stored.dead_letter) = (to, Some(dead_letter));
            }
            Change::Counted { queue, sequence_number, delivery_count } => {
                self.find(queue, sequence_number).delivery_count = delivery_count;
            }
            Change::Removed { queue, sequence_number } => {
                self.find(queue, sequence_number);
                self.0.messages.retain(|one| (one.queue, one.sequence_number) != (queue, sequence_number));
            }
            Change::Remembered(remembered) => self.0.remembered.push(remembered),
        }
    }

    fn find(&mut self, queue: QueueId, sequence_number: i64) -> &mut Stored<P> {
        let wanted = |one: &&mut Stored<P>| (one.queue, one.sequence_number) == (queue, sequence_number);
        self.0.messages.iter_mut().find(wanted).expect("the journal names only messages that are on disk")
    }
}
