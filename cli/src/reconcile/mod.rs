//! `usher reconcile`: who signed up and was missed by a consumer.
//!
//! Three programs do it, each with the secrets that it has anyway: the producer's `roll` says who signed up, by the
//! tenant's users; the consumer's `check` says of each whether its effect shows; and this one stands between them, counts,
//! and with `--fix` publishes again for that consumer's subscription alone.

mod again;
mod checker;
mod program;
mod report;
mod roll;
mod settings;

use std::{num::NonZeroUsize, path::PathBuf};

use clap::Args;
use usher_bus::BusSettings;
use usher_event::Event;
use usher_service::{Failure, Shutdown};

use self::{
    again::Again,
    checker::{Checker, Presence},
    report::Report,
    roll::{Read, Roll},
    settings::Settings,
};
use crate::{consumers::Consumer, local};

/// How many sign-ups are asked about together: what is held in memory at once.
const GROUP: usize = 100;

/// Arguments of `usher reconcile`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ReconcileArgs {
    /// The consumer
    consumer: Consumer,
    /// Who signed up since then: how long ago (7d), or a time (2026-01-31T00:00:00Z)
    #[arg(long, value_name = "WHEN", default_value = "7d")]
    since: String,
    /// Leave out whoever signed up within this time: their events may be under way
    #[arg(long, value_name = "DURATION", default_value = "15m")]
    settle: String,
    /// Publish again what is missing, for this consumer's subscription alone; takes Send on the topic
    #[arg(long)]
    fix: bool,
    /// Stop once so many are missing
    #[arg(long, value_name = "N")]
    limit: Option<NonZeroUsize>,
    /// One JSON object a line for each who is missing, and the counts last
    #[arg(long)]
    json: bool,
    /// Show addresses in full
    #[arg(long)]
    reveal: bool,
    /// The producer's settings: a file of lines NAME='value', before what the environment says
    #[arg(long, value_name = "FILE")]
    producer_env: Option<PathBuf>,
    /// The consumer's settings, likewise
    #[arg(long, value_name = "FILE")]
    consumer_env: Option<PathBuf>,
    #[command(flatten)]
    bus: Option<BusSettings>,
    /// The subscription; the consumer's name unless set
    #[arg(long, env = "SERVICEBUS_SUBSCRIPTION", value_name = "NAME")]
    subscription: Option<String>,
    /// A PEM file with certificate authorities to trust beside the system's
    #[arg(long, env = "USHER_EXTRA_CA_FILE", value_name = "FILE")]
    extra_ca_file: Option<PathBuf>,
    /// Folder of the run to look at if neither the environment nor a file says which tenant
    #[arg(long, default_value = local::LAST_RUN, value_name = "DIR")]
    data: PathBuf,
}

const EXAMPLES: &str = "\
Compares the tenant's users with what is there of them: at Stripe (billing), on the Mailchimp list (email), in groups and \
app roles (birthrights), in their names (upn), in Salesforce (crm), in the table (sql). A webhook's receiver is not asked, \
and neither is the destination of a consumer that does not say how (`presence`): that is counted as not told.

It runs usher-producer and the consumer's program, which take their own settings from the environment. Where both go by \
the same names and differ, as ENTRA_CLIENT_ID does if each has an app registration of its own, put them into files. \
A run that goes on here (`usher up --keep`) is found by itself.

What can't be told: of users whose creation the audit log no longer holds (it keeps 7 or 30 days), whether they signed up \
or were made by an administrator or another app; those who sign in as customers do are taken for customers, and through \
which app they came is not known, on which rules for birthrights may depend. Deleted users are nobody's to miss. Whoever is \
in the dead-letter queue is missing too: look there first (`usher dlq list CONSUMER`), since the same again would fail again.

Publishing twice does no harm: within 15 minutes the broker takes it for the same message, and later the consumer finds it \
done.

Exit codes: 0 nobody is missing; 1 somebody is or was (run it again a little after --fix), or nobody could be told; 64 a \
setting is wrong; 69 something needed isn't there.

Examples:
  usher reconcile billing                           who of the last 7 days has no Stripe customer
  usher reconcile email --since 30d --json          for scripts
  usher reconcile billing --fix --limit 1           mend one, and see
  usher reconcile upn --producer-env producer.env --consumer-env upn.env";

/// Does what the command line says.
pub(crate) async fn run(args: ReconcileArgs, shutdown: Shutdown) -> Result<(), Failure> {
    let settings = Settings::of(&args)?;
    tokio::select! {
        biased;
        () = shutdown.requested() => Err(Failure::Negative("stopped; what was published again is under way".to_owned())),
        done = Box::pin(reconcile(&args, settings)) => done,
    }
}

async fn reconcile(args: &ReconcileArgs, settings: Settings) -> Result<(), Failure> {
    let again = match &settings.bus {
        Some(bus) => Some(Again::open(bus, args.extra_ca_file.as_deref(), subscription(args)).await?),
        None => None,
    };
    let mut report = Report::new(args.json, args.reveal);
    let compared = compare(args, &settings, again.as_ref(), &mut report).await;
    if let Some(again) = again {
        again.close().await;
    }
    compared?;
    report.conclude(args.consumer, &args.since, args.fix)
}

fn subscription(args: &ReconcileArgs) -> &str {
    args.subscription.as_deref().unwrap_or(args.consumer.name())
}

/// From the first of the roll to the last, or to as many as are enough.
async fn compare(
    args: &ReconcileArgs,
    settings: &Settings,
    again: Option<&Again>,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut roll = Roll::start(&settings.producer, &args.since, &args.settle)?;
    let mut checker = Checker::start(args.consumer, &settings.consumer)?;
    loop {
        let Read { events, left_out } = roll.read(GROUP).await?;
        let answers = checker.ask(&events).await?;
        let answered: Vec<_> = events.into_iter().zip(answers).collect();
        let room = args.limit.map_or(usize::MAX, |limit| limit.get() - report.missing());
        let missing = answered.iter().filter(|(_, answer)| answer.presence == Presence::Missing);
        let missing: Vec<&Event> = missing.take(room).map(|(event, _)| event).collect();
        if let Some(again) = again {
            again.publish(&missing).await?;
        }
        let ids: Vec<_> = missing.iter().map(|event| event.id).collect();
        for (event, answer) in &answered {
            if answer.presence != Presence::Missing || ids.contains(&event.id) {
                report.take(event, answer);
            }
        }
        if args.limit.is_some_and(|limit| report.missing() == limit.get()) {
            return Ok(());
        }
        if let Some(left_out) = left_out {
            report.left_out(left_out);
            checker.finish().await?;
            return roll.finish().await;
        }
    }
}

#[cfg(test)]
mod tests;
