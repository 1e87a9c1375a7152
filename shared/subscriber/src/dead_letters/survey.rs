//! What a filter matches, found by looking: for a dry run, for a question before anything is removed, and for where a
//! walk can end.

use std::sync::Arc;

use time::OffsetDateTime;
use usher_bus::{BusError, Peeked, Receiver};

use super::{DeadLetter, Ended, Fate, MOST_HELD, Matcher, Pages, Summary};

/// What was found. A walk after it may find less or more: others work on the same queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// How many match.
    pub matched: u64,
    /// How many of those a walk can reach, which holds what does not match and may hold no more than so many.
    pub within_reach: u64,
    /// How many do not match, up to the last that does.
    pub unmatched: u64,
    /// The sequence number of the last that matches.
    pub last: Option<i64>,
    /// The one that a walk reaches at most.
    pub reach: Option<i64>,
    /// When the oldest that matches was accepted, and the newest.
    pub accepted: Option<(OffsetDateTime, OffsetDateTime)>,
    passed_over: u64,
}

impl Survey {
    /// Looks through the queue. `on_match` gets each letter that matches, and whether a walk can reach it.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn of(
        receiver: &Arc<dyn Receiver>,
        matcher: &Matcher,
        on_match: &mut (dyn FnMut(&Peeked, bool) + Send),
    ) -> Result<Self, BusError> {
        let mut survey = Self::default();
        // From the front, whatever the filter: what lies there is in the way of a walk.
        let mut pages = Pages::new(receiver.clone(), 0).up_to(matcher.last());
        loop {
            let page = pages.next().await?;
            if page.is_empty() {
                return Ok(survey);
            }
            for peeked in &page {
                survey.look_at(peeked, matcher, on_match);
            }
        }
    }

    fn look_at(
        &mut self,
        peeked: &Peeked,
        matcher: &Matcher,
        on_match: &mut (dyn FnMut(&Peeked, bool) + Send),
    ) {
        let reachable = self.passed_over < MOST_HELD as u64;
        if reachable {
            self.reach = Some(peeked.sequence_number);
        }
        if !matcher.matches(&DeadLetter::from(peeked)) {
            self.passed_over += 1;
            return;
        }
        self.matched += 1;
        self.within_reach += u64::from(reachable);
        self.unmatched = self.passed_over;
        self.last = Some(peeked.sequence_number);
        let oldest = self.accepted.map_or(peeked.enqueued_at, |(oldest, _)| oldest.min(peeked.enqueued_at));
        let newest = self.accepted.map_or(peeked.enqueued_at, |(_, newest)| newest.max(peeked.enqueued_at));
        self.accepted = Some((oldest, newest));
        on_match(peeked, reachable);
    }

    /// How a walk over the same letters would end in which all succeeds, up to the sequence number `last`.
    pub fn as_summary(&self, last: Option<i64>) -> Summary {
        let cut_short = self.within_reach < self.matched;
        Summary {
            done: self.within_reach,
            failed: 0,
            unmatched: self.unmatched.min(MOST_HELD as u64),
            reached: last.map(|last| (if cut_short { self.reach.unwrap_or(last) } else { last }, last)),
            ended: if cut_short { Ended::TooManyHeld } else { Ended::AtTheEnd },
        }
    }
}

impl Fate {
    /// As if it had been done.
    pub fn as_if_done(peeked: &Peeked, of: i64) -> Self {
        let (sequence_number, message_id) = (peeked.sequence_number, peeked.message.id.clone());
        Self { sequence_number, of, message_id, still_dead: None }
    }
}
