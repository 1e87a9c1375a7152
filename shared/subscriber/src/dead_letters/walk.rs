//! A walk: dead letters received from the front, worked on, and out of the queue only once that is done.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use backon::Retryable;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::{Instrument, Span};
use usher_bus::{BusError, Delivery, LockToken, Peeked, Receiver, Settlement};
use usher_service::Shutdown;

use super::{
    DeadLetter, Ended, Fate, Matcher, Pages, Summary, Tempo,
    hand::{Hand, Held, Settled, Stage, Worked},
    rate::Turns,
};
use crate::{
    backoff,
    locks::Locks,
    spans::{self, Spans},
    subscriber::release,
};

/// How many letters a walk holds at most. More that fail, or don't match, end it.
pub const MOST_HELD: usize = 256;
/// Nothing arrived for this long: the queue is asked what is left in it.
const QUIET: Duration = Duration::from_secs(3);
/// It was asked so often, and nothing arrived all the same: what is left is locked by somebody else. More than once,
/// since a broker that has just come back needs a moment to deliver.
const QUIET_ROUNDS: u32 = 2;
/// How long completions under way may take once the walk is to end.
const LAST_COMPLETIONS: Duration = Duration::from_secs(10);
/// How many letters are completed at once where there is nothing else to do.
const COMPLETIONS: usize = 64;

/// What is done with each letter that the filter matches.
#[async_trait]
pub trait Work: Send + Sync + 'static {
    /// Does it. `Ok`: the letter leaves the queue. `Err` says why it must stay.
    ///
    /// May be cut short, and may come again for the same letter, to another process or to this one.
    async fn on(&self, letter: &Delivery) -> Result<(), String>;

    /// How many letters are worked on at once.
    fn at_once(&self) -> usize;

    /// How many of those do nothing but wait, so that as many others may be worked on.
    fn waiting(&self) -> usize {
        0
    }

    /// Returns when that number has changed.
    async fn waiting_changed(&self) {
        std::future::pending().await
    }

    /// The span of all that is done with a letter, its way out of the queue included. None unless the work has one.
    fn span(&self, _letter: &Delivery) -> Span {
        Span::none()
    }

    /// Returns when there is no point in going on.
    async fn pointless(&self) -> Ended {
        std::future::pending().await
    }
}

/// No work at all: the letters are just to leave the queue.
#[derive(Clone, Copy, Debug)]
pub struct Complete;

#[async_trait]
impl Work for Complete {
    async fn on(&self, _: &Delivery) -> Result<(), String> {
        Ok(())
    }

    fn at_once(&self) -> usize {
        COMPLETIONS
    }
}

/// A walk through a dead-letter queue.
pub struct Walk {
    /// On the queue. It is left open.
    pub receiver: Arc<dyn Receiver>,
    /// What is done.
    pub work: Arc<dyn Work>,
    /// Which letters it is done with.
    pub matcher: Matcher,
    /// The highest sequence number that is looked at: what arrives meanwhile is no concern of this walk.
    pub last: i64,
    /// How fast.
    pub tempo: Tempo,
}

impl Walk {
    /// Walks; tells `report` of each letter that was worked on. Whatever becomes of the walk, each letter's work was
    /// done and it has left the queue, or it is still there.
    ///
    /// # Errors
    /// The broker fails in a way that waiting can't mend, or stays away.
    pub async fn run(
        self,
        shutdown: &Shutdown,
        report: &mut (dyn FnMut(&Fate) + Send),
    ) -> Result<Summary, BusError> {
        let locks = Arc::<Locks>::default();
        let _renewing = renew(&locks, &self.receiver);
        let turns = Turns::new(self.tempo);
        let summary = Summary { reached: Some((0, self.last)), ..Summary::default() };
        let spans = Spans::of(self.receiver.entity(), "");
        let mut run =
            Run { walk: self, locks, turns, report, hand: Hand::default(), quiet: 0, summary, spans };
        let ended = run.until_ended(shutdown).await;
        run.give_back().await;
        run.summary.ended = ended?;
        Ok(run.summary)
    }
}

fn renew(locks: &Arc<Locks>, receiver: &Arc<dyn Receiver>) -> AbortOnDropHandle<()> {
    let (locks, receiver) = (locks.clone(), receiver.clone());
    AbortOnDropHandle::new(tokio::spawn(async move { locks.keep(&*receiver).await }))
}

/// A walk under way.
struct Run<'a> {
    walk: Walk,
    locks: Arc<Locks>,
    turns: Option<Turns>,
    report: &'a mut (dyn FnMut(&Fate) + Send),
    hand: Hand,
    /// How often in a row nothing arrived.
    quiet: u32,
    summary: Summary,
    spans: Spans,
}

