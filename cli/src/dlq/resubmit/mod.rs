//! `usher dlq resubmit`: a dead letter corrected by hand and sent again, to the subscription that it died in alone.
//!
//! The corrected copy goes first and the original is completed second, so that no moment knows neither. The copy keeps
//! the event's id, by which consumers know the sign-up, and has a MessageId of its own, or duplicate detection would
//! swallow it. While somebody edits nothing is locked; the copy goes only once the original is under our lock.

mod check;
mod copy;
mod editor;
mod schema;

use std::{fs, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use clap::Args;
use serde_json::json;
use time::OffsetDateTime;
use tracing::Instrument;
use usher_bus::{Delivery, Message, Publisher};
use usher_event::{Event, property};
use usher_service::{Failure, Shutdown};
use usher_subscriber::dead_letters::{
    Ended, Filter, MOST_HELD, Outcomes, Pages, Span, Summary, Tempo, Walk, Work,
};

use self::{
    check::{Checked, Original},
    editor::Draft,
};
use super::{
    Whose,
    bus::DeadLetters,
    failure,
    show::{find_number, missing},
};

/// Arguments of `usher dlq resubmit`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ResubmitArgs {
    #[command(flatten)]
    whose: Whose,
    /// Its sequence number, as `usher dlq list` shows it
    #[arg(value_name = "SEQ")]
    number: i64,
    /// A file with the corrected event, in place of the editor
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// Send it even if nothing is changed; without --file no editor opens
    #[arg(long)]
    unchanged: bool,
    /// Edit and check, say what would be sent, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
$VISUAL or $EDITOR opens on the event, names and addresses as they are, in a file that only you can read and that is \
removed afterwards. What you save is checked against the event's schema; if it can't be sent, the place is named and \
the editor opens again. Event id, tenant and user stay as they are: consumers know the sign-up by them. Saving it \
without a change sends nothing. The copy goes to this consumer alone.

It takes the right to send to the topic, beside that to listen. At most 255 dead letters may lie in front of it.

Examples:
  EDITOR=nano usher dlq resubmit email 7
  usher dlq show email 7 --reveal --json | jq .body > event.json     then edit it, and
  usher dlq resubmit email 7 --file event.json
  usher dlq resubmit billing 7 --unchanged                           through the queue once more, as it is";

/// Resubmits.
pub(crate) async fn run(args: ResubmitArgs, shutdown: &Shutdown) -> Result<(), Failure> {
    let letters = DeadLetters::open(&args.whose, shutdown).await?;
    let ended = resubmit(&args, &letters, shutdown).await;
    letters.close().await;
    ended
}

async fn resubmit(args: &ResubmitArgs, letters: &DeadLetters, shutdown: &Shutdown) -> Result<(), Failure> {
    let found = find_number(letters, args.number).await?.ok_or_else(|| missing(&args.whose))?;
    ensure_within_reach(letters, args.number).await?;
    // Before anybody takes the trouble of editing: whether we may send at all.
    let publisher = letters.publisher().await?;
    let original = Original::of(found)?;
    let (checked, draft) = correct(args, &original, shutdown).await?;
    let copy = copy::corrected(original.peeked(), &checked.event, letters.subscription(), checked.body);
    if args.dry_run {
        tell(args, "would be sent", &copy);
        return Ok(());
    }
    tell(args, "to be sent", &copy);
    let (event, original) = (checked.event, original.peeked().message.clone());
    let work = SendFirst { publisher, event, copy, original };
    send(args, letters, work, shutdown).await.map_err(|failure| kept(failure, draft))
}

/// A walk holds what lies in front, and may hold no more than so many.
async fn ensure_within_reach(letters: &DeadLetters, number: i64) -> Result<(), Failure> {
    let mut pages = Pages::new(letters.receiver(), 0).up_to(number - 1);
    let mut before = 0;
    while before < MOST_HELD {
        let page = pages.next().await.map_err(failure)?;
        if page.is_empty() {
            return Ok(());
        }
        before += page.len();
    }
    Err(Failure::Negative(format!(
        "{number} can't be reached: {MOST_HELD} others or more lie in front of it, and the broker hands out none but \
         the first; replay, expire or drop those, then try again"
    )))
}

/// The event as it is to be sent, and the file that it was written in.
async fn correct(
    args: &ResubmitArgs,
    original: &Original,
    shutdown: &Shutdown,
) -> Result<(Checked, Option<Draft>), Failure> {
    let text = match &args.file {
        Some(file) => fs::read(file)
            .map_err(|e| Failure::setting("--file", format!("{} can't be read: {e}", file.display())))?,
        None if args.unchanged => original.peeked().message.body.to_vec(),
        None => return edit(args, original, shutdown).await,
    };
    ensure_changed(args, original, &text)?;
    let checked = original.check(&text);
    Ok((checked.map_err(|problem| Failure::Negative(format!("{problem}; nothing was sent")))?, None))
}

async fn edit(
    args: &ResubmitArgs,
    original: &Original,
    shutdown: &Shutdown,
) -> Result<(Checked, Option<Draft>), Failure> {
    let draft = Draft::new(&original.text())?;
    loop {
        draft.edit(shutdown).await?;
        let text = draft.read()?;
        ensure_changed(args, original, &text)?;
        let problem = match original.check(&text) {
            Ok(checked) => return Ok((checked, Some(draft))),
            Err(problem) => problem,
        };
        if !editor::again(&problem, shutdown).await? {
            return Err(kept(Failure::Negative(format!("{problem}; nothing was sent")), Some(draft)));
        }
    }
}

fn ensure_changed(args: &ResubmitArgs, original: &Original, text: &[u8]) -> Result<(), Failure> {
    if args.unchanged || !original.is_same(text) {
        return Ok(());
    }
    Err(Failure::Negative(
        "nothing was changed, so nothing was sent (--unchanged sends it all the same)".to_owned(),
    ))
}

/// What somebody typed is not thrown away because it could not be sent.
fn kept(failure: Failure, draft: Option<Draft>) -> Failure {
    match (failure, draft.and_then(Draft::keep)) {
        (Failure::Negative(why), Some(path)) => {
            Failure::Negative(format!("{why}. Your text is kept: --file {} takes it", path.display()))
        }
        (failure, _) => failure,
    }
}

async fn send(
    args: &ResubmitArgs,
    letters: &DeadLetters,
    work: SendFirst,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let seq = Some(Span { first: args.number, last: args.number });
    let walk = Walk {
        receiver: letters.receiver(),
        work: Arc::new(work),
        matcher: Filter { seq, ..Filter::default() }.at(OffsetDateTime::now_utc()),
        last: args.number,
        tempo: Tempo::default(),
    };
    let mut outcomes = Outcomes::new("resubmitted", args.json);
    let summary = walk.run(shutdown, &mut |fate| outcomes.tell(fate)).await;
    let summary = summary.map_err(|error| Failure::Negative(format!("{error}; run it again")))?;
    outcomes.conclude(&summary);
    verdict(&summary).map_err(|why| Failure::Negative(why.to_owned()))
}

fn verdict(summary: &Summary) -> Result<(), &'static str> {
    match summary {
        Summary { done: 1.., .. } => Ok(()),
        Summary { failed: 1.., .. } => Err("it is still in the queue"),
        Summary { ended: Ended::AtTheEnd, .. } => {
            Err("it has left the queue meanwhile, by somebody else's hand: nothing was sent")
        }
        summary => summary.verdict(),
    }
}

