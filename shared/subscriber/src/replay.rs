//! Replay: the dead-letter queue through the same handler.
//!
//! A message leaves the queue only once it has succeeded. One that fails again, or that the filter does not
//! match, stays locked until the run ends, so that the broker does not hand it out a second time, and then
//! goes back. The run stops at the highest sequence number that was there when it began: it never chases what
//! arrives meanwhile. It can be stopped at any moment.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::task::JoinSet;
use usher_bus::{BusError, Delivery, LockToken, Settlement};
use usher_service::Shutdown;

use crate::{
    Limits, Rejection,
    deliver::{Desk, Verdict},
    highest::highest,
    locks::HeldLock,
    subscriber::{Subscriber, keep_locks, release},
};

/// How many messages a run holds at most. More that fail, or don't match, end it.
const MOST_HELD: usize = 256;
/// A message is retried for this long at most: the operator who waits can run the replay again.
const RETRY_BUDGET: Duration = Duration::from_secs(60);
/// Nothing arrived for this long: what is left is locked by somebody else.
const IDLE: Duration = Duration::from_secs(5);

/// Which dead letters are replayed. What is not set matches all.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct ReplayFilter {
    /// Only those dead-lettered for this reason, for instance StripeRejected.
    #[arg(long, value_name = "REASON")]
    pub reason: Option<String>,
    /// Only the one with this event id.
    #[arg(long, value_name = "EVENT_ID")]
    pub event: Option<String>,
}

/// What became of one dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// Its place in the queue.
    pub sequence_number: i64,
    /// Its MessageId.
    pub message_id: String,
    /// `None`: done. Otherwise why it is still in the queue.
    pub still_dead: Option<String>,
}

/// What became of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Handled with success, and out of the queue.
    pub done: u64,
    /// Handled without success; still in the queue.
    pub failed: u64,
    /// Passed over by the filter; still in the queue.
    pub unmatched: u64,
    /// The last sequence number looked at, and the highest that was there at the start.
    pub reached: Option<(i64, i64)>,
    /// Why the run ended.
    pub ended: Ended,
}

/// Why a run ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ended {
    /// All that was there at the start has been looked at.
    #[default]
    AtTheEnd,
    /// As many messages as may be held have failed or did not match.
    TooManyHeld,
    /// What remains is locked by somebody else, another replay perhaps.
    Locked,
    /// The destination is down.
    DestinationDown,
    /// The operator stopped it.
    Stopped,
}

impl ReplayFilter {
    fn matches(&self, delivery: &Delivery) -> bool {
        let message = &delivery.message;
        let reason = self.reason.as_deref().is_none_or(|reason| message.dead_letter().0 == Some(reason));
        // A corrected copy has a MessageId of its own, so the event id is looked for in the body.
        let event = self.event.as_deref().is_none_or(|id| {
            usher_event::Event::from_json(&message.body)
                .is_ok_and(|event| event.id.to_string().eq_ignore_ascii_case(id))
        });
        reason && event
    }
}

impl Subscriber {
    /// The bounds for a replay: no delivery limit holds in a dead-letter queue, and retries are short.
    pub fn replay_limits(limits: Limits) -> Limits {
        Limits {
            delivery_limit: std::num::NonZeroU32::MAX,
            retry_budget: limits.retry_budget.min(RETRY_BUDGET),
            ..limits
        }
    }

    /// Replays what this subscriber, made on a dead-letter queue, finds there. Tells `report` of each message.
    ///
    /// # Errors
    /// If the broker fails in a way that waiting can't mend. What was not completed is still in the queue.
    pub async fn replay(
        self,
        filter: &ReplayFilter,
        shutdown: &Shutdown,
        report: &mut (dyn FnMut(&Replayed) + Send),
    ) -> Result<Summary, BusError> {
        let desk = self.desk();
        let Some(highest) = highest(&*desk.receiver).await? else { return Ok(Summary::default()) };
        let _renewing = keep_locks(desk);
        let mut run =
            Run { desk, filter, report, highest, hand: Hand::default(), summary: Summary::default() };
        run.summary.reached = Some((0, highest));
        let ended = run.until_ended(shutdown).await;
        run.give_back().await;
        run.summary.ended = ended?;
        Ok(run.summary)
    }
}

/// One run over the queue.
struct Run<'a> {
    desk: &'a Arc<Desk>,
    filter: &'a ReplayFilter,
    report: &'a mut (dyn FnMut(&Replayed) + Send),
    highest: i64,
    hand: Hand,
    summary: Summary,
}

