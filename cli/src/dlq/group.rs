//! `usher dlq group`: how many dead letters there are, by reason, status and code; all of them, however many.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    io::{self, Write},
};

use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;
use usher_service::{Failure, Shutdown};
use usher_subscriber::dead_letters::{DeadLetter, Filter, Matcher, Pages, Progress, highest};

use super::{Whose, bus::DeadLetters, failure, letter::time, stopped};

/// Groups kept apart; more would be noise that somebody else made.
const GROUPS_AT_MOST: usize = 200;
/// The reason under which what exceeds them is counted.
const OTHER: &str = "(other)";

/// Arguments of `usher dlq group`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct GroupArgs {
    #[command(flatten)]
    whose: Whose,
    /// One JSON object a line, the largest group first
    #[arg(long)]
    json: bool,
    #[command(flatten, next_help_heading = "Which dead letters")]
    filter: Filter,
}

const EXAMPLES: &str = "\
It looks at every dead letter, a page at a time; on a terminal a bar shows how far it is.

Examples:
  usher dlq group billing
  usher dlq group billing --since 2h                 what has come in since an alarm
  usher dlq group billing --json | jq -s 'map(.count) | add'";

/// Groups.
pub(crate) async fn run(args: GroupArgs, shutdown: &Shutdown) -> Result<(), Failure> {
    let letters = DeadLetters::open(&args.whose, shutdown).await?;
    let matcher = args.filter.at(OffsetDateTime::now_utc());
    let groups = tokio::select! {
        () = shutdown.requested() => Err(stopped()),
        groups = count(&letters, &matcher) => groups,
    };
    letters.close().await;
    let written = write(&args, &groups?, &mut io::stdout().lock());
    match written {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Other(e.into())),
        _ => Ok(()),
    }
}

async fn count(letters: &DeadLetters, matcher: &Matcher) -> Result<Groups, Failure> {
    let receiver = letters.receiver();
    let last = highest(&*receiver).await.map_err(failure)?.unwrap_or_default();
    let mut pages = Pages::within(receiver, matcher).up_to(last.min(matcher.last()));
    let (mut groups, mut progress) = (Groups::default(), Progress::new());
    loop {
        let page = pages.next().await.map_err(failure)?;
        let Some(end) = page.last() else { return Ok(groups) };
        for letter in page.iter().map(DeadLetter::from).filter(|letter| matcher.matches(letter)) {
            groups.add(&letter);
        }
        progress.reach(end.sequence_number, last, || format!("{} counted", groups.total));
    }
}

/// Dead letters by what they have in common.
#[derive(Debug, Default)]
struct Groups {
    by: BTreeMap<Key, Tally>,
    total: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Key {
    reason: String,
    status: Option<u16>,
    code: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct Tally {
    count: u64,
    oldest: OffsetDateTime,
    newest: OffsetDateTime,
}

/// A group as it is printed.
#[derive(Serialize)]
struct Group<'a> {
    #[serde(flatten)]
    key: &'a Key,
    count: u64,
    oldest: String,
    newest: String,
}

impl Groups {
    fn add(&mut self, letter: &DeadLetter<'_>) {
        self.total += 1;
        let mut key = Key {
            reason: letter.reason().to_owned(),
            status: letter.status(),
            code: letter.code().map(str::to_owned),
        };
        if self.by.len() >= GROUPS_AT_MOST && !self.by.contains_key(&key) {
            key = Key { reason: OTHER.to_owned(), status: None, code: None };
        }
        let at = letter.enqueued_at;
        let tally = self.by.entry(key).or_insert(Tally { count: 0, oldest: at, newest: at });
        tally.count += 1;
        tally.oldest = tally.oldest.min(at);
        tally.newest = tally.newest.max(at);
    }

    /// The largest first.
    fn sorted(&self) -> Vec<Group<'_>> {
        let mut groups: Vec<_> = self.by.iter().map(|(key, tally)| tally.of(key)).collect();
        groups.sort_by_key(|group| Reverse(group.count));
        groups
    }
}

impl Tally {
    fn of<'a>(&self, key: &'a Key) -> Group<'a> {
        Group { key, count: self.count, oldest: time(self.oldest), newest: time(self.newest) }
    }
}

const HEADING: &str =
    "   COUNT  REASON                    STATUS  CODE                      OLDEST                NEWEST";

fn write(args: &GroupArgs, groups: &Groups, out: &mut impl Write) -> io::Result<()> {
    if args.json {
        for group in groups.sorted() {
            serde_json::to_writer(&mut *out, &group)?;
            writeln!(out)?;
        }
        return out.flush();
    }
    writeln!(out, "{HEADING}")?;
    for Group { key: Key { reason, status, code }, count, oldest, newest } in groups.sorted() {
        let status = status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        let code = code.as_deref().unwrap_or("-");
        writeln!(out, "{count:>8}  {reason:<24}  {status:>6}  {code:<24}  {oldest:<20}  {newest}")?;
    }
    let such = if args.filter.is_empty() { "" } else { " of these" };
    writeln!(out, "\n{}{such} in {}'s dead-letter queue", groups.total, args.whose.consumer.name())?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use time::Duration;
    use usher_bus::Message;

    use super::*;

    fn add(groups: &mut Groups, reason: &str, description: &str, second: i64) {
        let message = Message::new("m", "")
            .with_property("DeadLetterReason", reason)
            .with_property("DeadLetterErrorDescription", description);
        let enqueued_at = OffsetDateTime::UNIX_EPOCH + Duration::seconds(second);
        groups.add(&DeadLetter { message: &message, sequence_number: second, enqueued_at });
    }

    fn groups() -> Groups {
        let mut groups = Groups::default();
        add(&mut groups, "RetriesExhausted", "status=503 consumer=billing", 1);
        add(&mut groups, "StripeRejected", "status=400 code=email_invalid consumer=billing", 2);
        add(&mut groups, "StripeRejected", "status=400 code=email_invalid consumer=billing", 5);
        add(&mut groups, "StripeRejected", "status=402 consumer=billing", 3);
        groups
    }

    fn written(line: &[&str]) -> String {
        #[derive(Parser)]
        struct Line {
            #[command(flatten)]
            group: GroupArgs,
        }
        let args = Line::parse_from(["group", "billing"].iter().chain(line)).group;
        let mut out = Vec::new();
        write(&args, &groups(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn groups_stand_under_their_headings_the_largest_first() {
        let text = written(&[]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[1],
            "       2  StripeRejected               400  email_invalid             1970-01-01T00:00:02Z  1970-01-01T00:00:05Z"
        );
        assert_eq!(lines[4..], ["", "4 in billing's dead-letter queue"]);
    }

    #[test]
    fn json_is_one_group_a_line() {
        let text = written(&["--json"]);
        let groups: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(groups.len(), 3);
        assert_eq!((&groups[0]["count"], &groups[0]["code"]), (&2.into(), &"email_invalid".into()));
        assert_eq!(groups[0]["oldest"], "1970-01-01T00:00:02Z");
    }

    #[test]
    fn reasons_without_end_take_no_memory_without_end() {
        let mut groups = Groups::default();
        (0..1000).for_each(|n| add(&mut groups, &format!("Reason{n}"), "", n));
        assert_eq!((groups.by.len(), groups.total), (GROUPS_AT_MOST + 1, 1000));
        assert_eq!(groups.by.values().map(|tally| tally.count).sum::<u64>(), 1000);
    }
}
