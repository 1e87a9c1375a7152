//! The machine against the model, over whatever clients may do and however time may pass: each copy sent is in
//! exactly one place, and the disk agrees.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::prelude::*;
use usher_bus::{LockToken, PropertyValue, Settlement};

use super::{
    bench::{Disk, LOCK, dead, seconds},
    model::{Copy, Facts, Fate, LIMIT, Model, QUEUE_TIME_TO_LIVE, WINDOW},
};
use crate::{
    machine::{DeadLetter, Facets, Machine, Millis, NewMessage, QueueId, Seen, Target},
    rules::Filter,
    topology::{DeliverySpec, IntakeSpec, QueueSpec, SubscriptionSpec, TopicSpec, Topology},
};

/// Every place a copy can be received from: each queue, and behind it its dead letters.
const PLACES: [&str; 3] = ["work", "signups/Subscriptions/all", "signups/Subscriptions/odd"];

/// The queue dead-letters what expires; so does `odd`, which wants odd messages only. `all` drops it.
fn topology() -> Topology {
    let delivery = |dead_letter_on_expiry, default_time_to_live: Option<Duration>| DeliverySpec {
        lock_duration: LOCK,
        max_delivery_count: LIMIT,
        default_time_to_live,
        dead_letter_on_expiry,
    };
    let intake = IntakeSpec { duplicate_window: Some(WINDOW), ..IntakeSpec::default() };
    let subscription =
        |name: &str, delivery, rules| SubscriptionSpec { name: name.to_owned(), delivery, rules };
    let odd = Filter::sql("number % 2 = 1").unwrap();
    let topic = TopicSpec {
        name: "signups".to_owned(),
        intake: IntakeSpec::default(),
        default_time_to_live: None,
        subscriptions: vec![
            subscription("all", delivery(false, None), vec![]),
            subscription("odd", delivery(true, None), vec![odd.clone(), odd]),
        ],
    };
    let queue =
        QueueSpec { name: "work".to_owned(), intake, delivery: delivery(true, Some(QUEUE_TIME_TO_LIVE)) };
    Topology { queues: vec![queue], topics: vec![topic] }
}

#[derive(Clone, Debug)]
enum Step {
    Send { to_topic: bool, numbers: Vec<i64>, time_to_live: Option<u64> },
    Receive { place: usize, dead: bool },
    Take { place: usize, dead: bool },
    Settle { which: prop::sample::Index, how: Settlement },
    Renew { which: prop::sample::Index },
    Wait { seconds: u64 },
}

