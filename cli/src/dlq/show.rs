//! `usher dlq show`: all about one dead letter.

use std::str::FromStr;

use clap::Args;
use serde_json::Value;
use usher_bus::Peeked;
use usher_event::Event;
use usher_service::{Failure, Shutdown};
use usher_subscriber::dead_letters::Pages;
use uuid::Uuid;

use super::{
    Whose,
    bus::DeadLetters,
    failure,
    letter::{Letter, time},
    mask,
    record::{Record, shown},
};
use crate::local::LAST_RUN;

/// Arguments of `usher dlq show`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    whose: Whose,
    /// Its sequence number, or the id of its event
    #[arg(value_name = "SEQ|EVENT_ID")]
    which: Which,
    /// Show names and addresses as they are
    #[arg(long)]
    reveal: bool,
    /// One JSON object, as `usher dlq export` writes it
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  usher dlq show billing 7
  usher dlq show billing 30d0953d-0753-5930-a905-def22332f7e0     by the id of its event
  usher dlq show billing 7 --reveal --json | jq .body";

/// Which dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    /// The one with this sequence number.
    Sequence(i64),
    /// The first one about this event.
    Event(Uuid),
}

impl FromStr for Which {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let sequence = text.parse().map(Self::Sequence).ok();
        sequence
            .or_else(|| text.parse().map(Self::Event).ok())
            .ok_or("neither a sequence number nor an event id")
    }
}

/// Shows.
pub(crate) async fn run(args: ShowArgs, shutdown: &Shutdown) -> Result<(), Failure> {
    let letters = DeadLetters::open(&args.whose, shutdown).await?;
    let found = tokio::select! {
        () = shutdown.requested() => Err(Failure::Negative("stopped".to_owned())),
        found = find(&letters, args.which) => found,
    };
    letters.close().await;
    let found = found?.ok_or_else(|| missing(&args.whose))?;
    if args.json {
        println!("{}", Record::of(&found, args.reveal).to_line().map_err(|e| Failure::Other(e.into()))?);
    } else {
        print!("{}{}", describe(&found, args.reveal), next(&args.whose, &found));
    }
    Ok(())
}

pub(super) fn missing(whose: &Whose) -> Failure {
    let consumer = whose.consumer.name();
    Failure::Negative(format!("no such dead letter: `usher dlq list {consumer}` lists them"))
}

/// The letter with this sequence number.
pub(super) async fn find_number(letters: &DeadLetters, number: i64) -> Result<Option<Peeked>, Failure> {
    let page = Pages::one(letters.receiver(), number).next().await.map_err(failure)?;
    Ok(page.into_iter().find(|it| it.sequence_number == number))
}

async fn find(letters: &DeadLetters, which: Which) -> Result<Option<Peeked>, Failure> {
    match which {
        Which::Sequence(number) => find_number(letters, number).await,
        Which::Event(id) => find_event(Pages::new(letters.receiver(), 0), &id.to_string()).await,
    }
}

/// Looks through all of them: Service Bus finds nothing by content.
async fn find_event(mut pages: Pages, id: &str) -> Result<Option<Peeked>, Failure> {
    loop {
        let page = pages.next().await.map_err(failure)?;
        if page.is_empty() {
            return Ok(None);
        }
        if let Some(found) = page.into_iter().find(|it| Letter::of(it).event_id == id) {
            return Ok(Some(found));
        }
    }
}

fn describe(peeked: &Peeked, reveal: bool) -> String {
    let letter = Letter::of(peeked);
    let message = &peeked.message;
    let absent = || "-".to_owned();
    let mut lines = vec![
        ("sequence number", letter.sequence_number.to_string()),
        ("enqueued", time(peeked.enqueued_at)),
        ("deliveries", peeked.delivery_count.to_string()),
        ("reason", letter.reason),
        ("description", letter.description),
        ("event id", letter.event_id),
        ("user id", letter.user_id.unwrap_or_else(absent)),
        ("trace id", letter.trace_id.unwrap_or_else(absent)),
        ("message id", message.id.clone()),
        ("subject", message.subject.clone().unwrap_or_else(absent)),
        ("content type", message.content_type.clone().unwrap_or_else(absent)),
    ];
    let properties =
        message.properties.iter().map(|(name, value)| (name.as_str(), shown(name, value, reveal)));
    lines.extend(properties);
    let lines: String = lines.into_iter().map(|(name, value)| format!("{name:<28}  {value}\n")).collect();
    format!("{lines}\n{}", body(&message.body, reveal))
}