impl Run<'_> {
    async fn until_ended(&mut self, shutdown: &Shutdown) -> Result<Ended, BusError> {
        loop {
            self.allow();
            if self.hand.rests() && self.hand.credit == 0 {
                return if self.at_end() { self.end().await } else { Ok(Ended::TooManyHeld) };
            }
            tokio::select! {
                biased;
                () = shutdown.requested() => return Ok(Ended::Stopped),
                ended = self.walk.work.pointless() => return Ok(ended),
                Some(settled) = self.hand.settling.join_next() => {
                    if let Ok(settled) = settled {
                        self.settled(settled).await?;
                    }
                }
                Some(worked) = self.hand.working.join_next() => {
                    if let Ok(worked) = worked {
                        self.worked(worked);
                    }
                }
                () = self.walk.work.waiting_changed() => {}
                delivery = self.walk.receiver.next(), if self.hand.credit > 0 => self.take(delivery?),
                () = sleep(QUIET), if self.hand.rests() => {
                    if let Some(ended) = self.nothing_came().await? {
                        return Ok(ended);
                    }
                }
            }
        }
    }

    fn at_end(&self) -> bool {
        self.summary.reached.is_some_and(|(reached, last)| reached >= last)
    }

    /// Asks for as many letters as may be worked on, never for more than may be held.
    fn allow(&mut self) {
        let at_once = self.walk.work.at_once();
        let busy = self.hand.busy().saturating_sub(self.walk.work.waiting());
        let room = at_once.saturating_sub(busy).min(MOST_HELD.saturating_sub(self.hand.locked()));
        // In halves, so that a quick walk does not send a credit with every letter.
        let worth_it = self.hand.credit == 0 || room * 2 >= at_once;
        let enough = self.at_end() && !self.hand.owes();
        if room > 0 && worth_it && !enough {
            self.hand.credit += room;
            self.walk.receiver.add_credit(u32::try_from(room).unwrap_or(u32::MAX));
        }
    }

    fn take(&mut self, delivery: Delivery) {
        self.hand.credit = self.hand.credit.saturating_sub(1);
        self.quiet = 0;
        let (number, token) = (delivery.sequence_number, delivery.lock);
        if self.again(&delivery) {
            return;
        }
        let lock = self.locks.hold(&delivery);
        let message_id = delivery.message.id.clone();
        let held = Held { token, _lock: lock, message_id, stage: Stage::Kept, span: Span::none() };
        self.hand.held.insert(number, held);
        if let Some((reached, last)) = &mut self.summary.reached {
            *reached = number.min(*last).max(*reached);
        }
        if self.at_end() {
            // What arrives on credit still out is given back with the rest: no need to wait for it.
            self.hand.credit = 0;
        }
        if number > self.walk.last {
            return;
        }
        if self.walk.matcher.matches(&DeadLetter::from(&delivery)) {
            self.begin(delivery);
        } else {
            self.summary.unmatched += 1;
        }
    }

    /// A letter that we had in hand comes again: the broker had lost our lock, by a restart perhaps. It is the same
    /// letter under another lock, and its work is not begun twice.
    fn again(&mut self, delivery: &Delivery) -> bool {
        let (number, token) = (delivery.sequence_number, delivery.lock);
        let Some(held) = self.hand.held.get_mut(&number) else { return false };
        held.token = token;
        held._lock = self.locks.hold(delivery);
        if held.stage == Stage::Done {
            self.complete(number);
        }
        true
    }

    fn begin(&mut self, delivery: Delivery) {
        let number = delivery.sequence_number;
        self.hand.set(number, Stage::AtWork);
        let turn = self.turns.as_mut().map(Turns::next);
        let work = self.walk.work.clone();
        self.hand.working.spawn(async move {
            wait_for(turn).await;
            let span = work.span(&delivery);
            let outcome = work.on(&delivery).instrument(span.clone()).await;
            (number, span, outcome)
        });
    }

    fn worked(&mut self, (number, span, outcome): Worked) {
        match outcome {
            Ok(()) => {
                if let Some(held) = self.hand.held.get_mut(&number) {
                    held.span = span;
                }
                self.complete(number);
            }
            Err(why) => self.stays(number, why),
        }
    }

    /// Asks the broker to let go of a letter whose work is done, without waiting for the answer.
    fn complete(&mut self, number: i64) {
        let Some(held) = self.hand.held.get_mut(&number) else { return };
        held.stage = Stage::Done;
        let (receiver, token) = (self.walk.receiver.clone(), held.token);
        let span = settling(&self.spans, held);
        let settling = async move {
            let answer = complete(&*receiver, number, token).await;
            spans::settled(&Span::current(), &answer);
            (number, token, answer)
        };
        self.hand.settling.spawn(settling.instrument(span));
    }

    async fn settled(&mut self, (number, token, answer): Settled) -> Result<(), BusError> {
        // An answer may have been lost with a connection, so what counts is whether the letter is still there.
        if answer.is_ok() || !is_there(self.walk.receiver.clone(), number).await? {
            self.leaves(number);
        } else if self.hand.held.get(&number).is_some_and(|held| held.token != token) {
            self.complete(number); // it came again meanwhile
        }
        Ok(())
    }

    fn leaves(&mut self, number: i64) {
        if let Some(held) = self.hand.held.remove(&number) {
            // It ends when it was last entered: now.
            held.span.in_scope(|| ());
            self.summary.done += 1;
            self.report(number, held.message_id, None);
        }
    }

    fn stays(&mut self, number: i64, why: String) {
        self.hand.set(number, Stage::Kept);
        self.summary.failed += 1;
        let message_id = self.hand.held.get(&number).map(|held| held.message_id.clone());
        self.report(number, message_id.unwrap_or_default(), Some(why));
    }

    fn report(&mut self, sequence_number: i64, message_id: String, still_dead: Option<String>) {
        (self.report)(&Fate { sequence_number, of: self.walk.last, message_id, still_dead });
    }

    /// Nothing arrived for a while. Either nothing is left, or somebody else has it, or the broker is only slow.
    async fn nothing_came(&mut self) -> Result<Option<Ended>, BusError> {
        self.quiet += 1;
        if self.quiet >= QUIET_ROUNDS || !self.is_more_left(|_| true).await? {
            return self.end().await.map(Some);
        }
        Ok(None)
    }

    /// All that could be had has been looked at; what else there is to do something with is not ours.
    async fn end(&mut self) -> Result<Ended, BusError> {
        let matcher = self.walk.matcher.clone();
        let left = self.is_more_left(|letter| matcher.matches(letter)).await?;
        Ok(if left { Ended::Locked } else { Ended::AtTheEnd })
    }

    /// Whether there is such a letter that is not in our hand. Few are, so this looks at a page or two as a rule.
    async fn is_more_left(
        &mut self,
        such: impl Fn(&DeadLetter<'_>) -> bool + Send,
    ) -> Result<bool, BusError> {
        let mut pages = Pages::within(self.walk.receiver.clone(), &self.walk.matcher).up_to(self.walk.last);
        loop {
            let page = pages.next().await?;
            if page.is_empty() {
                return Ok(false);
            }
            let not_ours = |peeked: &&Peeked| !self.hand.held.contains_key(&peeked.sequence_number);
            if page.iter().filter(not_ours).any(|peeked| such(&DeadLetter::from(peeked))) {
                return Ok(true);
            }
        }
    }

    /// Everything that is still locked goes back to where it was. Work that runs is cut short: doing it again changes
    /// nothing. Completions under way are waited for, or what leaves the queue would be told to be in it.
    async fn give_back(&mut self) {
        while let Some(worked) = self.hand.working.try_join_next() {
            if let Ok(worked) = worked {
                self.worked(worked);
            }
        }
        self.hand.working.shutdown().await;
        let _ = timeout(LAST_COMPLETIONS, self.last_completions()).await;
        self.report_unsettled();
        let receiver = &*self.walk.receiver;
        let arrived = receiver.withdraw_credit().await.unwrap_or_default();
        let arrived = arrived.into_iter().map(|delivery| delivery.lock);
        let held = std::mem::take(&mut self.hand.held).into_values().map(|held| held.token);
        release(receiver, arrived.chain(held)).await;
    }

    async fn last_completions(&mut self) {
        while let Some(settled) = self.hand.settling.join_next().await {
            if let Ok((number, _, Ok(()))) = settled {
                self.leaves(number);
            }
        }
    }

    /// Their work is done, but the broker did not say that they are gone.
    fn report_unsettled(&mut self) {
        let unsettled = self.hand.held.iter().filter(|(_, held)| held.stage == Stage::Done);
        let unsettled: Vec<_> = unsettled.map(|(number, _)| *number).collect();
        for number in unsettled {
            self.stays(number, "done, but the broker did not let go of it: run it again".to_owned());
        }
    }
}

/// The span of a letter's way out of the queue; none where the work with it has none.
fn settling(spans: &Spans, held: &Held) -> Span {
    if held.span.is_disabled() {
        return Span::none();
    }
    held.span.in_scope(|| spans.settle(&Settlement::Complete, &held.message_id))
}

async fn is_there(receiver: Arc<dyn Receiver>, number: i64) -> Result<bool, BusError> {
    let page = Pages::one(receiver, number).next().await?;
    Ok(page.first().is_some_and(|peeked| peeked.sequence_number == number))
}

async fn wait_for(turn: Option<Instant>) {
    if let Some(turn) = turn {
        sleep_until(turn).await;
    }
}

/// Completes, and tries again while the broker can't be reached.
async fn complete(receiver: &dyn Receiver, number: i64, token: LockToken) -> Result<(), BusError> {
    let complete = || receiver.settle(token, Settlement::Complete);
    complete.retry(backoff::settling(number.unsigned_abs())).when(BusError::is_transient).await
}
