//! A consumer's command line: the runtime's commands, and the consumer's own beside them.
//!
//! The runtime's commands take their settings before their name, as does a run without any. A command of the
//! consumer's own needs no broker: it takes the consumer's settings and those of outbound HTTP, behind its name.

use std::ffi::OsString;

use clap::{ArgMatches, Args, FromArgMatches, Subcommand, builder::Resettable};
use usher_http::HttpSettings;

use crate::{Consumer, Replay, SubscriberSettings, check::CheckArgs};

/// The runtime's command that needs no broker.
const CHECK: &str = "check";

/// What is to be done, and the settings for it.
pub(crate) enum Line<C: Consumer> {
    /// A command of the runtime, on the bus.
    OnTheBus(Box<OnTheBus<C::Settings>>),
    /// A command of the consumer's own.
    Own(OwnSettings<C::Settings>, C::Command),
    /// The runtime's command that needs no broker.
    Check(OwnSettings<C::Settings>, CheckArgs),
}

#[derive(Args)]
pub(crate) struct OnTheBus<S: Args> {
    #[command(flatten)]
    pub(crate) settings: SubscriberSettings,
    #[command(flatten)]
    pub(crate) own: S,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Act on sign-ups as they arrive, until told to stop (the default).
    Run,
    /// Run the messages in this consumer's dead-letter queue through the same handler, once.
    ///
    /// What succeeds leaves the queue. What fails again, and what the filter does not match, stays in it.
    /// Messages that arrive during the run are left alone. It can be stopped at any moment. Up to 256 are held at once:
    /// more that fail or don't match end the run, which says how far it got.
    Replay(Box<Replay>),
    /// Say what is wrong with the settings and with what they name, as JSON; `usher doctor` reads it.
    ///
    /// Looks at the credentials, their permissions, the clock, the subscription with its rules, and the destination.
    /// Changes nothing.
    Probe,
}

#[derive(Args)]
pub(crate) struct OwnSettings<S: Args> {
    #[command(flatten)]
    pub(crate) http: HttpSettings,
    #[command(flatten)]
    pub(crate) own: S,
}

impl<C: Consumer> Line<C> {
    /// What the arguments came to.
    pub(crate) fn from_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand() {
            Some((name, behind)) if C::Command::has_subcommand(name) => {
                let command = C::Command::from_arg_matches(matches)?;
                Ok(Self::Own(OwnSettings::from_arg_matches(behind)?, command))
            }
            Some((CHECK, behind)) => {
                let args = CheckArgs::from_arg_matches(behind)?;
                Ok(Self::Check(OwnSettings::from_arg_matches(behind)?, args))
            }
            _ => Ok(Self::OnTheBus(Box::new(OnTheBus::from_arg_matches(matches)?))),
        }
    }
}

/// The consumer's command line, for these arguments.
pub(crate) fn of<C: Consumer>(
    name: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
) -> clap::Command {
    let command = clap::Command::new(name).version(env!("CARGO_PKG_VERSION"));
    let command = OnTheBus::<C::Settings>::augment_args(command);
    let command = C::Command::augment_subcommands(command).mut_subcommands(with_settings::<C>);
    let command = command.subcommand(check::<C>());
    // The settings that a run can't do without are not asked for where a command brings its own.
    let mut arguments = arguments.into_iter();
    let brings_own = |name: &str| name == CHECK || C::Command::has_subcommand(name);
    let own = arguments.any(|argument| argument.to_str().is_some_and(brings_own));
    // Last: the description of the last group of settings would stand in its place.
    let command = command.about(C::ABOUT).long_about(None);
    command.subcommand_negates_reqs(own).args_conflicts_with_subcommands(own)
}

/// The command that answers for sign-ups; it takes the settings of a command of the consumer's own.
fn check<C: Consumer>() -> clap::Command {
    let command = CheckArgs::augment_args(clap::Command::new(CHECK));
    OwnSettings::<C::Settings>::augment_args(command.next_help_heading("Settings"))
        .about("Say of each sign-up on standard input whether its effect shows; changes nothing")
        .long_about(
            "Say of each sign-up on standard input whether its effect shows at the destination; changes nothing.\n\n\
             Each line in is an event, each line out a JSON object that says `present`, `missing`, `not-expected` or \
             `unknown`, and why. `usher reconcile` reads it.",
        )
}

/// A command of the consumer's own takes its settings behind its name.
fn with_settings<C: Consumer>(command: clap::Command) -> clap::Command {
    if !C::Command::has_subcommand(command.get_name()) {
        return command;
    }
    let (about, long_about) = (command.get_about().cloned(), command.get_long_about().cloned());
    let command = OwnSettings::<C::Settings>::augment_args(command.next_help_heading("Settings"));
    command.about(Resettable::from(about)).long_about(Resettable::from(long_about))
}

#[cfg(test)]
mod tests;