/// The way to the sign-up that it was once, if that was in a run on this machine: `usher trace` knows of no other.
fn next(whose: &Whose, peeked: &Peeked) -> String {
    let trace_id = Letter::of(peeked).trace_id.filter(|_| whose.bus.is_none());
    let data = match whose.data.as_os_str() == LAST_RUN {
        true => String::new(),
        false => format!(" --data {}", whose.data.display()),
    };
    trace_id
        .map(|id| format!("\nThe sign-up through all services: usher trace {id}{data}\n"))
        .unwrap_or_default()
}

fn body(body: &[u8], reveal: bool) -> String {
    let problem = Event::from_json(body).err().map(|e| format!("{e}\n")).unwrap_or_default();
    let text = match serde_json::from_slice::<Value>(body) {
        Ok(event) => format!("{:#}\n", if reveal { event } else { mask::event(event) }),
        Err(_) if reveal => format!("{}\n", String::from_utf8_lossy(body)),
        Err(_) => format!("{} bytes\n", body.len()),
    };
    let hint = if reveal { "" } else { "\nNames and addresses are masked: --reveal shows them.\n" };
    format!("{problem}{text}{hint}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use time::macros::datetime;
    use usher_bus::Message;

    use super::*;

    fn letter(body: &str) -> Peeked {
        let message = Message::new("30d0953d-0753-5930-a905-def22332f7e0", body.to_owned())
            .with_property("DeadLetterReason", "StripeRejected")
            .with_property(
                "DeadLetterErrorDescription",
                "status=400 code=email_invalid consumer=billing attempt=1",
            )
            .with_property("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
            .with_property("note", "ask Ada");
        Peeked {
            message,
            sequence_number: 7,
            delivery_count: 1,
            enqueued_at: datetime!(2026-01-01 12:00:00.5 UTC),
        }
    }

    #[test]
    fn a_dead_letter_is_shown_with_its_reason_and_without_personal_values() {
        let shown = describe(&letter(r#"{"data": {"email": "ada@example.com", "userId": "a1b2"}}"#), false);
        for expected in [
            "StripeRejected",
            "email_invalid",
            "0af7651916cd43dd8448eb211c80319c",
            "2026-01-01T12:00:00Z",
            "a1b2",
        ] {
            assert!(shown.contains(expected), "{expected} in {shown}");
        }
        for personal in ["ada@example.com", "ask Ada"] {
            assert!(!shown.contains(personal), "{personal} in {shown}");
        }
    }

    #[test]
    fn of_a_run_on_this_machine_the_way_to_the_trace_is_shown() {
        #[derive(Parser)]
        struct Only {
            #[command(flatten)]
            whose: Whose,
        }
        let next = |args: &[&str]| {
            let args = ["show", "billing"].iter().chain(args);
            next(&Only::parse_from(args).whose, &letter("{}"))
        };
        let trace = "usher trace 0af7651916cd43dd8448eb211c80319c";
        assert!(next(&[]).ends_with(&format!("{trace}\n")));
        assert!(next(&["--data", "other"]).ends_with(&format!("{trace} --data other\n")));
        assert_eq!(next(&["--servicebus-namespace", "seats.servicebus.windows.net"]), "");
    }

    #[test]
    fn reveal_shows_what_is_there() {
        let shown = describe(&letter(r#"{"data": {"email": "ada@example.com"}}"#), true);
        assert!(shown.contains("ada@example.com") && shown.contains("ask Ada"));
    }

    #[test]
    fn a_body_that_is_no_json_is_not_quoted() {
        let shown = describe(&letter("Ada, ada@example.com"), false);
        assert!(shown.contains("20 bytes") && !shown.contains("Ada"));
        assert!(describe(&letter("Ada, ada@example.com"), true).contains("Ada, ada@example.com"));
    }

    #[test]
    fn a_dead_letter_is_named_by_its_number_or_its_event() {
        assert_eq!("7".parse(), Ok(Which::Sequence(7)));
        assert!(matches!("30d0953d-0753-5930-a905-def22332f7e0".parse(), Ok(Which::Event(_))));
        assert!("seven".parse::<Which>().is_err());
    }
}
