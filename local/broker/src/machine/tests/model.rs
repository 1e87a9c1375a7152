//! A broker too simple to be wrong: a flat list of copies, looked through at every step.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use usher_bus::{LockToken, Settlement};

use super::bench::seconds;
use crate::machine::{Counts, Millis};

pub(super) const LIMIT: u32 = 3;
pub(super) const WINDOW: Duration = Duration::from_secs(90);
pub(super) const QUEUE_TIME_TO_LIVE: Duration = Duration::from_secs(200);

/// What peek shows of a copy: place in the queue, payload, failed deliveries, the lock's end, the reason.
pub(super) type Facts = (i64, i64, u32, Option<Millis>, Option<String>);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fate {
    Waiting,
    Locked(LockToken, Millis),
    Gone,
}

#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) place: usize,
    pub(super) sequence_number: i64,
    pub(super) number: i64,
    pub(super) expires_at: Option<Millis>,
    pub(super) deliveries: u32,
    pub(super) dead: Option<String>,
    pub(super) fate: Fate,
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) copies: Vec<Copy>,
    pub(super) sent: BTreeMap<i64, Millis>,
    pub(super) tokens: BTreeSet<LockToken>,
}

impl Model {
    pub(super) fn send(&mut self, to_topic: bool, number: i64, time_to_live: Option<u64>, now: Millis) {
        if !to_topic && self.sent.get(&number).is_some_and(|at| now < at.plus(WINDOW)) {
            return;
        }
        if !to_topic {
            self.sent.insert(number, now);
        }
        let asked = time_to_live.map(seconds);
        for place in if to_topic { 1..3 } else { 0..1 } {
            if place == 2 && number % 2 == 0 {
                continue;
            }
            let kept = if place == 0 {
                Some(asked.map_or(QUEUE_TIME_TO_LIVE, |asked| asked.min(QUEUE_TIME_TO_LIVE)))
            } else {
                asked
            };
            let expires_at = kept.map(|kept| now.plus(kept));
            let sequence_number = 1 + self.copies.iter().filter(|copy| copy.place == place).count() as i64;
            self.copies.push(Copy {
                place,
                sequence_number,
                number,
                expires_at,
                deliveries: 0,
                dead: None,
                fate: Fate::Waiting,
            });
        }
    }

    pub(super) fn pass(&mut self, now: Millis) {
        for copy in &mut self.copies {
            if matches!(copy.fate, Fate::Locked(_, until) if until <= now) {
                copy.fail();
            }
            copy.expire(now);
        }
    }

    /// What a receiver gets next.
    pub(super) fn first(&mut self, place: usize, dead: bool) -> Option<&mut Copy> {
        let fits = |copy: &&mut Copy| copy.is_at(place, dead) && copy.fate == Fate::Waiting;
        self.copies.iter_mut().filter(fits).min_by_key(|copy| copy.sequence_number)
    }

    pub(super) fn counts(&self, place: usize, dead: bool) -> Counts {
        let here: Vec<_> =
            self.copies.iter().filter(|copy| copy.is_at(place, dead) && copy.fate != Fate::Gone).collect();
        let available = here.iter().filter(|copy| copy.fate == Fate::Waiting).count();
        Counts { available, locked: here.len() - available, total: here.len() }
    }

    /// What peek shows.
    pub(super) fn seen(&self, place: usize, dead: bool) -> Vec<Facts> {
        let here = self.copies.iter().filter(|copy| copy.is_at(place, dead) && copy.fate != Fate::Gone);
        let until = |fate: &Fate| if let Fate::Locked(_, until) = fate { Some(*until) } else { None };
        let mut seen: Vec<_> = here
            .map(|copy| {
                (copy.sequence_number, copy.number, copy.deliveries, until(&copy.fate), copy.dead.clone())
            })
            .collect();
        seen.sort();
        seen
    }
}

impl Copy {
    fn is_at(&self, place: usize, dead: bool) -> bool {
        self.place == place && self.dead.is_some() == dead
    }

    fn fail(&mut self) {
        self.fate = Fate::Waiting;
        self.deliveries += 1;
        if self.dead.is_none() && self.deliveries >= LIMIT {
            self.dead = Some("MaxDeliveryCountExceeded".to_owned());
        }
    }

    fn expire(&mut self, now: Millis) {
        if self.fate != Fate::Waiting || self.dead.is_some() || self.expires_at.is_none_or(|at| at > now) {
            return;
        }
        match self.place {
            1 => self.fate = Fate::Gone,
            _ => self.dead = Some("TTLExpiredException".to_owned()),
        }
    }

    pub(super) fn settle(&mut self, how: &Settlement, now: Millis) {
        match how {
            Settlement::Complete => self.fate = Fate::Gone,
            Settlement::Abandon => self.fail(),
            Settlement::Release => self.fate = Fate::Waiting,
            Settlement::DeadLetter { .. } if self.dead.is_some() => {}
            Settlement::DeadLetter { reason, .. } => {
                (self.dead, self.fate) = (Some(reason.clone()), Fate::Waiting)
            }
        }
        self.expire(now);
    }
}
