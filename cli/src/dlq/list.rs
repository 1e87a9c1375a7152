//! `usher dlq list`: one line a dead letter, and how many there are by reason.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use clap::Args;
use time::OffsetDateTime;
use usher_service::{Failure, Shutdown};
use usher_subscriber::dead_letters::{DeadLetter, Filter, Matcher, Pages, Span};

use super::{Whose, bus::DeadLetters, failure, letter::Letter};

/// Counting stops after so many: a list is to be quick, and a peek costs the namespace credits.
const COUNTED_AT_MOST: usize = 100_000;
/// Reasons counted apart; more would be noise that somebody else made.
const REASONS_AT_MOST: usize = 50;

/// Arguments of `usher dlq list`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    whose: Whose,
    /// How many to list
    #[arg(long, default_value_t = 50, value_name = "N")]
    limit: usize,
    /// One JSON object a line, and no counts
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Which dead letters")]
    filter: Filter,
}

const EXAMPLES: &str = "\
Nothing personal is shown: ids, times, reasons, statuses and codes alone.

Examples:
  usher dlq list billing
  usher dlq list billing --seq 51..                       from number 51 on
  usher dlq list billing --reason StripeRejected --since 2026-03-01
  usher dlq list billing --limit 1000000 --json | jq -r .userId";

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
    let matcher = args.filter.at(OffsetDateTime::now_utc());
    let pages = || Pages::within(letters.receiver(), &matcher);
    let listed = write_letters(args, pages(), &matcher, &mut out).await;
    let Some(next) = unless_closed(listed)? else { return Ok(()) };
    if args.json {
        return Ok(());
    }
    let counts = Counts::of(pages(), &matcher).await?;
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
async fn write_letters(
    args: &ListArgs,
    mut pages: Pages,
    matcher: &Matcher,
    out: &mut impl Write,
) -> Result<Option<i64>, Trouble> {
    if !args.json {
        writeln!(out, "{HEADING}").map_err(Trouble::Output)?;
    }
    let mut left = args.limit;
    loop {
        let page = pages.next().await.map_err(|error| Trouble::Bus(failure(error)))?;
        for peeked in page.iter().filter(|peeked| matcher.matches(&DeadLetter::from(*peeked))) {
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
    writeln!(
        out,
        "{sequence_number:>6}  {enqueued_at:<20}  {reason:<24}  {event_id:<36}  {user_id:<36}  {description}"
    )
}

fn write_counts(args: &ListArgs, next: Option<i64>, counts: &Counts, out: &mut impl Write) -> io::Result<()> {
    let consumer = args.whose.consumer.name();
    let such = if args.filter.is_empty() { "" } else { " of these" };
    writeln!(out, "\n{}{such} in {consumer}'s dead-letter queue", counts.total())?;
    for (reason, count) in &counts.by_reason {
        writeln!(out, "  {count:>6}  {reason}")?;
    }
    if counts.other > 0 {
        writeln!(out, "  {:>6}  (other reasons)", counts.other)?;
    }
    if let Some(next) = next {
        writeln!(out, "More: usher dlq list {consumer} --seq {}", onwards(next, args))?;
    }
    out.flush()
}

/// The span to go on with.
fn onwards(next: i64, args: &ListArgs) -> Span {
    Span { first: next, ..args.filter.seq.unwrap_or_default() }
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
    async fn of(mut pages: Pages, matcher: &Matcher) -> Result<Self, Failure> {
        let mut counts = Self::default();
        let mut looked_at = 0;
        loop {
            let page = pages.next().await.map_err(failure)?;
            if page.is_empty() {
                return Ok(counts);
            }
            for letter in page.iter().map(DeadLetter::from) {
                if looked_at == COUNTED_AT_MOST {
                    return Ok(Self { more: true, ..counts });
                }
                looked_at += 1;
                if matcher.matches(&letter) {
                    counts.add(letter.reason().to_owned());
                }
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
        if self.more {
            format!("more than {} (`usher dlq group` counts them all)", self.counted)
        } else {
            self.counted.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use async_trait::async_trait;
    use clap::Parser;
    use time::{Duration, OffsetDateTime};
    use usher_bus::{BusError, Delivery, LockToken, Message, Peeked, Receiver, Renewal, Settlement};

    use super::*;

    /// A dead-letter queue with so many letters, every tenth of them for a reason of its own.
    #[derive(Default)]
    struct Queue {
        letters: i64,
        peeks: AtomicU32,
    }

    impl Queue {
        fn of(letters: i64) -> Arc<Self> {
            Arc::new(Self { letters, ..Self::default() })
        }
    }

    #[async_trait]
    impl Receiver for Queue {
        async fn peek(&self, from: i64, most: u32) -> Result<Vec<Peeked>, BusError> {
            assert!(most <= 250, "Service Bus returns no more at once");
            self.peeks.fetch_add(1, Ordering::Relaxed);
            Ok((from.max(1)..=self.letters).take(most as usize).map(letter).collect())
        }

        fn add_credit(&self, _: u32) {}

        async fn next(&self) -> Result<Delivery, BusError> {
            Err(BusError::Closed)
        }

        async fn withdraw_credit(&self) -> Result<Vec<Delivery>, BusError> {
            Ok(Vec::new())
        }

        async fn settle(&self, _: LockToken, _: Settlement) -> Result<(), BusError> {
            Err(BusError::Closed)
        }

        async fn renew(&self, _: &[LockToken]) -> Result<Vec<Renewal>, BusError> {
            Err(BusError::Closed)
        }

        async fn close(&self) {}
    }

    fn letter(sequence_number: i64) -> Peeked {
        let reason = if sequence_number % 10 == 0 { "RetriesExhausted" } else { "StripeRejected" };
        let message = Message::new(format!("m{sequence_number}"), "not an event")
            .with_property("DeadLetterReason", reason)
            .with_property("DeadLetterErrorDescription", "status=400");
        let enqueued_at = OffsetDateTime::UNIX_EPOCH + Duration::seconds(sequence_number);
        Peeked { message, sequence_number, delivery_count: 1, enqueued_at }
    }

    fn args(args: &[&str]) -> ListArgs {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            list: ListArgs,
        }
        Line::parse_from(["list", "billing"].iter().chain(args)).list
    }

    async fn listed(queue: &Arc<Queue>, line: &[&str]) -> String {
        let args = args(line);
        let mut out = Vec::new();
        let matcher = args.filter.at(OffsetDateTime::UNIX_EPOCH);
        let pages = || Pages::within(queue.clone(), &matcher);
        let next = write_letters(&args, pages(), &matcher, &mut out).await.ok().unwrap();
        if !args.json {
            let counts = Counts::of(pages(), &matcher).await.unwrap();
            write_counts(&args, next, &counts, &mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    #[tokio::test]
    async fn a_list_is_cut_at_its_limit_and_says_how_to_go_on_and_how_many_there_are() {
        let queue = Queue::of(10_000);
        let text = listed(&queue, &["--limit", "2", "--seq", "10.."]).await;
        let lines: Vec<_> = text.lines().collect();
        assert!(
            lines[1].starts_with("    10  1970-01-01T00:00:10Z  RetriesExhausted          m10 "),
            "{text}"
        );
        assert!(lines[2].contains("StripeRejected") && lines[2].ends_with("status=400"), "{text}");
        assert_eq!(
            lines[4..],
            [
                "9991 of these in billing's dead-letter queue",
                "    1000  RetriesExhausted",
                "    8991  StripeRejected",
                "More: usher dlq list billing --seq 12..",
            ]
        );
        // Forty full pages, the empty one at the end, and the one that was listed.
        assert_eq!(queue.peeks.load(Ordering::Relaxed), 42);
    }

    #[tokio::test]
    async fn only_what_the_filter_matches_is_listed_and_counted() {
        let text = listed(&Queue::of(1000), &["--reason", "RetriesExhausted", "--seq", "..100"]).await;
        assert!(!text.contains("StripeRejected"), "{text}");
        assert!(text.contains("10 of these in billing's dead-letter queue"), "{text}");
        assert_eq!(listed(&Queue::of(1000), &["--status", "404", "--json"]).await, "");
    }

    #[tokio::test]
    async fn json_is_one_letter_a_line_and_nothing_else() {
        let text = listed(&Queue::of(300), &["--limit", "1000", "--json"]).await;
        let letters: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(letters.len(), 300);
        assert_eq!(letters[299]["sequenceNumber"], 300);
        assert_eq!(letters[299]["reason"], "RetriesExhausted");
    }

    #[tokio::test]
    async fn counting_stops_at_its_bound_and_says_so() {
        let all = Filter::default().at(OffsetDateTime::UNIX_EPOCH);
        let counts = Counts::of(Pages::new(Queue::of(100_001), 0), &all).await.unwrap();
        assert_eq!(counts.total(), "more than 100000 (`usher dlq group` counts them all)");
        let counts = Counts::of(Pages::new(Queue::of(100_000), 0), &all).await.unwrap();
        assert_eq!(counts.total(), "100000");
    }

    #[test]
    fn reasons_beyond_those_that_fit_are_counted_together() {
        let mut counts = Counts::default();
        (0..60).for_each(|n| counts.add(format!("Reason{n}")));
        assert_eq!((counts.by_reason.len(), counts.other, counts.counted), (50, 10, 60));
    }
}
