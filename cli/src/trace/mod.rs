//! `usher trace`: one sign-up, seen through all services, from what `usher up` has received of their traces.

mod axis;
mod file;
mod human;
mod list;
mod look;
mod sign_up;
pub(crate) mod span;
#[cfg(test)]
pub(crate) mod testing;
mod tree;
mod waterfall;
mod words;

use std::{
    collections::BTreeMap,
    io::{Write, stdout},
    path::PathBuf,
};

use clap::Args;
use serde::Serialize;
use usher_service::Failure;

use self::{file::Traces, look::Look, span::Span};
pub(crate) use self::{
    file::{NEWER, OLDER},
    sign_up::SignUp,
};
use crate::local;

/// Arguments of `usher trace`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct TraceArgs {
    /// Whose sign-up: the user's object id, the event's id or the trace's; without one the latest sign-ups are listed
    #[arg(value_name = "USER_ID|EVENT_ID|TRACE_ID")]
    id: Option<String>,
    /// How many sign-ups to list
    #[arg(long, default_value = "10", value_name = "N", conflicts_with = "id")]
    limit: usize,
    /// One JSON object a line: each span, or each sign-up of the list
    #[arg(long)]
    json: bool,
    /// Width of the picture in columns; that of the terminal unless set, and 100 where there is none
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..))]
    width: Option<u16>,
    /// Folder of the run to look at
    #[arg(long, default_value = local::LAST_RUN, value_name = "DIR", conflicts_with = "file")]
    data: PathBuf,
    /// A file of spans to look at instead, as `usher up` writes it
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

const HELP: &str = "\
Each line is a piece of work: whose, what, how long after the sign-up it began, and for how long it went on. Under it \
stands what it brought about. `waits` is the time between two attempts; ✗ marks what failed, and says why; ↳ leads to \
what else it has to do with, such as the dead letter that a replay tried again.

The bars share an axis of time that gives. A sign-up waits for seconds to minutes until the audit log shows it, and what \
follows takes milliseconds: drawn to scale, all the work would be one column wide. So between two events the axis is as \
wide as the logarithm of the time between them. The order is right and what takes longer is never narrower, but the width \
of a bar is no measure: the moments above the bars and the times beside them are.

Spans come from `usher up`, which receives what its services send, while it runs (--keep) and afterwards, until the next \
run. They come when a piece of work has ended, half a second later at most; what a service that is killed has not \
sent yet is lost. Colours: on a terminal, unless NO_COLOR is set.

Exit codes: 0; 1 there is no such trace, and it says which ids there are; 69 there was no run here.

Examples:
  usher trace                                          the latest sign-ups, and what became of them
  usher trace 5b0f8a52-7d86-4d4b-9a53-0f9c7c1b2f11     one of them, by the id of its user
  usher trace 5231e74098163514c0fa8943e8ece282         by its trace, as dead letters and logs name it
  usher trace --json --limit 1 | jq -r .user_id        the latest, for a script
  usher trace 5b0f8a52-7d86-4d4b-9a53-0f9c7c1b2f11 --json | jq 'select(.status == \"error\")'";

/// Draws, or lists.
pub(crate) fn run(args: TraceArgs) -> Result<(), Failure> {
    let mut traces = match &args.file {
        Some(file) => Traces::in_file(file)?,
        None => Traces::of_run(&args.data)?,
    };
    let text = match &args.id {
        Some(id) => one(&args, id.trim(), &mut traces)?,
        None => latest(&args, &mut traces)?,
    };
    // A reader that has gone away has seen enough.
    let _ = stdout().write_all(text.as_bytes());
    Ok(())
}

fn one(args: &TraceArgs, id: &str, traces: &mut Traces) -> Result<String, Failure> {
    let spans = traces.about(id)?;
    if spans.is_empty() {
        return Err(list::instead_of(id, traces)?);
    }
    if args.json { lines(&spans) } else { Ok(picture(spans, &Look::of_stdout(args.width))) }
}

fn latest(args: &TraceArgs, traces: &mut Traces) -> Result<String, Failure> {
    let mut sign_ups = list::sign_ups(traces)?;
    if sign_ups.is_empty() {
        let file = traces.name().display();
        return Err(Failure::Negative(format!("no sign-up is on record in {file} yet")));
    }
    sign_ups.truncate(args.limit);
    if args.json { lines(&sign_ups) } else { Ok(list::table(&sign_ups)) }
}

/// The traces one below the other, the first first: a sign-up that was published again has more than one.
fn picture(spans: Vec<Span>, look: &Look) -> String {
    let mut traces = BTreeMap::<String, Vec<Span>>::new();
    for span in spans {
        traces.entry(span.trace_id.clone()).or_default().push(span);
    }
    let mut traces: Vec<_> = traces.into_values().collect();
    traces.sort_by_key(|spans| spans.iter().map(|span| span.start_unix_nano).min());
    let drawn = traces.iter().map(|spans| {
        let about = SignUp::of(spans).map(|sign_up| sign_up.to_string()).unwrap_or_default();
        format!("{about}\n{}", waterfall::draw(spans, look))
    });
    drawn.collect::<Vec<_>>().join("\n")
}

fn lines<T: Serialize>(all: &[T]) -> Result<String, Failure> {
    all.iter().map(line).collect()
}

fn line<T: Serialize>(one: &T) -> Result<String, Failure> {
    Ok(serde_json::to_string(one).map_err(anyhow::Error::from)? + "\n")
}

#[cfg(test)]
mod tests {
    use super::{testing::sign_up, *};

    #[test]
    fn a_sign_up_that_was_published_twice_is_drawn_twice_the_earlier_first() {
        let first = sign_up("a1b2", &[("billing", "complete")]);
        let again = sign_up("a1b2", &[("crm", "complete")]).into_iter().map(|mut span| {
            span.start_unix_nano += 60_000_000_000;
            span.end_unix_nano += 60_000_000_000;
            span.of_trace("00ff")
        });
        let drawn = picture(again.chain(first).collect(), &Look { width: 100, colour: false });
        let (billing, crm) = (drawn.find("process billing").unwrap(), drawn.find("process crm").unwrap());
        assert!(billing < crm && drawn.matches("user   a1b2").count() == 2, "{drawn}");
    }

    #[test]
    fn scripts_get_a_line_for_each_span() {
        let spans = sign_up("a1b2", &[("billing", "dead_letter")]);
        let text = lines(&spans).unwrap();
        let read: Vec<Span> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, spans);
        let sign_up = SignUp::of(&spans).unwrap();
        assert!(lines(&[sign_up]).unwrap().contains(r#""billing":{"outcome":"dead-lettered""#));
    }
}
