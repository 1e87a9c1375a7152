//! `usher up`: the broker, the stand-in vendors, the producer and the consumers as processes of their own, a
//! number of sign-ups through all of it, and a verdict on what came of each. Edges that are named are the real ones.

mod chaos;
mod client;
mod environment;
mod ledger;
mod progress;
mod real;
mod receiver;
mod rows;
mod services;
mod stand_ins;
mod summary;
mod verdict;
mod watch;

use std::{
    fs,
    num::{NonZeroU16, NonZeroU32},
    path::PathBuf,
};

use clap::Args;
use usher_clock::Clock;
use usher_service::{Failure, Shutdown};

pub(crate) use self::client::Client;
use self::{
    chaos::Chaos,
    progress::Progress,
    real::{Edge, Edges, Real},
    receiver::Receiver,
    services::Services,
    watch::{Settled, Watch},
};
use crate::local::{self, Folder};

/// Arguments of `usher up`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct UpArgs {
    /// How many people sign up; administrators' creations and people who change their mind come on top. With a real tenant
    /// nobody is made up, and this and --rate and --seed mean nothing
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
    /// Edges that are the real ones: each takes its settings from the environment, by the names that they have everywhere,
    /// and they go to the services that use it alone. Nothing real is touched unless it is named here
    #[arg(long, value_name = "EDGE,..", value_enum, value_delimiter = ',', conflicts_with = "chaos")]
    real: Vec<Edge>,
    /// Folder with settings of real edges that differ from service to service, as app registrations may: in producer.env,
    /// billing.env and so on, with lines such as ENTRA_CLIENT_ID='...', which go before the environment
    #[arg(long, value_name = "DIR", requires = "real")]
    env_dir: Option<PathBuf>,
    /// Don't ask whether what is real may be written to as is said
    #[arg(long, requires = "real")]
    yes: bool,
    /// Port on 127.0.0.1 on which traces and metrics are received, for services of one's own; a free one unless set
    #[arg(long, value_name = "PORT")]
    otlp_port: Option<NonZeroU16>,
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

Traces and metrics of the services come back here, by OTLP over HTTP, and `usher trace` draws them. If \
OTEL_EXPORTER_OTLP_ENDPOINT is set they go there instead.

With --real, what is real is said before anything is started, and what can't be taken back is asked for. Of a real vendor \
there is no verdict. With a real tenant it stays up and waits for whoever signs up there from now on (START_FROM), with a \
checkpoint in the run's folder: CHECKPOINT is not looked at. docs/real-edges.md says in which order to go.

Examples:
  usher up                             ends by itself; `usher dlq list billing` works afterwards
  usher up --signups 1000 --rate 50
  usher up --keep                      stays up; try `usher status` and `usher sandbox break stripe` beside it
  usher up --chaos --signups 200 --seed 7
                                       logs: .usher/last/logs, one file for each service, and chaos.log
  usher up --real stripe --signups 5   with STRIPE_SECRET_KEY in the environment, a test key
  usher up --real entra,stripe --env-dir deploy
                                       a tenant of yours, with an app registration for each service";

/// Does all of it. However it ends, the children have ended before it does.
pub(crate) async fn run(args: UpArgs, shutdown: Shutdown) -> Result<(), Failure> {
    let edges: Edges = args.real.iter().copied().collect();
    let real = Real::of(edges, args.env_dir.as_deref(), &|name| std::env::var(name).ok())?;
    real.agree(args.signups.get(), args.yes, &shutdown).await?;
    let folder = Folder::fresh(&args.data)?;
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    println!("{}; logs are in {}", who_signs_up(&args, seed, real.edges()), folder.logs().display());
    let receiver = receiver(&args, &folder).await?;
    let run = Run { args: &args, seed, folder: &folder, receiver: receiver.as_ref(), real: &real };
    let mut services = Services::in_folder(&folder);
    let ended = if real.edges().people_are_real() {
        with_real_people(&run, &mut services, &shutdown).await
    } else {
        through(&run, &mut services, &shutdown).await
    };
    services.stop().await;
    // Last, for the services' last words.
    if let Some(receiver) = receiver {
        receiver.stop().await;
    }
    ended
}

/// What a run is about.
struct Run<'a> {
    args: &'a UpArgs,
    seed: u64,
    folder: &'a Folder,
    /// None if traces and metrics go elsewhere.
    receiver: Option<&'a Receiver>,
    /// The edges that are no stand-ins.
    real: &'a Real,
}

impl Run<'_> {
    /// Starts everything, unless we are told to stop first.
    async fn start(&self, services: &mut Services<'_>, shutdown: &Shutdown) -> Result<(), Failure> {
        let telemetry = self.receiver.map(Receiver::variables).unwrap_or_default();
        let start = services.start(self.args, self.seed, telemetry, self.real.clone());
        unless_stopped(shutdown, start).await.ok_or_else(interrupted)?
    }
}

fn who_signs_up(args: &UpArgs, seed: u64, edges: &Edges) -> String {
    let chaos = if args.chaos { " and chaos" } else { "" };
    if edges.people_are_real() {
        "Whoever signs up in the real tenant".to_owned()
    } else {
        format!("{} sign-ups{chaos}, seed {seed}", args.signups)
    }
}

/// The receiver of traces and metrics, unless somebody has ordered them elsewhere.
async fn receiver(args: &UpArgs, folder: &Folder) -> Result<Option<Receiver>, Failure> {
    match receiver::ordered_elsewhere(|name| std::env::var(name).ok()) {
        None => Receiver::start(folder.path(), args.otlp_port.map(NonZeroU16::get)).await.map(Some),
        Some(setting) if args.otlp_port.is_some() => {
            Err(Failure::setting("--otlp-port", format!("{setting} is set: traces go where that says")))
        }
        Some(setting) => {
            println!("{setting} is set: traces go where that says, and `usher trace` has nothing to read");
            Ok(None)
        }
    }
}

async fn through(run: &Run<'_>, services: &mut Services<'_>, shutdown: &Shutdown) -> Result<(), Failure> {
    let Run { args, seed, folder, receiver, real } = *run;
    run.start(services, shutdown).await?;
    let edges = real.edges();
    let chaos = args.chaos.then(|| Chaos::of(seed, watch::signing_up(args)));
    if let Some(chaos) = &chaos {
        write_down(chaos, folder)?;
    }
    let mut watch = Watch::new(args, edges.clone(), chaos, Progress::new()?)?;
    let settled = unless_stopped(shutdown, watch.until_settled(services)).await.ok_or_else(interrupted)??;
    print!("{}{}", summary::of(&settled, args, folder, edges), summary::traces(receiver, args));
    let Settled { verdict, .. } = settled;
    if args.keep {
        print!("{}", summary::while_it_stays(&verdict, &services.addresses, args, edges));
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

/// Real people sign up when they like, and nobody here knows them: shows what becomes of it, until somebody has seen enough.
async fn with_real_people(
    run: &Run<'_>,
    services: &mut Services<'_>,
    shutdown: &Shutdown,
) -> Result<(), Failure> {
    let Run { args, folder, receiver, real, .. } = *run;
    run.start(services, shutdown).await?;
    print!("{}", summary::while_people_sign_up(&services.addresses, args, real.edges()));
    let mut watch = Watch::new(args, real.edges().clone(), None, Progress::new()?)?;
    let ended = unless_stopped(shutdown, watch.until_one_ends(services)).await;
    let done = summary::of_real_people(&watch.finish(), args, folder, real.edges());
    print!("{done}{}", summary::traces(receiver, args));
    match ended {
        Some(Err(failure)) => Err(failure),
        _ => Ok(()),
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
