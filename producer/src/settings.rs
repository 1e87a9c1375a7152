//! The producer's settings: flags, each with a name in the environment.

use std::{collections::BTreeSet, net::SocketAddr, str::FromStr, time::Duration};

use clap::{Parser, Subcommand};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use usher_bus::BusSettings;
use usher_entra::EntraSettings;
use usher_http::HttpSettings;
use uuid::Uuid;

use crate::{BackfillArgs, CheckpointSettings, FunctionsArgs, Policy, RollArgs};

/// Publishes one UserSignedUp event for each customer who signs up in a Microsoft Entra External ID tenant.
#[derive(Clone, Debug, Parser)]
#[command(name = "usher-producer", version)]
pub struct Settings {
    /// The customers' tenant.
    #[command(flatten)]
    pub entra: EntraSettings,
    /// How calls go out.
    #[command(flatten)]
    pub http: HttpSettings,
    /// Where the events go.
    #[command(flatten)]
    pub bus: BusSettings,
    /// Apps that make a user when somebody signs up: ids of applications or of service principals, with commas
    #[arg(long, env = "SIGNUP_ACTORS", value_name = "UUID,..")]
    pub signup_actors: Actors,
    /// User properties that are copied into the event, with commas
    #[arg(long, env = "EVENT_ATTRIBUTES", value_name = "NAME,..", default_value = "")]
    pub event_attributes: Attributes,
    /// How often the audit log is asked
    #[arg(long, env = "POLL_INTERVAL", value_name = "DURATION", default_value = "30s", value_parser = some_time)]
    pub poll_interval: Duration,
    /// How late an entry of the audit log may show and still be found
    #[arg(long, env = "OVERLAP", value_name = "DURATION", default_value = "60m", value_parser = some_time)]
    pub overlap: Duration,
    /// How often the log is looked at again as far back as SWEEP_BACK says, for entries that came later than OVERLAP; 0:
    /// never
    #[arg(long, env = "SWEEP_EVERY", value_name = "DURATION", default_value = "24h", value_parser = some_time_or_none)]
    pub sweep_every: Duration,
    /// How far back that is: less than the 7 days for which the broker knows what was published before
    #[arg(long, env = "SWEEP_BACK", value_name = "DURATION", default_value = "6d", value_parser = known_to_the_broker)]
    pub sweep_back: Duration,
    /// What remembers how far the audit log was read.
    #[command(flatten)]
    pub checkpoint: CheckpointSettings,
    /// Where a first run starts: "now", how long ago ("7d"), or a time (RFC 3339)
    #[arg(long, env = "START_FROM", value_name = "WHEN")]
    pub start_from: Option<StartFrom>,
    /// Address to serve /healthz, /readyz, /metrics and /status on; none unless set
    #[arg(long, env = "HEALTH_ADDR", value_name = "ADDR:PORT")]
    pub health_addr: Option<SocketAddr>,
    /// Asks the audit log once and ends: for a timer or a cron job. If another producer works with the same checkpoint,
    /// there is nothing to do, and it says so
    #[arg(long)]
    pub once: bool,
    /// Asks once and prints what would be published, e-mail addresses masked; publishes and writes nothing
    #[arg(long)]
    pub dry_run: bool,
    /// What to do instead of watching the log; settings come before it.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do instead of watching the log.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Publish the sign-ups of the past: on the first day of use, and after an outage longer than OVERLAP
    ///
    /// Walks through the audit log from --since to --until, the oldest first, and publishes each sign-up that it finds,
    /// while the producer runs on beside it; the two share the log's quota (BACKFILL_REQUESTS). Its settings are the
    /// producer's.
    ///
    /// How far it came is on record, in the file or blob of CHECKPOINT with ".backfill" behind its name: stopped or killed,
    /// it goes on from there when it is run again. The producer's own checkpoint stays as it is. Two at once on one record
    /// don't go: the second ends with 69.
    ///
    /// Each message has the id that it would always have had. What was published within the last 7 days the broker knows
    /// again and swallows; what was published earlier reaches the consumers once more, which does no harm: whatever is
    /// done already shows once all the same.
    ///
    /// Exit codes: 0 done; 1 stopped, or an entry can't be read; 64 a setting is wrong; 69 Entra or the broker isn't there.
    /// After each but the first the same command goes on.
    Backfill(BackfillArgs),
    /// Be called by a timer of Azure Functions, as its custom handler, and poll once each time
    ///
    /// Serves the Functions host on this machine, and takes whatever function it calls to be the timer. One poll at a time;
    /// while another producer works with the same checkpoint there is nothing to do. A poll that fails is answered with
    /// 500, which the host shows as a failed call; the next one is the remedy. infra/functions has the files to deploy.
    Functions(FunctionsArgs),
    /// Write who has signed up and is still a user, one event a line; `usher reconcile` reads it
    ///
    /// It holds names and addresses: it goes to a file or a program, never to a terminal. Changes nothing.
    Roll(RollArgs),
    /// Say what is wrong with the settings and with what they name, as JSON; `usher doctor` reads it
    ///
    /// Looks at the credentials, the permissions, the clock, the audit log and who makes users in it, the attributes, the
    /// topic, the checkpoint and the lease on it. Changes nothing.
    Probe,
}

