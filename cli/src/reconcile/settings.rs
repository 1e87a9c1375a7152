//! Whose settings the programs get: from files, from a run that goes on here, or from the environment as it is.

use std::path::Path;

use clap::Parser;
use usher_bus::BusSettings;
use usher_service::Failure;

use super::ReconcileArgs;
use crate::local::{self, Run, Variables, variables_file, variables_of};

/// Without it nothing says which tenant is meant.
const TENANT: &str = "ENTRA_TENANT_ID";
const CONNECTION_STRING: &str = "SERVICEBUS_CONNECTION_STRING";
/// As the folder of a run names the producer's settings.
const PRODUCER: &str = "producer";

/// What each program gets before the environment is asked.
pub(super) struct Settings {
    pub(super) producer: Variables,
    pub(super) consumer: Variables,
    /// Where to publish again; only if that is to be done.
    pub(super) bus: Option<BusSettings>,
}

impl Settings {
    /// # Errors
    /// [`Failure::Setting`] if a file can't be read, or nothing says which tenant or which broker is meant.
    pub(super) fn of(args: &ReconcileArgs) -> Result<Self, Failure> {
        let files = args.producer_env.is_some() || args.consumer_env.is_some();
        let is_told = files || args.bus.is_some() || std::env::var_os(TENANT).is_some();
        let (producer, consumer) = if is_told {
            (
                from("--producer-env", args.producer_env.as_deref())?,
                from("--consumer-env", args.consumer_env.as_deref())?,
            )
        } else {
            of_the_run(args)?
        };
        let bus = if args.fix { Some(bus(args, &producer)?) } else { None };
        Ok(Self { producer, consumer, bus })
    }
}

fn from(flag: &'static str, file: Option<&Path>) -> Result<Variables, Failure> {
    let Some(file) = file else { return Ok(Variables::default()) };
    let unreadable =
        |e: std::io::Error| Failure::setting(flag, format!("{} can't be read: {}", file.display(), e.kind()));
    Variables::read(file).map_err(unreadable)
}

fn of_the_run(args: &ReconcileArgs) -> Result<(Variables, Variables), Failure> {
    match local::find(&args.data)? {
        Run::GoesOn => {
            let read = |file: &Path| Variables::read(file).map_err(|_| local::in_use(&args.data));
            Ok((
                read(&variables_file(&args.data, PRODUCER))?,
                read(&variables_of(&args.data, args.consumer))?,
            ))
        }
        Run::None | Run::Ended(_) => Err(Failure::setting(
            TENANT,
            "is not set, and no run goes on here whose tenant could be asked: `usher up --keep` starts one",
        )),
    }
}

fn bus(args: &ReconcileArgs, producer: &Variables) -> Result<BusSettings, Failure> {
    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        bus: BusSettings,
    }
    if let Some(bus) = &args.bus {
        return Ok(bus.clone());
    }
    let text = producer.get(CONNECTION_STRING).ok_or_else(|| {
        let problem = "is not set, and --fix publishes (or give SERVICEBUS_NAMESPACE instead)";
        Failure::setting(CONNECTION_STRING, problem)
    })?;
    let topic = producer.get("SERVICEBUS_TOPIC").unwrap_or("user-signups");
    let told = [format!("--servicebus-connection-string={text}"), format!("--servicebus-topic={topic}")];
    Ok(Only::parse_from(["usher".to_owned()].into_iter().chain(told)).bus)
}