fn step() -> impl Strategy<Value = Step> {
    let settlement = prop_oneof![
        2 => Just(Settlement::Complete),
        4 => Just(Settlement::Abandon),
        2 => Just(Settlement::Release),
        2 => Just(dead("Refused")),
    ];
    let numbers = prop::collection::vec(0..12_i64, 1..5);
    let place = || (0..PLACES.len(), any::<bool>());
    prop_oneof![
        3 => (any::<bool>(), numbers, prop::option::of(1..200_u64))
            .prop_map(|(to_topic, numbers, time_to_live)| Step::Send { to_topic, numbers, time_to_live }),
        6 => place().prop_map(|(place, dead)| Step::Receive { place, dead }),
        1 => place().prop_map(|(place, dead)| Step::Take { place, dead }),
        6 => (any::<prop::sample::Index>(), settlement).prop_map(|(which, how)| Step::Settle { which, how }),
        2 => any::<prop::sample::Index>().prop_map(|which| Step::Renew { which }),
        2 => (0..100_u64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

struct Both {
    machine: Machine<i64>,
    model: Model,
    disk: Disk<i64>,
    /// Every token ever given out, with where; most of them lost by the time they are used.
    tokens: Vec<(QueueId, LockToken)>,
    /// What could be received after the step before.
    available: BTreeMap<QueueId, BTreeSet<i64>>,
    now: Millis,
}

impl Both {
    fn new() -> Self {
        let machine = Machine::new(&topology(), 1);
        Self {
            machine,
            model: Model::default(),
            disk: Disk::new(),
            tokens: Vec::new(),
            available: BTreeMap::new(),
            now: Millis(0),
        }
    }

    fn queue(&self, place: usize, dead: bool) -> QueueId {
        let address = format!("{}{}", PLACES[place], if dead { "/$DeadLetterQueue" } else { "" });
        match self.machine.find(&address) {
            Some(Target::Queue(queue)) => queue,
            other => panic!("{address} is {other:?}"),
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Send { to_topic, numbers, time_to_live } => self.send(to_topic, &numbers, time_to_live),
            Step::Receive { place, dead } => self.receive(place, dead),
            Step::Take { place, dead } => self.take(place, dead),
            Step::Settle { which, how } => self.settle(which, &how),
            Step::Renew { which } => self.renew(which),
            Step::Wait { seconds: waited } => self.wait(waited),
        }
    }

    fn send(&mut self, to_topic: bool, numbers: &[i64], time_to_live: Option<u64>) {
        let new = |number: &i64| NewMessage {
            facets: Facets {
                message_id: Some(number.to_string()),
                properties: BTreeMap::from([("number".to_owned(), PropertyValue::Integer(*number))]),
                time_to_live: time_to_live.map(seconds),
                size: 10,
                ..Facets::default()
            },
            payload: *number,
        };
        let to = self.machine.find(if to_topic { "signups" } else { "work" }).unwrap();
        self.machine.send(to, numbers.iter().map(new).collect(), self.now).unwrap();
        numbers.iter().for_each(|number| self.model.send(to_topic, *number, time_to_live, self.now));
    }

    fn receive(&mut self, place: usize, dead: bool) {
        let queue = self.queue(place, dead);
        let got = self.machine.receive(queue, self.now);
        let expected = self.model.first(place, dead);
        let facts = |number, payload, deliveries| (number, payload, deliveries);
        assert_eq!(
            got.as_ref().map(|got| facts(got.sequence_number, got.payload, got.delivery_count)),
            expected.as_ref().map(|copy| facts(copy.sequence_number, copy.number, copy.deliveries))
        );
        if let (Some(got), Some(copy)) = (got, expected) {
            copy.fate = Fate::Locked(got.token, got.locked_until);
            assert!(self.model.tokens.insert(got.token), "a lock token was given out twice");
            self.tokens.push((queue, got.token));
        }
    }

    fn take(&mut self, place: usize, dead: bool) {
        let got = self.machine.take(self.queue(place, dead), self.now).map(|got| got.sequence_number);
        let expected = self.model.first(place, dead);
        assert_eq!(got, expected.as_ref().map(|copy| copy.sequence_number));
        if let Some(copy) = expected {
            copy.fate = Fate::Gone;
        }
    }

    /// The queue of some token, and the copy that it still locks.
    fn locked(&mut self, which: prop::sample::Index) -> Option<(QueueId, LockToken, Option<&mut Copy>)> {
        let (queue, token) = *self.tokens.get(which.index(self.tokens.len().max(1)))?;
        let holds = |copy: &&mut Copy| matches!(copy.fate, Fate::Locked(held, _) if held == token);
        Some((queue, token, self.model.copies.iter_mut().find(holds)))
    }

    fn settle(&mut self, which: prop::sample::Index, how: &Settlement) {
        let now = self.now;
        let Some((queue, token, copy)) = self.locked(which) else { return };
        let again = copy.as_ref().is_some_and(|copy| copy.dead.is_some())
            && matches!(how, Settlement::DeadLetter { .. });
        let holds = copy.is_some();
        if let Some(copy) = copy {
            copy.settle(how, now);
        }
        assert_eq!(self.machine.settle(queue, token, how.clone(), now).is_ok(), holds && !again);
    }

    fn renew(&mut self, which: prop::sample::Index) {
        let until = self.now.plus(LOCK);
        let Some((queue, token, copy)) = self.locked(which) else { return };
        let expected = copy.map(|copy| copy.fate = Fate::Locked(token, until)).map(|()| until);
        assert_eq!(self.machine.renew(queue, token, self.now).ok(), expected);
    }

    /// Nothing happens before the deadline that the machine names.
    fn wait(&mut self, waited: u64) {
        let then = self.now.plus(seconds(waited));
        let before = self.machine.next_deadline().map_or(then, |deadline| Millis(deadline.0 - 1).min(then));
        self.machine.advance(before);
        assert!(self.machine.take_changes().is_empty(), "something was due before the deadline");
        self.now = then;
        self.model.pass(then);
        self.machine.advance(then);
        assert!(
            self.machine.next_deadline().is_none_or(|deadline| deadline > then),
            "something due was left"
        );
    }

    fn check(&mut self) {
        let woken = self.machine.take_woken();
        for (place, dead) in (0..PLACES.len()).flat_map(|place| [(place, false), (place, true)]) {
            let queue = self.queue(place, dead);
            assert_eq!(
                self.machine.counts(queue),
                self.model.counts(place, dead),
                "{} dead: {dead}",
                PLACES[place]
            );
            let available = &self.machine.queue(queue).available;
            let before = self.available.insert(queue, available.clone()).unwrap_or_default();
            assert!(
                available.is_subset(&before) || woken.contains(&queue),
                "{} was not woken",
                PLACES[place]
            );
            let seen =
                self.machine.peek(queue, 0, usize::MAX, self.now).into_iter().map(facts).collect::<Vec<_>>();
            assert_eq!(seen, self.model.seen(place, dead));
        }
        self.disk.write(self.machine.take_changes());
    }

    /// What the disk says is what the machine holds, with every lock freed.
    fn check_restart(self) {
        let mut restarted = Machine::new(&topology(), 2);
        restarted.restore(self.disk.0);
        for (queue, name) in self.machine.queues() {
            let facts = |machine: &Machine<i64>| {
                // At time zero nothing has expired: what lay under a lock past its time is compared as well.
                let seen = machine.peek(queue, 0, usize::MAX, Millis(0)).into_iter();
                seen.map(|seen| facts(Seen { locked_until: None, ..seen })).collect::<Vec<_>>()
            };
            assert_eq!(facts(&restarted), facts(&self.machine), "{name}");
            assert_eq!(restarted.counts(queue).available, self.machine.counts(queue).total, "{name}");
        }
        let numbers = |machine: &Machine<i64>| {
            machine.queues.iter().map(|queue| queue.last_sequence_number).collect::<Vec<_>>()
        };
        assert_eq!(numbers(&restarted), numbers(&self.machine));
        let used = |machine: &Machine<i64>| {
            machine.entities.iter().map(|entity| entity.used_bytes).collect::<Vec<_>>()
        };
        assert_eq!(used(&restarted), used(&self.machine));
    }
}

fn facts(seen: Seen<i64>) -> Facts {
    let reason = seen.dead_letter.map(|DeadLetter { reason, .. }| reason);
    (seen.sequence_number, seen.payload, seen.delivery_count, seen.locked_until, reason)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_copy_is_ever_lost_or_doubled_and_the_disk_agrees(steps in prop::collection::vec(step(), 1..120)) {
        let mut both = Both::new();
        for step in steps {
            both.run(step);
            both.check();
        }
        both.check_restart();
    }
}
