//! A consumer's binary: its command line, and its start.

use std::{process::ExitCode, sync::Arc};

use serde_json::json;
use usher_bus::{Bus, BusError, Entity, ServiceBus};
use usher_clock::Clock;
use usher_http::{FailureClass, HttpSettings};
use usher_service::{Failure, Health, Shutdown};

use crate::{
    Consumer, Ports, Replay, Subscriber, SubscriberSettings,
    check::{self, CheckArgs},
    circuit,
    command_line::{self, Command, Line, OnTheBus, OwnSettings},
    dead_letters::Outcomes,
    examine, watch,
};

/// A consumer's whole `main`.
pub fn main<C: Consumer>() -> ExitCode {
    let name = binary::<C>();
    let command = command_line::of::<C>(name, std::env::args_os());
    usher_service::run_command(name, command, Line::<C>::from_matches, work)
}

/// `usher-{name}`, for the life of the process.
fn binary<C: Consumer>() -> &'static str {
    Box::leak(format!("usher-{}", C::NAME).into_boxed_str())
}

async fn work<C: Consumer>(line: Line<C>, shutdown: Shutdown) -> Result<(), Failure> {
    match line {
        Line::OnTheBus(line) => {
            let OnTheBus { settings, own, command } = *line;
            match command {
                None | Some(Command::Run) => consume::<C>(settings, own, shutdown).await,
                Some(Command::Replay(what)) => replay::<C>(settings, own, &what, shutdown).await,
                Some(Command::Probe) => examine::probe::<C>(settings, own).await,
            }
        }
        Line::Own(settings, command) => carry_out::<C>(settings, command, shutdown).await,
        Line::Check(settings, args) => answer::<C>(settings, args, shutdown).await,
    }
}

async fn consume<C: Consumer>(
    settings: SubscriberSettings,
    own: C::Settings,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let consumer = prepare::<C>(&settings.http, own)?;
    let entity = entity::<C>(&settings);
    let bus = connect(&settings)?;
    let receiver = bus.receiver(&entity).await.map_err(|e| failure(&settings, &e))?;
    check_destination(&consumer).await?;
    let health = Health::measured();
    watch::quotas(&consumer, health.metrics());
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
    what: &Replay,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let consumer = prepare::<C>(&settings.http, own)?;
    let bus = connect(&settings)?;
    let receiver = bus.receiver(&entity::<C>(&settings).dead_letters()).await;
    let receiver = receiver.map_err(|e| failure(&settings, &e))?;
    check_destination(&consumer).await?;
    let max_age = settings.max_event_age.or(C::MAX_EVENT_AGE);
    let limits = Subscriber::replay_limits(settings.limits);
    let subscriber = Subscriber::new(
        C::NAME,
        Arc::new(consumer),
        receiver,
        limits,
        max_age,
        Clock::system(),
        Health::measured(),
    );
    let mut outcomes = Outcomes::new(what.done(), what.json);
    let summary = subscriber.replay(what, &shutdown, &mut |fate| outcomes.tell(fate)).await;
    bus.close().await;
    let summary = summary.map_err(|e| failure(&settings, &e))?;
    outcomes.conclude(&summary);
    summary.verdict().map_err(|why| Failure::Negative(why.to_owned()))
}

/// A command of the consumer's own, until it is done or told to stop.
async fn carry_out<C: Consumer>(
    settings: OwnSettings<C::Settings>,
    command: C::Command,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let consumer = prepare::<C>(&settings.http, settings.own)?;
    tokio::select! {
        biased;
        () = shutdown.requested() => Err(Failure::Negative("stopped".to_owned())),
        done = consumer.command(command) => done,
    }
}

/// Answers for sign-ups until there are no more, or told to stop.
async fn answer<C: Consumer>(
    settings: OwnSettings<C::Settings>,
    args: CheckArgs,
    shutdown: Shutdown,
) -> Result<(), Failure> {
    let consumer = prepare::<C>(&settings.http, settings.own)?;
    check_destination(&consumer).await?;
    tokio::select! {
        biased;
        () = shutdown.requested() => Err(Failure::Negative("stopped".to_owned())),
        done = check::check(&consumer, args, Clock::system()) => done,
    }
}

fn prepare<C: Consumer>(http: &HttpSettings, own: C::Settings) -> Result<C, Failure> {
    let http = http.client().map_err(|e| Failure::setting("USHER_EXTRA_CA_FILE", e))?;
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

/// A destination that refuses us is a setting to mend, so it ends the start: it does not take our credentials, or
/// what our settings point at isn't there. One that is merely down, or keeps silent, is waited for.
async fn check_destination<C: Consumer>(consumer: &C) -> Result<(), Failure> {
    match circuit::probe(consumer).await {
        Err(down) if matches!(down.failure.class, FailureClass::Unauthorized | FailureClass::Refused) => {
            Err(Failure::setting(down.setting, format!("{} refuses it: {}", down.vendor, down.failure)))
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

#[cfg(test)]
mod tests;
