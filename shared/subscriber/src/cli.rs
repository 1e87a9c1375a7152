//! A consumer's binary: its command line, and its start.

use std::{io::Write, marker::PhantomData, process::ExitCode, sync::Arc};

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use serde_json::json;
use usher_bus::{Bus, BusError, Entity, ServiceBus};
use usher_clock::Clock;
use usher_http::FailureClass;
use usher_service::{Failure, Health, Shutdown};

use crate::{
    Consumer, Ports, ReplayFilter, Replayed, Subscriber, SubscriberSettings, Summary, replay::Ended,
};

/// A consumer's whole `main`.
pub fn main<C: Consumer>() -> ExitCode {
    usher_service::run(binary::<C>(), |cli: Cli<C>, shutdown| async move {
        match cli.command {
            None | Some(Command::Run) => consume::<C>(cli.settings, cli.own, shutdown).await,
            Some(Command::Replay(filter)) => replay::<C>(cli.settings, cli.own, filter, shutdown).await,
        }
    })
}

/// `usher-{name}`, for the life of the process.
fn binary<C: Consumer>() -> &'static str {
    Box::leak(format!("usher-{}", C::NAME).into_boxed_str())
}

#[derive(Args)]
struct Line<S: Args> {
    #[command(flatten)]
    settings: SubscriberSettings,
    #[command(flatten)]
    own: S,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Act on sign-ups as they arrive, until told to stop (the default).
    Run,
    /// Run the messages in this consumer's dead-letter queue through the same handler, once.
    ///
    /// What succeeds leaves the queue. What fails again, and what the filter does not match, stays in it.
    /// Messages that arrive during the run are left alone. It can be stopped at any moment.
    Replay(ReplayFilter),
}

/// The parsed command line. The name and the description are the consumer's, hence not derived.
struct Cli<C: Consumer> {
    settings: SubscriberSettings,
    own: C::Settings,
    command: Option<Command>,
    consumer: PhantomData<C>,
}

impl<C: Consumer> Parser for Cli<C> {}

impl<C: Consumer> CommandFactory for Cli<C> {
    fn command() -> clap::Command {
        let command = clap::Command::new(binary::<C>()).version(env!("CARGO_PKG_VERSION"));
        // After the settings: the description of the last group of them would stand in its place.
        Line::<C::Settings>::augment_args(command).about(C::ABOUT).long_about(None)
    }

    fn command_for_update() -> clap::Command {
        Self::command()
    }
}

