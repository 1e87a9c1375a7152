//! `usher dlq expire`: a dead-letter queue has no clean-up of its own, and counts against the topic's quota.

use clap::Args;
use time::OffsetDateTime;
use usher_service::{Failure, Shutdown};
use usher_subscriber::dead_letters::Filter;

use super::{
    Whose,
    confirm::Asking,
    removal::{NOT_REMOVED, Removal},
};

/// Arguments of `usher dlq expire`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ExpireArgs {
    #[command(flatten)]
    whose: Whose,
    /// Say what would be removed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// One JSON object a line: one for each dead letter, and at the end what became of all
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Which dead letters (--older-than is required)")]
    filter: Filter,
}

const EXAMPLES: &str = "\
They are gone for good: export them first if anybody may ask for them. Age counts from when the broker accepted the \
message. It asks once, on a terminal; elsewhere it takes --yes. It can be stopped at any moment and run again.

Examples:
  usher dlq export billing old.jsonl --older-than 30d --reveal
  usher dlq expire billing --older-than 30d --dry-run
  usher dlq expire billing --older-than 30d --yes                    in a nightly job
  usher dlq expire billing --older-than 7d --reason TooOld";

/// Removes what is old.
pub(crate) async fn run(args: ExpireArgs, shutdown: &Shutdown) -> Result<(), Failure> {
    if args.filter.older_than.is_none() {
        return Err(Failure::setting("--older-than", "is missing: say how old, as in --older-than 30d"));
    }
    let asking = Asking { flag: "--yes", answered: args.yes || args.dry_run, undone: NOT_REMOVED, shutdown };
    asking.ensure_possible()?;
    let removal = Removal {
        whose: &args.whose,
        matcher: args.filter.at(OffsetDateTime::now_utc()),
        dry_run: args.dry_run,
        json: args.json,
        shutdown,
    };
    removal.run(async |what: &str| asking.yes(&format!("{what} Go on?")).await).await
}
