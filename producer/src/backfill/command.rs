//! `usher-producer backfill`: from the settings to a backfill, and to what became of it.

use std::{
    ffi::OsString,
    io::sink,
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::Arc,
};

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
    CheckpointError, CheckpointStore, FileCheckpoint, Held, MemoryCheckpoint, Settings, StartFrom,
    dry_run::Printer, start,
};

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
    let http = settings.http.client().map_err(|error| Failure::setting("USHER_EXTRA_CA_FILE", error))?;
    let graph = settings.entra.graph(http, Clock::system());
    graph.check_token().await.map_err(start::no_token)?;
    if args.dry_run {
        let (nobody, record) = (Arc::new(Printer::new(sink())), Box::new(MemoryCheckpoint::default()));
        let backfill = begin(&settings, &args, span, graph, nobody, record).await?;
        return run(backfill.counting_only(), &shutdown).await;
    }
    let bus = start::bus(&settings)?;
    let publisher = bus.publisher(settings.bus.topic()).await;
    let publisher = publisher.map_err(|error| start::no_bus(&settings, error))?;
    let record = Box::new(FileCheckpoint::new(record_beside(&settings.checkpoint)));
    let ended = match begin(&settings, &args, span, graph, publisher, record).await {
        Ok(backfill) => run(backfill, &shutdown).await,
        Err(failure) => Err(failure),
    };
    bus.close().await;
    ended
}

fn span(args: &BackfillArgs, now: OffsetDateTime) -> Result<Span, Failure> {
    let (since, until) = (args.since.from(now), args.until.from(now).min(now));
    if since >= until {
        return Err(Failure::setting("--since", "must lie before --until, and both in the past"));
    }
    Ok(Span { since, until, restart: args.restart })
}

/// The record lies beside the checkpoint, whose watermark a backfill leaves alone.
fn record_beside(checkpoint: &Path) -> PathBuf {
    let mut name = OsString::from(checkpoint);
    name.push(".backfill");
    name.into()
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
        BackfillError::Record(error) => Failure::setting(
            "CHECKPOINT",
            format!("the record of the backfill beside it {error}. --restart writes it anew"),
        ),
    }
}

/// What was done stays done: whatever it was, the way on is the same command.
fn stopped(held: Held, end_of_slice: OffsetDateTime) -> Failure {
    let again = "the same command goes on from here";
    match held {
        Held::Stopping => Failure::Negative(format!("stopped; {again}")),
        Held::Checkpoint(error) => Failure::setting("CHECKPOINT", format!("{error}; {again}")),
        Held::BadEntries { .. } => Failure::Negative(format!(
            "{held}. Once that can be read, {again}; to pass over it and nothing else, add --restart --since {}",
            end_of_slice.format(&Rfc3339).unwrap_or_default()
        )),
        held => Failure::Unavailable(format!("{held}. Mend that, or wait for it: {again}")),
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

    #[test]
    fn its_record_lies_beside_the_checkpoint() {
        let record = record_beside(Path::new("/var/lib/usher/checkpoint.json"));
        assert_eq!(record, PathBuf::from("/var/lib/usher/checkpoint.json.backfill"));
    }
}
