//! `usher-producer roll`: the roll on standard output, for `usher reconcile`.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use clap::Args;
use serde_json::json;
use time::OffsetDateTime;
use usher_clock::Clock;
use usher_entra::GraphError;
use usher_http::{Failure as Failed, FailureClass};
use usher_service::{Failure, Shutdown};

use super::{LeftOut, Page, Roll};
use crate::{Settings, StartFrom};

/// Whose names are read.
#[derive(Args, Clone, Debug)]
pub struct RollArgs {
    /// Since when: how long ago ("7d"), or a time (RFC 3339)
    #[arg(long, value_name = "WHEN", default_value = "7d")]
    since: StartFrom,
    /// Leave out whoever signed up within this time: their events may be under way
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = humantime::parse_duration)]
    settle: Duration,
}

/// Writes it, one event a line; last a line that counts who is not on it.
///
/// # Errors
/// Entra refuses us or can't be reached; standard output is a terminal.
pub(crate) async fn start(settings: Settings, args: RollArgs, shutdown: Shutdown) -> Result<(), Failure> {
    if io::stdout().is_terminal() {
        let problem = "the roll holds names and addresses: send it to a file or a program, not to a terminal";
        return Err(Failure::Negative(problem.to_owned()));
    }
    tokio::select! {
        biased;
        () = shutdown.requested() => Err(Failure::Negative("stopped".to_owned())),
        written = write(settings, args) => written,
    }
}

async fn write(settings: Settings, args: RollArgs) -> Result<(), Failure> {
    let graph = crate::start::graph(&settings)?;
    graph.check_token().await.map_err(crate::start::no_token)?;
    let (policy, now) = (settings.policy(), Clock::system().now());
    let mut roll = Roll::of(&graph, &policy, span(&args, now)?, now).await.map_err(failure)?;
    let mut left_out = LeftOut::default();
    let mut out = io::stdout().lock();
    while let Some(page) = roll.page().await.map_err(failure)? {
        if write_page(&page, &mut out).is_err() {
            // Whoever read it has seen enough.
            return Ok(());
        }
        left_out.others += page.left_out.others;
        left_out.settling += page.left_out.settling;
    }
    let LeftOut { others, settling } = left_out;
    let _ = writeln!(out, "{}", json!({ "leftOut": { "others": others, "settling": settling } }));
    Ok(())
}

fn write_page(page: &Page, out: &mut impl Write) -> io::Result<()> {
    for event in &page.events {
        out.write_all(&event.to_json())?;
        out.write_all(b"\n")?;
    }
    out.flush()
}

fn span(args: &RollArgs, now: OffsetDateTime) -> Result<(OffsetDateTime, OffsetDateTime), Failure> {
    let (since, until) = (args.since.from(now), now - args.settle);
    if since < until {
        Ok((since, until))
    } else {
        let problem = "must be further back than --settle, within which events may be under way";
        Err(Failure::setting("--since", problem))
    }
}

fn failure(error: GraphError) -> Failure {
    match Failed::from(error.clone()).class {
        FailureClass::Unauthorized => {
            let needed = "the roll takes User.Read.All and AuditLog.Read.All";
            Failure::setting(error.credential_setting(), format!("Entra refuses it: {error}; {needed}"))
        }
        _ => Failure::Unavailable(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_roll_begins_before_it_ends() {
        let args = |since: &str| RollArgs { since: since.parse().unwrap(), settle: Duration::from_secs(900) };
        let now = datetime!(2026-01-08 12:00 UTC);
        let (since, until) = span(&args("7d"), now).unwrap();
        assert_eq!((since, until), (datetime!(2026-01-01 12:00 UTC), datetime!(2026-01-08 11:45 UTC)));
        for wrong in ["now", "10m", "2026-02-01T00:00:00Z"] {
            assert!(matches!(span(&args(wrong), now), Err(Failure::Setting { .. })), "{wrong}");
        }
    }
}