impl<C: Consumer> FromArgMatches for Cli<C> {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let Line { settings, own, command } = Line::from_arg_matches(matches)?;
        Ok(Self { settings, own, command, consumer: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

async fn consume<C: Consumer>(
    settings: SubscriberSettings,
    own: C::Settings,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let consumer = prepare::<C>(&settings, own)?;
    let entity = entity::<C>(&settings);
    let bus = connect(&settings)?;
    let receiver = bus.receiver(&entity).await.map_err(|e| failure(&settings, &e))?;
    check_credentials(&consumer).await?;
    let health = Health::new();
    let served = match settings.health_addr {
        Some(address) => Some(health.serve(address, shutdown.clone()).await?),
        None => None,
    };
    usher_service::announce(
        &json!({ "service": C::NAME, "health": served.as_ref().map(|(bound, _)| bound) }),
    );
    let max_age = settings.max_event_age.or(C::MAX_EVENT_AGE);
    let subscriber = Subscriber::new(
        C::NAME,
        Arc::new(consumer),
        receiver,
        settings.limits,
        max_age,
        Clock::system(),
        health,
    );
    let ended = subscriber.run(shutdown.clone()).await;
    bus.close().await;
    shutdown.request();
    if let Some((_, serving)) = served {
        // It only answers questions: that it ended badly changes nothing.
        let _ = serving.await;
    }
    ended.map_err(|e| failure(&settings, &e))
}

async fn replay<C: Consumer>(
    settings: SubscriberSettings,
    own: C::Settings,
    filter: ReplayFilter,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let consumer = prepare::<C>(&settings, own)?;
    let bus = connect(&settings)?;
    let receiver = bus.receiver(&entity::<C>(&settings).dead_letters()).await;
    let receiver = receiver.map_err(|e| failure(&settings, &e))?;
    check_credentials(&consumer).await?;
    let max_age = settings.max_event_age.or(C::MAX_EVENT_AGE);
    let limits = Subscriber::replay_limits(settings.limits);
    let subscriber = Subscriber::new(
        C::NAME,
        Arc::new(consumer),
        receiver,
        limits,
        max_age,
        Clock::system(),
        Health::new(),
    );
    let summary = subscriber.replay(&filter, &shutdown, &mut print).await;
    bus.close().await;
    conclude(&summary.map_err(|e| failure(&settings, &e))?)
}

fn prepare<C: Consumer>(settings: &SubscriberSettings, own: C::Settings) -> Result<C, Failure> {
    let http = settings.http.client().map_err(|e| Failure::setting("USHER_EXTRA_CA_FILE", e))?;
    C::new(own, Ports { http, clock: Clock::system() })
}

fn entity<C: Consumer>(settings: &SubscriberSettings) -> Entity {
    let subscription = settings.subscription.as_deref().unwrap_or(C::NAME);
    Entity::subscription(settings.bus.topic(), subscription)
}

fn connect(settings: &SubscriberSettings) -> Result<ServiceBus, Failure> {
    let bus = ServiceBus::connect(&settings.bus, settings.http.extra_ca_file.as_deref());
    bus.map_err(|error| Failure::setting(error.setting(), &error))
}

/// Wrong credentials are a setting to mend, so they end the start; a destination that is merely down is waited for.
async fn check_credentials<C: Consumer>(consumer: &C) -> Result<(), Failure> {
    match consumer.probe().await {
        Err(down) if down.failure.class == FailureClass::Unauthorized => {
            Err(Failure::setting(down.credential, format!("{} refuses it: {}", down.vendor, down.failure)))
        }
        _ => Ok(()),
    }
}

fn failure(settings: &SubscriberSettings, error: &BusError) -> Failure {
    match error {
        BusError::Unauthorized { .. } => Failure::setting(settings.bus.credential_setting(), error),
        _ => Failure::Unavailable(error.to_string()),
    }
}

fn print(replayed: &Replayed) {
    let Replayed { sequence_number, message_id, still_dead } = replayed;
    say(&match still_dead {
        None => format!("{sequence_number:>8}  {message_id}  done"),
        Some(why) => format!("{sequence_number:>8}  {message_id}  still dead: {why}"),
    });
}

/// A reader that has gone away, such as `head`, is no reason to break off a replay.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn conclude(summary: &Summary) -> Result<(), Failure> {
    let Summary { done, failed, unmatched, reached, ended } = summary;
    let reached = match reached {
        Some((reached, highest)) => format!(", looked at {reached} of {highest}"),
        None => ": the dead-letter queue is empty".to_owned(),
    };
    say(&format!("{done} done, {failed} failed, {unmatched} not matched{reached}"));
    let why = match ended {
        Ended::AtTheEnd if *failed == 0 => return Ok(()),
        Ended::AtTheEnd => "some failed again and are still in the queue",
        Ended::TooManyHeld => "ended early: as many as may be held at once failed or did not match",
        Ended::Locked => "ended early: what remains is locked by somebody else; run it again later",
        Ended::DestinationDown => "ended early: the destination is down",
        Ended::Stopped => "stopped; what was not done is still in the queue",
    };
    Err(Failure::Negative(why.to_owned()))
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use usher_event::Event;
    use uuid::Uuid;

    use super::*;
    use crate::{Down, Handler, Outcome};

    struct Greeter;

    /// What a consumer's settings are.
    #[derive(Args)]
    struct Greeting {
        #[arg(long, env = "GREETING_FOR_A_TEST")]
        greeting: Option<String>,
    }

    #[async_trait]
    impl Handler for Greeter {
        fn tenant_id(&self) -> Uuid {
            Uuid::nil()
        }

        async fn handle(&self, _: &Event) -> Outcome {
            Outcome::Done
        }

        async fn probe(&self) -> Result<(), Down> {
            Ok(())
        }
    }

    impl Consumer for Greeter {
        const NAME: &'static str = "greeter";
        const ABOUT: &'static str = "Greets every new customer.";
        type Settings = Greeting;

        fn new(_: Greeting, _: Ports) -> Result<Self, Failure> {
            Ok(Self)
        }
    }

    #[test]
    fn help_says_what_the_consumer_does_and_names_every_setting() {
        let help = Cli::<Greeter>::command().render_long_help().to_string();
        assert!(help.starts_with("Greets every new customer."), "{help}");
        for setting in ["SERVICEBUS_CONNECTION_STRING", "CONCURRENCY", "HEALTH_ADDR", "GREETING_FOR_A_TEST"] {
            assert!(help.contains(setting), "{setting}");
        }
        assert!(help.contains("replay"), "{help}");
    }

    #[test]
    fn without_a_command_it_runs() {
        let matches =
            Cli::<Greeter>::command().try_get_matches_from(["usher-greeter", "--greeting", "hi"]).unwrap();
        let cli = Cli::<Greeter>::from_arg_matches(&matches).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.own.greeting.as_deref(), Some("hi"));
    }
}
