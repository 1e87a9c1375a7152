//! `usher dlq drop`: dead letters that nobody will ever want to be tried again.

use clap::Args;
use time::OffsetDateTime;
use usher_service::{Failure, Shutdown};
use usher_subscriber::dead_letters::{Filter, Matcher};

use super::{
    Whose,
    confirm::Asking,
    removal::{NOT_REMOVED, Removal},
};

/// Arguments of `usher dlq drop`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DropArgs {
    #[command(flatten)]
    whose: Whose,
    /// Their sequence numbers, as `usher dlq list` shows them
    #[arg(value_name = "SEQ")]
    numbers: Vec<i64>,
    /// All that there are
    #[arg(long, conflicts_with = "numbers")]
    all: bool,
    /// Say what would be removed, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Don't ask, neither once nor twice
    #[arg(long)]
    yes_really: bool,
    /// One JSON object a line: one for each dead letter, and at the end what became of all
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Which dead letters")]
    filter: Filter,
}

const EXAMPLES: &str = "\
They are gone for good: export them first if anybody may ask for them. Name them by number, by a filter, or say --all. \
It asks twice, the second time for the consumer's name, on a terminal; elsewhere it takes --yes-really. It can be \
stopped at any moment and run again.

Examples:
  usher dlq drop billing 7 9
  usher dlq drop billing --reason Undecodable --dry-run
  usher dlq drop billing --user a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d     somebody asked to be forgotten
  usher dlq drop billing --all --yes-really";

/// Removes what is named.
pub(crate) async fn run(args: DropArgs, shutdown: &Shutdown) -> Result<(), Failure> {
    let matcher = named(&args)?;
    let asking = Asking {
        flag: "--yes-really",
        answered: args.yes_really || args.dry_run,
        undone: NOT_REMOVED,
        shutdown,
    };
    asking.ensure_possible()?;
    let removal = Removal { whose: &args.whose, matcher, dry_run: args.dry_run, json: args.json, shutdown };
    let consumer = args.whose.consumer.name();
    let confirm = async |what: &str| {
        asking.yes(&format!("{what} Go on?")).await?;
        asking.word("Nobody can bring them back.", consumer).await
    };
    removal.run(confirm).await
}

/// Nothing named must not mean everything.
fn named(args: &DropArgs) -> Result<Matcher, Failure> {
    if args.numbers.is_empty() && args.filter.is_empty() && !args.all {
        return Err(Failure::setting("--all", "is missing: name sequence numbers or a filter, or say --all"));
    }
    let matcher = args.filter.at(OffsetDateTime::now_utc());
    Ok(if args.numbers.is_empty() { matcher } else { matcher.among(args.numbers.iter().copied()) })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn args(line: &[&str]) -> DropArgs {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            drop: DropArgs,
        }
        Line::parse_from(["drop", "billing"].iter().chain(line)).drop
    }

    #[test]
    fn nothing_named_is_not_everything() {
        assert!(matches!(named(&args(&[])), Err(Failure::Setting { setting: "--all", .. })));
        assert!(named(&args(&["--all"])).is_ok());
        let some = named(&args(&["9", "7"])).unwrap();
        assert_eq!((some.first(), some.last()), (7, 9));
        let narrowed = named(&args(&["--seq", "..8", "9", "7"])).unwrap();
        assert_eq!((narrowed.first(), narrowed.last()), (7, 8));
    }
}