fn tell(args: &ResubmitArgs, what: &str, copy: &Message) {
    let (number, consumer) = (args.number, args.whose.consumer.name());
    if args.json {
        println!("{}", json!({ "sequenceNumber": number, "outcome": what, "copy": copy.id }));
    } else {
        println!("{number:>8}  {what} to {consumer} alone, as message {}", copy.id);
    }
}

/// Sends the copy; the walk then completes the original.
struct SendFirst {
    publisher: Arc<dyn Publisher>,
    event: Event,
    copy: Message,
    original: Message,
}

#[async_trait]
impl Work for SendFirst {
    async fn on(&self, letter: &Delivery) -> Result<(), String> {
        if letter.message.body != self.original.body {
            return Err("it is not the message that was edited: nothing was sent".to_owned());
        }
        let span = self.sending();
        let copy = span.in_scope(|| copy::in_present_trace(self.copy.clone()));
        let sent = self.publisher.publish(vec![copy]).instrument(span.clone()).await;
        sent.map_err(|error| {
            usher_telemetry::failed(&span, error.kind(), String::new());
            format!("the copy was not sent: {error}")
        })
    }

    /// There is one.
    fn at_once(&self) -> usize {
        1
    }
}

impl SendFirst {
    /// In the trace of the sign-up, which the copy goes on with; linked to what the original was sent by.
    fn sending(&self) -> tracing::Span {
        let topic = self.publisher.topic().unwrap_or_default();
        let span = tracing::info_span!(
            "send",
            otel.kind = "producer",
            otel.name = format!("send {topic}").as_str(),
            "messaging.system" = "servicebus",
            "messaging.operation.name" = "send",
            "messaging.operation.type" = "send",
            "messaging.destination.name" = topic,
            "messaging.message.id" = self.copy.id.as_str(),
            "usher.event.id" = %self.event.id,
            "usher.user.id" = %self.event.data.user_id,
            "usher.resubmit" = true,
        );
        let text = |name| self.copy.text_property(name);
        let (parent, state) = (text(property::TRACEPARENT), text(property::TRACESTATE));
        usher_telemetry::set_parent(&span, parent, state);
        usher_telemetry::link(&span, parent, state);
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_has_gone_meanwhile_is_not_taken_for_one_that_was_sent() {
        let summary = |done, failed, ended| Summary { done, failed, ended, ..Summary::default() };
        assert_eq!(verdict(&summary(1, 0, Ended::AtTheEnd)), Ok(()));
        assert!(verdict(&summary(0, 0, Ended::AtTheEnd)).unwrap_err().contains("nothing was sent"));
        assert!(verdict(&summary(0, 1, Ended::AtTheEnd)).unwrap_err().contains("still in the queue"));
        assert!(verdict(&summary(0, 0, Ended::Locked)).unwrap_err().contains("somebody else"));
    }
}
