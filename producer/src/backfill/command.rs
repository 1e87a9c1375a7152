//! `usher-producer backfill`: from the settings to a backfill, and to what became of it.

use std::{io::sink, num::NonZeroU32, sync::Arc};

use clap::Args;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use usher_bus::{Bus, Publisher};
use usher_clock::Clock;
use usher_entra::Graph;
use usher_service::{Failure, Shutdown};

use super::{
    Backfill, BackfillError, Span,
    teller::{Teller, minute},
};
use crate::{
    CheckpointError, CheckpointStore, Held, Kept, MemoryCheckpoint, Policy, Settings, StartFrom,
    dry_run::Printer, start,
};

/// What was done stays done.
const AGAIN: &str = "the same command goes on from here";

/// What a backfill is told beside the producer's settings, which come before its name.
#[derive(Args, Clone, Debug)]
pub struct BackfillArgs {
    /// Where to begin: how long ago ("7d"), or a time (RFC 3339). What the log no longer keeps is lost
    #[arg(long, value_name = "WHEN")]
    pub since: StartFrom,
    /// Where to end, as --since
    #[arg(long, value_name = "WHEN", default_value = "now")]
    pub until: StartFrom,
    /// Begins anew, wherever an earlier run ended
    #[arg(long)]
    pub restart: bool,
    /// Counts the sign-ups and ends; publishes and writes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Requests to the audit log in 10 seconds, at most. The log takes 5 from one app registration, and the running
    /// producer needs some of them
    #[arg(long, env = "BACKFILL_REQUESTS", value_name = "N", default_value = "2")]
    pub requests: NonZeroU32,
}

/// Runs a backfill until it is done or told to stop.
pub(crate) async fn carry_out(
    settings: Settings,
    args: BackfillArgs,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let span = span(&args, Clock::system().now())?;
    let graph = start::graph(&settings)?;
    graph.check_token().await.map_err(start::no_token)?;
    if args.dry_run {
        let (nobody, record) = (Arc::new(Printer::new(sink())), Box::new(MemoryCheckpoint::default()));
        let backfill = begin(&settings, &args, span, graph, nobody, record).await?;
        return run(backfill.counting_only(), &shutdown).await;
    }
    let record = settings.checkpoint.open_record(settings.http.extra_ca_file.as_deref())?;
    let bus = start::bus(&settings)?;
    let ended = match bus.publisher(settings.bus.topic()).await {
        Ok(publisher) => {
            let work = Work { settings: &settings, args: &args, span, graph, publisher };
            work.carry_out(record, &shutdown).await
        }
        Err(error) => Err(start::no_bus(&settings, error)),
    };
    bus.close().await;
    ended
}

/// What a backfill is made of, but for its record.
struct Work<'a> {
    settings: &'a Settings,
    args: &'a BackfillArgs,
    span: Span,
    graph: Graph,
    publisher: Arc<dyn Publisher>,
}

impl Work<'_> {
    /// Carries it out under the lease on its record: two at once would each write over how far the other came.
    async fn carry_out(self, record: Kept, shutdown: &Shutdown) -> Result<(), Failure> {
        let start_from = Some(StartFrom::At(self.span.since));
        let policy = Policy { start_from, ..self.settings.policy() };
        let tenure = record.take_or_begin(&policy, Clock::system().now()).await;
        let Some(tenure) = tenure.map_err(|error| not_begun(error.into()))? else {
            let problem = "CHECKPOINT: another backfill works with the record beside it";
            return Err(Failure::Unavailable(problem.to_owned()));
        };
        let store = tenure.store();
        let Self { settings, args, span, graph, publisher } = self;
        let work = async {
            let backfill = begin(settings, args, span, graph, publisher, store).await?;
            run(backfill, shutdown).await
        };
        let lost = || Failure::Unavailable(format!("{}; {AGAIN}", Held::LeaseLost));
        tenure.hold(Box::pin(work)).await.unwrap_or_else(|| Err(lost()))
    }
}

fn span(args: &BackfillArgs, now: OffsetDateTime) -> Result<Span, Failure> {
    let (since, until) = (args.since.from(now), args.until.from(now).min(now));
    if since >= until {
        return Err(Failure::setting("--since", "must lie before --until, and both in the past"));
    }
    Ok(Span { since, until, restart: args.restart })
}

async fn begin(
    settings: &Settings,
    args: &BackfillArgs,
    span: Span,
    graph: Graph,
    publisher: Arc<dyn Publisher>,
    record: Box<dyn CheckpointStore>,
) -> Result<Backfill, Failure> {
    let (policy, clock) = (settings.policy(), Clock::system());
    Backfill::new(policy, span, graph, publisher, record, clock, args.requests).await.map_err(not_begun)
}

async fn run(mut backfill: Backfill, shutdown: &Shutdown) -> Result<(), Failure> {
    let mut teller = Teller::new();
    let from = backfill.step().reached;
    teller.conclude(&format!("beginning at {}", minute(from)));
    let ended = backfill.run(shutdown, &mut |step| teller.tell(step)).await;
    let step = backfill.step();
    let done = format!(
        "from {} to {}: {} sign-ups in {} entries, {} published, {} users gone again, {} pages of the log",
        minute(from),
        minute(step.reached),
        step.recognised,
        step.seen,
        step.published,
        step.gone,
        step.pages,
    );
    teller.conclude(&done);
    ended.map_err(|held| stopped(held, backfill.end_of_slice()))
}

fn not_begun(error: BackfillError) -> Failure {
    match error {
        BackfillError::BeganLater { .. } | BackfillError::Record(CheckpointError::Future) => {
            Failure::setting("--since", error)
        }
        BackfillError::Record(error) if error.passes() => start::unusable(error),
        BackfillError::Record(error) => Failure::setting(
            "CHECKPOINT",
            format!("the record of the backfill beside it {error}. --restart writes it anew"),
        ),
    }
}

/// What was done stays done: whatever it was, the way on is the same command.
fn stopped(held: Held, end_of_slice: OffsetDateTime) -> Failure {
    match held {
        Held::Stopping => Failure::Negative(format!("stopped; {AGAIN}")),
        Held::Checkpoint(error) if !error.passes() => {
            Failure::setting("CHECKPOINT", format!("{error}; {AGAIN}"))
        }
        Held::BadEntries { .. } => Failure::Negative(format!(
            "{held}. Once that can be read, {AGAIN}; to pass over it and nothing else, add --restart --since {}",
            end_of_slice.format(&Rfc3339).unwrap_or_default()
        )),
        held => Failure::Unavailable(format!("{held}. Mend that, or wait for it: {AGAIN}")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn args(since: &str, until: &str) -> BackfillArgs {
        BackfillArgs {
            since: since.parse().unwrap(),
            until: until.parse().unwrap(),
            restart: false,
            dry_run: false,
            requests: NonZeroU32::MIN,
        }
    }

    #[test]
    fn a_span_lies_in_the_past_and_has_a_length() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1 << 30);
        let week = span(&args("7d", "now"), now).unwrap();
        assert_eq!((week.until, week.until - week.since), (now, time::Duration::days(7)));
        assert_eq!(span(&args("7d", "9999-01-01T00:00:00Z"), now).unwrap().until, now);
        for (since, until) in [("now", "now"), ("1d", "2d"), ("9999-01-01T00:00:00Z", "now")] {
            assert!(span(&args(since, until), now).is_err(), "{since} {until}");
        }
    }
}
