//! `usher status`: how each service of a run that goes on is, at a glance.

mod points;
mod table;

use std::{
    io::{Write, stdout},
    path::PathBuf,
};

use clap::Args;
use futures_util::future::join_all;
use serde::Serialize;
use usher_clock::Clock;
use usher_service::{Failure, Shutdown, Status};

pub(crate) use self::points::{Point, read_points, write_points};
use self::table::{Line, PRODUCER};
use crate::{
    consumers::Consumer,
    local::{self, RunAddresses},
    up::Client,
};

const BROKER: &str = "broker";

/// Arguments of `usher status`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct StatusArgs {
    /// Print the newest values of the metrics instead: all of them, or those whose names begin like this
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "")]
    metrics: Option<String>,
    /// One JSON object: the services, or the values of the metrics
    #[arg(long)]
    json: bool,
    /// Folder of the run
    #[arg(long, default_value = local::LAST_RUN, value_name = "DIR")]
    data: PathBuf,
}

const HELP: &str = "\
queued        messages of the subscription with which the consumer is not through, waiting and dead ones apart
waiting       those of them that wait for their next attempt
dead letters  what `usher dlq` is for
oldest        age of the oldest message in hand
behind        how far the watermark is behind the clock
quota         the largest share of a vendor's quota that is used
At the end of a line: what stands in the way.

Looks at the run that goes on here (`usher up --keep`), by /status of its services and the metrics that they send. What they \
mean, and what a production set-up alarms on: docs/instrumentation.md.

Exit codes: 0 all are ready, 1 one is not, 69 no run goes on here.

Examples:
  usher status
  usher status --metrics                       the newest values of all metrics
  usher status --metrics usher.circuit.open    of one
  watch -n 1 usher status";

#[derive(Serialize)]
struct Services<'a> {
    services: &'a [Line],
}

#[derive(Serialize)]
struct Metrics<'a> {
    points: &'a [Point],
}

/// Looks, and says what was found.
pub(crate) async fn run(args: StatusArgs, shutdown: Shutdown) -> Result<(), Failure> {
    let run = RunAddresses::of(&args.data)?;
    let mut points = read_points(&args.data);
    if let Some(name) = &args.metrics {
        points.retain(|point| point.name.starts_with(name));
        return metrics(&args, name, &points);
    }
    let lines = tokio::select! {
        biased;
        () = shutdown.requested() => return Err(Failure::Negative("stopped".to_owned())),
        lines = lines(&run, &points) => lines?,
    };
    print(&if args.json { json(&Services { services: &lines })? } else { table::table(&lines) });
    verdict(&lines)
}

fn metrics(args: &StatusArgs, name: &str, points: &[Point]) -> Result<(), Failure> {
    if points.is_empty() {
        let which = if name.is_empty() { String::new() } else { format!(" whose name begins with {name}") };
        return Err(Failure::Negative(format!("no metric{which} has come in yet")));
    }
    print(&if args.json { json(&Metrics { points })? } else { points::lines(points) });
    Ok(())
}

/// Asks all of them at once.
async fn lines(run: &RunAddresses, points: &[Point]) -> Result<Vec<Line>, Failure> {
    let client = Client::new()?;
    let ask = |service: String| {
        let (client, url) = (client.clone(), run.status.get(&service).cloned());
        async move {
            let status = match url {
                Some(url) => client.get::<Status>(&url).await,
                None => None,
            };
            (service, status)
        }
    };
    let answers = join_all(services(run).into_iter().map(ask)).await;
    let broker =
        answers.iter().find(|(service, _)| service == BROKER).and_then(|(_, status)| status.as_ref());
    let now = u64::try_from(Clock::system().now().unix_timestamp()).unwrap_or_default();
    let line = |(service, status): &(String, Option<Status>)| {
        Line::of(service, status.as_ref(), broker, points, now)
    };
    Ok(answers.iter().map(line).collect())
}

/// In the order of a sign-up's way. A real broker is none of the run's.
fn services(run: &RunAddresses) -> Vec<String> {
    let broker = (!run.is_real("servicebus")).then_some(BROKER);
    let consumers = Consumer::all().into_iter().map(Consumer::name);
    broker.into_iter().chain([PRODUCER]).chain(consumers).map(str::to_owned).collect()
}

fn verdict(lines: &[Line]) -> Result<(), Failure> {
    let not_ready: Vec<_> = lines.iter().filter(|line| !line.is_ready()).map(|line| &*line.service).collect();
    match not_ready.as_slice() {
        [] => Ok(()),
        [one] => Err(Failure::Negative(format!("{one} is not ready"))),
        many => Err(Failure::Negative(format!("{} are not ready", many.join(", ")))),
    }
}

fn json(all: &impl Serialize) -> Result<String, Failure> {
    Ok(serde_json::to_string(all).map_err(anyhow::Error::from)? + "\n")
}

/// A reader that has gone away has seen enough.
fn print(text: &str) {
    let _ = stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_not_ready_is_named() {
        let ready = |service: &str| Line { service: service.to_owned(), answers: true, ..Line::default() };
        let gone = |service: &str| Line { service: service.to_owned(), ..Line::default() };
        assert!(verdict(&[ready("billing"), ready("crm")]).is_ok());
        let said = |lines: &[Line]| verdict(lines).unwrap_err().to_string();
        assert_eq!(said(&[ready("billing"), gone("crm")]), "crm is not ready");
        assert_eq!(said(&[gone("billing"), gone("crm")]), "billing, crm are not ready");
    }
}
