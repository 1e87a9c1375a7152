//! `usher dlq list`: one line a dead letter, and how many there are by reason.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use clap::Args;
use usher_service::{Failure, Shutdown};

use super::{
    Whose,
    bus::DeadLetters,
    letter::{Letter, reason},
    page::Pages,
};

/// Counting stops here: by then the answer is "a great many", and a peek costs the namespace credits.
const COUNTED_AT_MOST: usize = 100_000;
/// Reasons counted apart; more would be noise that somebody else made.
const REASONS_AT_MOST: usize = 50;

/// Arguments of `usher dlq list`.
#[derive(Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    whose: Whose,
    /// How many to list
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// Sequence number to begin at
    #[arg(long, default_value_t = 0, value_name = "SEQ")]
    from: i64,
    /// One JSON object a line, and no counts
    #[arg(long)]
    json: bool,
}

/// Lists.
pub(crate) async fn run(args: ListArgs, shutdown: &Shutdown) -> Result<(), Failure> {
    let letters = DeadLetters::open(&args.whose, shutdown).await?;
    let ended = tokio::select! {
        () = shutdown.requested() => Ok(()),
        listed = list(&args, &letters) => listed,
    };
    letters.close().await;
    ended
}

async fn list(args: &ListArgs, letters: &DeadLetters) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let listed = write_letters(args, Pages::new(letters.receiver(), args.from), &mut out).await;
    let Some(next) = unless_closed(listed)? else { return Ok(()) };
    if args.json {
        return Ok(());
    }
    let counts = Counts::of(Pages::new(letters.receiver(), 0)).await?;
    unless_closed(write_counts(args, next, &counts, &mut out).map_err(Trouble::Output)).map(|_| ())
}

enum Trouble {
    Bus(Failure),
    Output(io::Error),
}

/// `usher dlq list | head` closes our output: that is the end, not an error.
fn unless_closed<T>(written: Result<T, Trouble>) -> Result<Option<T>, Failure> {
    match written {
        Ok(value) => Ok(Some(value)),
        Err(Trouble::Bus(failure)) => Err(failure),
        Err(Trouble::Output(e)) if e.kind() == io::ErrorKind::BrokenPipe => Ok(None),
        Err(Trouble::Output(e)) => Err(Failure::Other(e.into())),
    }
}

/// Writes up to the limit, a page at a time. Returns the sequence number to go on from if there may be more.
async fn write_letters(args: &ListArgs, mut pages: Pages, out: &mut impl Write) -> Result<Option<i64>, Trouble> {
    if !args.json {
        writeln!(out, "{HEADING}").map_err(Trouble::Output)?;
    }
    let mut left = args.limit;
    loop {
        let page = pages.next().await.map_err(Trouble::Bus)?;
        for peeked in &page {
            if left == 0 {
                return Ok(Some(peeked.sequence_number));
            }
            write_letter(args, &Letter::of(peeked), out).map_err(Trouble::Output)?;
            left -= 1;
        }
        out.flush().map_err(Trouble::Output)?;
        if page.is_empty() {
            return Ok(None);
        }
    }
}

const HEADING: &str = "   SEQ  ENQUEUED              REASON                    EVENT                                 USER                                  DESCRIPTION";

fn write_letter(args: &ListArgs, letter: &Letter, out: &mut impl Write) -> io::Result<()> {
    if args.json {
        serde_json::to_writer(&mut *out, letter)?;
        return writeln!(out);
    }
    let Letter { sequence_number, enqueued_at, reason, description, event_id, user_id, .. } = letter;
    let user_id = user_id.as_deref().unwrap_or("-");
    writeln!(out, "{sequence_number:>6}  {enqueued_at:<20}  {reason:<24}  {event_id:<36}  {user_id:<36}  {description}")
}

fn write_counts(args: &ListArgs, next: Option<i64>, counts: &Counts, out: &mut impl Write) -> io::Result<()> {
    let consumer = args.whose.consumer.name();
    writeln!(out, "\n{} in {consumer}'s dead-letter queue", counts.total())?;
    for (reason, count) in &counts.by_reason {
        writeln!(out, "  {count:>6}  {reason}")?;
    }
    if counts.other > 0 {
        writeln!(out, "  {:>6}  (other reasons)", counts.other)?;
    }
    if let Some(next) = next {
        writeln!(out, "More: usher dlq list {consumer} --from {next}")?;
    }
    out.flush()
}

/// Dead letters by reason.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    by_reason: BTreeMap<String, usize>,
    /// Of the reasons for which there was no room.
    other: usize,
    counted: usize,
    /// Whether counting stopped before the end.
    more: bool,
}

impl Counts {
    async fn of(mut pages: Pages) -> Result<Self, Failure> {
        let mut counts = Self::default();
        loop {
            let page = pages.next().await?;
            if page.is_empty() {
                return Ok(counts);
            }
            for peeked in &page {
                if counts.counted == COUNTED_AT_MOST {
                    return Ok(Self { more: true, ..counts });
                }
                counts.add(reason(peeked));
            }
        }
    }

    fn add(&mut self, reason: String) {
        self.counted += 1;
        if self.by_reason.len() == REASONS_AT_MOST && !self.by_reason.contains_key(&reason) {
            self.other += 1;
        } else {
            *self.by_reason.entry(reason).or_default() += 1;
        }
    }

    fn total(&self) -> String {
        if self.more { format!("more than {} (counting stops there)", self.counted) } else { self.counted.to_string() }
    }
}
