//! `usher up`: the broker, the stand-in vendors, the producer and the consumers as processes of their own, a
//! number of sign-ups through all of it, and a verdict on what came of each.

mod chaos;
mod client;
mod environment;
mod ledger;
mod progress;
mod rows;
mod services;
mod summary;
mod verdict;
mod watch;

use std::{fs, num::NonZeroU32, path::PathBuf};

use clap::Args;
use usher_clock::Clock;
use usher_service::{Failure, Shutdown};

use self::{
    chaos::Chaos,
    progress::Progress,
    services::Services,
    watch::{Settled, Watch},
};
use crate::local::{self, Folder};

/// Arguments of `usher up`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct UpArgs {
    /// How many people sign up; administrators' creations and people who change their mind come on top
    #[arg(long, default_value = "25", value_name = "N")]
    signups: NonZeroU32,
    /// How many sign up per second
    #[arg(long, default_value = "5", value_name = "PER_SEC", value_parser = rate)]
    rate: f64,
    /// Who they are, what happens to them and what goes wrong follows from this; random unless given
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
    /// Let things go wrong until a little after the last sign-up: calls that fail, hang or lose their answer, vendors
    /// that are slow or gone, and services that are killed (SIGKILL) and started again
    #[arg(long)]
    chaos: bool,
    /// Stay up after the verdict, until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// Folder for the run's data and logs; what an earlier run left there is removed
    #[arg(long, default_value = local::LAST_RUN, value_name = "DIR")]
    data: PathBuf,
}

const EXAMPLES: &str = "\
One of the addresses is refused by the stand-in for Stripe and one by that for Mailchimp, and one of the people by that \
for Salesforce, so that there are dead letters to look at. The verdict compares what the stand-ins hold with what should be: exit code 0 only if every \
effect shows exactly once.

With --chaos it must end as well, and takes two or three minutes: what a killed consumer held is locked for one, and a call \
that hangs is waited for as long as the vendor may take. It does nothing that may rightly end as a dead letter. The \
seed is printed at the start: with the same seed, the same things go wrong at the same times.

Examples:
  usher up                             ends by itself; `usher dlq list billing` works afterwards
  usher up --signups 1000 --rate 50
  usher up --keep                      stays up; try `usher dlq replay billing` beside it
  usher up --chaos --signups 200 --seed 7
                                       logs: .usher/last/logs, one file for each service, and chaos.log";

/// Does all of it. However it ends, the children have ended before it does.
pub(crate) async fn run(args: UpArgs, shutdown: Shutdown) -> Result<(), Failure> {
    let folder = Folder::fresh(&args.data)?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let chaos = if args.chaos { " and chaos" } else { "" };
    println!("{} sign-ups{chaos}, seed {seed}; logs are in {}", args.signups, folder.logs().display());
    let mut services = Services::in_folder(&folder);
    let ended = through(&args, seed, &folder, &mut services, &shutdown).await;
    services.stop().await;
    ended
}

async fn through(
    args: &UpArgs,
    seed: u64,
    folder: &Folder,
    services: &mut Services<'_>,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    unless_stopped(shutdown, services.start(args, seed)).await.ok_or_else(interrupted)??;
    let chaos = args.chaos.then(|| Chaos::of(seed, watch::signing_up(args)));
    if let Some(chaos) = &chaos {
        write_down(chaos, folder)?;
    }
    let mut watch = Watch::new(args, chaos, Progress::new()?)?;
    let settled = unless_stopped(shutdown, watch.until_settled(services)).await.ok_or_else(interrupted)??;
    print!("{}", summary::of(&settled, args, folder));
    let Settled { verdict, .. } = settled;
    if args.keep {
        print!("{}", summary::while_it_stays(&verdict, &services.addresses));
        if let Some(Err(failure)) = unless_stopped(shutdown, services.until_one_ends()).await {
            return Err(failure);
        }
    }
    if verdict.is_good() {
        Ok(())
    } else {
        Err(Failure::Negative(format!("not every effect shows exactly once; --seed {seed} repeats it")))
    }
}

/// For whoever reads the logs beside it.
fn write_down(chaos: &Chaos, folder: &Folder) -> Result<(), Failure> {
    let file = folder.logs().join("chaos.log");
    let begun = Clock::system().now();
    fs::write(&file, format!("from {begun} on:\n{}", chaos.plan()))
        .map_err(|e| Failure::Unavailable(format!("{} can't be written: {e}", file.display())))
}

/// `None` if we are told to stop first.
async fn unless_stopped<T>(shutdown: &Shutdown, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        () = shutdown.requested() => None,
        done = work => Some(done),
    }
}

fn interrupted() -> Failure {
    Failure::Negative("stopped before the end".to_owned())
}

fn rate(text: &str) -> Result<f64, &'static str> {
    text.parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .ok_or("must be a number above zero")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_a_number_above_zero() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "inf", "NaN", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