/// What the run has in hand.
#[derive(Default)]
struct Hand {
    working: JoinSet<(Delivery, HeldLock, Verdict)>,
    /// Failed or unmatched: their locks are renewed until the run ends.
    kept: Vec<HeldLock>,
    /// All that is not settled, by sequence number: what works and what is kept.
    unsettled: BTreeMap<i64, LockToken>,
    credit: usize,
}

impl Run<'_> {
    async fn until_ended(&mut self, shutdown: &Shutdown) -> Result<Ended, BusError> {
        loop {
            self.allow();
            if self.hand.working.is_empty() && self.hand.credit == 0 {
                return Ok(if self.at_end() { Ended::AtTheEnd } else { Ended::TooManyHeld });
            }
            tokio::select! {
                biased;
                () = shutdown.requested() => return Ok(Ended::Stopped),
                () = self.desk.circuit.opened() => return Ok(Ended::DestinationDown),
                Some(worked) = self.hand.working.join_next() => {
                    if let Ok((delivery, lock, verdict)) = worked {
                        self.worked(delivery, lock, verdict).await;
                    }
                }
                () = self.desk.waiting_changed.notified() => {}
                delivery = self.desk.receiver.next(), if self.hand.credit > 0 => self.take(delivery?),
                () = tokio::time::sleep(IDLE), if self.hand.working.is_empty() => return Ok(Ended::Locked),
            }
        }
    }

    fn at_end(&self) -> bool {
        self.summary.reached.is_some_and(|(reached, highest)| reached >= highest)
    }

    /// Asks for as many messages as may be worked on, never for more than may be held.
    fn allow(&mut self) {
        let at_end = self.at_end();
        let hand = &mut self.hand;
        let concurrency = self.desk.limits.concurrency.get() as usize;
        let taken = hand.working.len() + hand.credit;
        // What waits for its next attempt works on nothing.
        let busy = taken.saturating_sub(self.desk.waiting.load(Ordering::Relaxed));
        let room = concurrency.saturating_sub(busy).min(MOST_HELD.saturating_sub(taken + hand.kept.len()));
        if room > 0 && !at_end {
            hand.credit += room;
            self.desk.receiver.add_credit(u32::try_from(room).unwrap_or(u32::MAX));
        }
    }

    fn take(&mut self, delivery: Delivery) {
        self.hand.credit = self.hand.credit.saturating_sub(1);
        let number = delivery.sequence_number;
        let lock = self.desk.locks.hold(&delivery);
        self.hand.unsettled.insert(number, delivery.lock);
        if let Some((reached, _)) = &mut self.summary.reached {
            *reached = number.min(self.highest).max(*reached);
        }
        if self.at_end() {
            self.forget_credit();
        }
        if number > self.highest || !self.filter.matches(&delivery) {
            self.summary.unmatched += u64::from(number <= self.highest);
            self.hand.kept.push(lock);
            return;
        }
        let desk = self.desk.clone();
        self.hand.working.spawn(async move {
            let verdict = desk.decide(&delivery).await;
            (delivery, lock, verdict)
        });
    }

    /// What arrives on credit still out is given back with the rest: no need to wait for it.
    fn forget_credit(&mut self) {
        self.hand.credit = 0;
    }

    async fn worked(&mut self, delivery: Delivery, lock: HeldLock, verdict: Verdict) {
        let still_dead = match verdict {
            Verdict::Complete => match self.desk.receiver.settle(delivery.lock, Settlement::Complete).await {
                Ok(()) => None,
                Err(error) => Some(format!("done, but not settled: {error}")),
            },
            Verdict::DeadLetter(Rejection { reason, detail }) => Some(format!("{reason} {detail}")),
            Verdict::Abandon => Some("the handler panicked".to_owned()),
            Verdict::Release => {
                Some("given back: the destination is down, or the run was stopped".to_owned())
            }
        };
        *(if still_dead.is_none() { &mut self.summary.done } else { &mut self.summary.failed }) += 1;
        (self.report)(&Replayed {
            sequence_number: delivery.sequence_number,
            message_id: delivery.message.id.clone(),
            still_dead: still_dead.clone(),
        });
        match still_dead {
            Some(_) => self.hand.kept.push(lock),
            None => _ = self.hand.unsettled.remove(&delivery.sequence_number),
        }
    }

    /// Everything that is still locked goes back to where it was. What runs is cut short: it has not been
    /// settled, and doing it again later changes nothing.
    async fn give_back(&mut self) {
        self.hand.working.shutdown().await;
        let arrived = self.desk.receiver.withdraw_credit().await.unwrap_or_default();
        let arrived = arrived.into_iter().map(|delivery| delivery.lock);
        let unsettled = std::mem::take(&mut self.hand.unsettled).into_values();
        release(&*self.desk.receiver, arrived.chain(unsettled)).await;
        self.desk.receiver.close().await;
    }
}
