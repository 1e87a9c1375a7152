//! `usher doctor`: what is wrong, and what mends it.
//!
//! Whoever has a service's secrets can tell what is wrong with them: each service's own binary looks (`probe`), with the
//! settings that it runs with, and the doctor puts together what they say. Nothing is changed.

mod patient;
mod report;

use std::path::PathBuf;

use clap::{Args, builder::PossibleValuesParser};
use futures_util::{StreamExt, stream};
use usher_finding::State;
use usher_service::{Failure, Shutdown};

use crate::{consumers::Consumer, local};
use patient::{Patient, patients};
use report::{Diagnosis, Report};

/// How many services are looked at at once.
const AT_ONCE: usize = 4;
/// The service that is no consumer.
const PRODUCER: &str = "producer";

/// Arguments of `usher doctor`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct DoctorArgs {
    /// Look at these services only: producer, or a consumer's name
    #[arg(value_name = "SERVICE", value_parser = PossibleValuesParser::new(services()))]
    services: Vec<String>,
    /// Folder with the settings of each service, in a file of its own: producer.env, billing.env and so on, with lines
    /// such as STRIPE_SECRET_KEY='...'
    #[arg(long, value_name = "DIR")]
    env_dir: Option<PathBuf>,
    /// Folder of the run to look at if there is neither --env-dir nor a setting in the environment
    #[arg(long, default_value = local::LAST_RUN, value_name = "DIR")]
    data: PathBuf,
    /// Prints one JSON object: what was found for each service
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Looks at settings, credentials, each permission in Graph (missing ones and ones that are too broad), the clock, the \
topic, subscriptions and their rules, each destination (key, list, groups, table, receiver) and the actors that the \
tenant's audit log holds. For each: ok, warning, wrong or skipped, and what mends it. Changes nothing.

Which settings: those of --env-dir, where a service without a file is skipped. Without --env-dir, those in the environment \
if it has SERVICEBUS_CONNECTION_STRING or SERVICEBUS_NAMESPACE, the same for all services; a service that lacks some is \
skipped unless it is asked for by name. Without either, those of the run that goes on here (usher up --keep).

Exit codes: 0 nothing is wrong, 1 something is, 69 there is nothing to look at.

Examples:
  usher doctor                              everything, with the settings in the environment
  usher doctor billing --env-dir deploy     billing alone, with those of deploy/billing.env
  usher doctor --json | jq '.findings[] | select(.state == \"wrong\")'";

fn services() -> Vec<&'static str> {
    std::iter::once(PRODUCER).chain(Consumer::all().into_iter().map(Consumer::name)).collect()
}

/// Looks, and says what was found.
pub(crate) async fn run(args: DoctorArgs, shutdown: Shutdown) -> Result<(), Failure> {
    let patients: Vec<Patient> = patients(&args)?;
    let looked_at = stream::iter(&patients).map(Patient::examine).buffered(AT_ONCE).collect::<Vec<_>>();
    let diagnoses: Vec<Diagnosis> = tokio::select! {
        biased;
        () = shutdown.requested() => return Err(Failure::Negative("stopped".to_owned())),
        diagnoses = looked_at => diagnoses,
    };
    let report = Report::of(diagnoses);
    report.print(args.json);
    match report.count(State::Wrong) {
        0 => Ok(()),
        1 => Err(Failure::Negative("one thing is wrong".to_owned())),
        wrong => Err(Failure::Negative(format!("{wrong} things are wrong"))),
    }
}