impl Settings {
    /// What the producer's core needs to know.
    pub fn policy(&self) -> Policy {
        Policy {
            tenant: self.entra.tenant_id,
            actors: self.signup_actors.0.clone(),
            attributes: self.event_attributes.0.clone(),
            poll_interval: self.poll_interval,
            overlap: self.overlap,
            sweep_every: (!self.sweep_every.is_zero()).then_some(self.sweep_every),
            sweep_back: self.sweep_back,
            start_from: self.start_from,
        }
    }
}

/// The sign-up actors; at least one.
#[derive(Clone, Debug)]
pub struct Actors(BTreeSet<Uuid>);

impl FromStr for Actors {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ids: Result<BTreeSet<_>, _> = parts(text).map(Uuid::parse_str).collect();
        match ids {
            Ok(ids) if !ids.is_empty() => Ok(Self(ids)),
            Ok(_) => Err("names no app: sign-ups can't be told from other new users without one"),
            Err(_) => {
                Err("must be ids such as 0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d, with commas between them")
            }
        }
    }
}

/// The allow-list of user properties; may be empty.
#[derive(Clone, Debug)]
pub struct Attributes(Vec<String>);

impl FromStr for Attributes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let names: Vec<_> = parts(text).map(str::to_owned).collect();
        if !names.iter().all(|name| is_name(name)) {
            return Err(
                "must be names of user properties (letters, digits, underscores), with commas between them",
            );
        }
        if names.iter().any(|name| name.eq_ignore_ascii_case("userPrincipalName")) {
            return Err("userPrincipalName changes after the sign-up: consumers read it from the user");
        }
        Ok(Self(names))
    }
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Where a first run starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartFrom {
    /// With those who sign up from now on.
    Now,
    /// So long ago.
    Ago(Duration),
    /// At a point in time.
    At(OffsetDateTime),
}

impl StartFrom {
    /// The point in time that it means at `now`.
    pub fn from(self, now: OffsetDateTime) -> OffsetDateTime {
        match self {
            Self::Now => now,
            Self::Ago(ago) => now - ago,
            Self::At(time) => time,
        }
    }
}

impl FromStr for StartFrom {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "now" {
            return Ok(Self::Now);
        }
        if let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) {
            return Ok(Self::At(time));
        }
        let ago = humantime::parse_duration(text).ok().filter(|ago| *ago <= LONGEST);
        ago.map(Self::Ago).ok_or("must be now, how long ago (7d), or a time (2026-01-31T00:00:00Z)")
    }
}

/// No audit log reaches further back, nor does any setting of ours.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

fn some_time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    let some = Duration::from_millis(1)..=LONGEST;
    if some.contains(&time) {
        Ok(time)
    } else {
        Err("must be more than nothing and less than a year".to_owned())
    }
}

fn some_time_or_none(text: &str) -> Result<Duration, String> {
    if text == "0" { Ok(Duration::ZERO) } else { some_time(text) }
}

/// For how long the topic's duplicate detection remembers an id.
const DUPLICATES_KNOWN: Duration = Duration::from_secs(7 * 24 * 3600);

fn known_to_the_broker(text: &str) -> Result<Duration, String> {
    let back = some_time(text)?;
    if back < DUPLICATES_KNOWN {
        Ok(back)
    } else {
        Err("must be less than 7 days: what was published before that would be published again".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_start_is_now_or_ago_or_a_time() {
        let noon = datetime!(2026-01-08 12:00 UTC);
        let start = |text: &str| text.parse::<StartFrom>().map(|start| start.from(noon));
        assert_eq!(start("now"), Ok(noon));
        assert_eq!(start("7d"), Ok(datetime!(2026-01-01 12:00 UTC)));
        assert_eq!(start("2026-01-01T00:00:00+01:00"), Ok(datetime!(2025-12-31 23:00 UTC)));
        assert!(start("yesterday").is_err());
        assert!(start("99999999999999y").is_err());
    }

    #[test]
    fn a_sweep_looks_back_no_further_than_the_broker_does() {
        assert_eq!(some_time_or_none("0"), Ok(Duration::ZERO));
        assert!(some_time("0s").is_err());
        assert!(known_to_the_broker("6d 23h").is_ok());
        assert!(known_to_the_broker("7d").is_err());
    }

    #[test]
    fn actors_are_ids_and_at_least_one() {
        let one = "0f4d3b5e-8a53-4f0e-9c5b-1d2f6a7b8c9d";
        assert_eq!(format!(" {one}, {}", one.to_uppercase()).parse::<Actors>().unwrap().0.len(), 1);
        assert!("".parse::<Actors>().is_err());
        assert!(",".parse::<Actors>().is_err());
        assert!("ADIbizaUX".parse::<Actors>().is_err());
    }

    #[test]
    fn attributes_are_names_and_never_the_upn() {
        assert_eq!("a, extension_1_b,".parse::<Attributes>().unwrap().0, ["a", "extension_1_b"]);
        assert!("".parse::<Attributes>().unwrap().0.is_empty());
        assert!("a b".parse::<Attributes>().is_err());
        assert!("id&$filter".parse::<Attributes>().is_err());
        assert!("UserPrincipalName".parse::<Attributes>().is_err());
    }
}
