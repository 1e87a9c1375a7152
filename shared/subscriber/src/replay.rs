//! Replay: the dead-letter queue through the same handler.
//!
//! A message leaves the queue only once it has succeeded. One that fails again, or that the filter does not
//! match, stays locked until the run ends, so that the broker does not hand it out a second time, and then
//! goes back. The run stops at the highest sequence number that was there when it began: it never chases what
//! arrives meanwhile. It can be stopped at any moment.

use std::{
    ffi::OsString,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use clap::Args;
use tracing::Span;
use usher_bus::{BusError, Delivery};
use usher_service::Shutdown;

use crate::{
    Limits, Rejection,
    dead_letters::{Ended, Fate, Filter, Summary, Survey, Tempo, Walk, Work},
    deliver::{Desk, Verdict},
    highest::highest,
    spans,
    subscriber::Subscriber,
};

/// A message is retried for this long at most: the operator who waits can run the replay again.
const RETRY_BUDGET: Duration = Duration::from_secs(60);

/// What a replay is to do.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Replay {
    /// How fast.
    #[command(flatten)]
    pub tempo: Tempo,
    /// Say what would be tried again, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// One JSON object a line: one for each message, and at the end what became of all
    #[arg(long)]
    pub json: bool,
    /// Which dead letters.
    #[command(flatten, next_help_heading = "Which dead letters")]
    pub filter: Filter,
}

impl Replay {
    /// What becomes of a message, in a word or two.
    pub fn done(&self) -> &'static str {
        if self.dry_run { "would be tried again" } else { "done" }
    }

    /// The arguments that it is read from, to hand it on to a consumer's own binary.
    pub fn to_args(&self) -> Vec<OsString> {
        let flags = [(self.dry_run, "--dry-run"), (self.json, "--json")];
        let flags = flags.into_iter().filter(|(set, _)| *set).map(|(_, flag)| flag.into());
        [self.tempo.to_args(), flags.collect(), self.filter.to_args()].concat()
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
        replay: &Replay,
        shutdown: &Shutdown,
        report: &mut (dyn FnMut(&Fate) + Send),
    ) -> Result<Summary, BusError> {
        let desk = self.desk();
        let summary = if replay.dry_run {
            tokio::select! {
                biased;
                () = shutdown.requested() => Ok(Summary { ended: Ended::Stopped, ..Summary::default() }),
                foreseen = foresee(desk, replay, report) => foreseen,
            }
        } else {
            try_again(desk, replay, shutdown, report).await
        };
        desk.receiver.close().await;
        summary
    }
}

async fn try_again(
    desk: &Arc<Desk>,
    replay: &Replay,
    shutdown: &Shutdown,
    report: &mut (dyn FnMut(&Fate) + Send),
) -> Result<Summary, BusError> {
    let Some(highest) = highest(&*desk.receiver).await? else { return Ok(Summary::default()) };
    let matcher = replay.filter.at(desk.admission.clock.now());
    let walk = Walk {
        receiver: desk.receiver.clone(),
        work: Arc::new(Again(desk.clone())),
        last: highest.min(matcher.last()),
        matcher,
        tempo: replay.tempo,
    };
    walk.run(shutdown, report).await
}

/// What a replay would try again now.
async fn foresee(
    desk: &Arc<Desk>,
    replay: &Replay,
    report: &mut (dyn FnMut(&Fate) + Send),
) -> Result<Summary, BusError> {
    let matcher = replay.filter.at(desk.admission.clock.now());
    let last = highest(&*desk.receiver).await?.map(|highest| highest.min(matcher.last()));
    let survey = Survey::of(&desk.receiver, &matcher, &mut |peeked, within_reach| {
        if within_reach {
            report(&Fate::as_if_done(peeked, last.unwrap_or(peeked.sequence_number)));
        }
    })
    .await?;
    Ok(survey.as_summary(last))
}

/// The consumer's own handler.
struct Again(Arc<Desk>);

#[async_trait]
impl Work for Again {
    async fn on(&self, letter: &Delivery) -> Result<(), String> {
        let verdict = self.0.decide(letter).await;
        spans::tried_again(&verdict);
        match verdict {
            Verdict::Complete(effect) => {
                self.0.tally.effect(effect);
                Ok(())
            }
            Verdict::DeadLetter(Rejection { reason, detail }) => Err(format!("{reason} {detail}")),
            Verdict::Abandon => Err("the handler panicked".to_owned()),
            Verdict::Release => Err("given back: the destination is down, or the run was stopped".to_owned()),
        }
    }

    fn span(&self, letter: &Delivery) -> Span {
        self.0.spans.replay(letter)
    }

    fn at_once(&self) -> usize {
        self.0.limits.concurrency.get() as usize
    }

    fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Relaxed)
    }

    async fn waiting_changed(&self) {
        self.0.waiting_changed.notified().await;
    }

    async fn pointless(&self) -> Ended {
        self.0.circuit.opened().await;
        Ended::DestinationDown
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        replay: Replay,
    }

    fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Replay, clap::Error> {
        Line::try_parse_from([OsString::from("replay")].into_iter().chain(args)).map(|line| line.replay)
    }

    #[test]
    fn a_replay_is_handed_on_as_it_was_given() {
        let all = ["--rate=5/s", "--ramp=1m", "--dry-run", "--json", "--reason=X", "--seq=7.."];
        for given in [&all[..], &[], &["--rate=30/m"]] {
            let given = parse(given.iter().map(OsString::from)).unwrap();
            assert_eq!(parse(given.to_args()).unwrap(), given);
        }
    }

    #[test]
    fn a_ramp_rises_to_some_rate() {
        assert!(parse(["--ramp=1m".into()]).is_err());
    }
}
