//! The command line.

use std::io;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use usher_service::{Failure, Shutdown};

use crate::{backfill, dlq, doctor, new, plan, reconcile, sandbox, status, trace, up};

/// Usher shows every new customer to their seats: it turns each sign-up in a Microsoft Entra External ID tenant
/// into one message, from which Stripe, Mailchimp, groups, user names, Salesforce, a table and webhooks are served.
#[derive(Parser)]
#[command(name = "usher", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  usher up                        25 sign-ups through all of it, on this machine
  usher up --keep                 the same, and it stays up to be looked at
  usher up --chaos                the same, while vendors fail and services are killed
  usher up --real stripe          the same, with Stripe itself, in test mode
  usher trace                     the latest sign-ups; one of them through all services: usher trace USER_ID
  usher status                    how each service of the run is
  usher sandbox break stripe      what becomes of it
  usher dlq list billing          what billing could not do
  usher dlq show billing 7        all about one of them
  usher doctor                    what is wrong with the settings, and what mends it
  usher reconcile billing --since 7d
                                  who has no Stripe customer though they signed up
  usher backfill --since 7d --dry-run
                                  how many sign-ups of the past could be published
  usher plan --signups-per-day 10000
                                  what that asks of each vendor, and which limit is hit first
  usher new subscriber audit-trail
                                  a consumer of one's own
  usher completions bash > ~/.local/share/bash-completion/completions/usher

Exit codes: 0 all is well; 1 the answer is no; 64 a setting is wrong; 69 something needed isn't there.";

#[derive(Subcommand)]
enum Command {
    /// Run all of it on this machine: broker, stand-in vendors, producer and consumers
    Up(up::UpArgs),
    /// See one sign-up through all services, or list the latest
    Trace(trace::TraceArgs),
    /// Show how each service of the run that goes on here is
    Status(status::StatusArgs),
    /// Break and repair the stand-ins of the run that goes on here, and have people sign up
    Sandbox(sandbox::SandboxArgs),
    /// Look at dead letters, and have them tried again
    Dlq(dlq::DlqArgs),
    /// Find out what is wrong with settings, credentials, permissions and the broker, and what mends it
    Doctor(doctor::DoctorArgs),
    /// Find out whose effect is missing at a destination, and have it brought about
    Reconcile(reconcile::ReconcileArgs),
    /// Publish the sign-ups of the past
    Backfill(backfill::BackfillArgs),
    /// Reckon what so many sign-ups a day ask of every system, and which limit is hit first
    Plan(plan::PlanArgs),
    /// Make a consumer of one's own
    New(new::NewArgs),
    /// Print a completion script for a shell
    Completions(CompletionArgs),
}

#[derive(Args)]
struct CompletionArgs {
    /// The shell
    shell: Shell,
}

/// Does what the command line says.
pub(crate) async fn run(cli: Cli, shutdown: Shutdown) -> Result<(), Failure> {
    match cli.command {
        Command::Up(args) => Box::pin(up::run(args, shutdown)).await,
        Command::Trace(args) => trace::run(args),
        Command::Status(args) => Box::pin(status::run(args, shutdown)).await,
        Command::Sandbox(args) => Box::pin(sandbox::run(args, shutdown)).await,
        Command::Dlq(args) => Box::pin(dlq::run(args, shutdown)).await,
        Command::Doctor(args) => Box::pin(doctor::run(args, shutdown)).await,
        Command::Reconcile(args) => Box::pin(reconcile::run(args, shutdown)).await,
        Command::Backfill(args) => Box::pin(backfill::run(args, shutdown)).await,
        Command::Plan(args) => plan::run(args),
        Command::New(args) => new::run(args, shutdown).await,
        Command::Completions(args) => {
            clap_complete::generate(args.shell, &mut Cli::command(), "usher", &mut io::stdout());
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_shell_gets_its_completions() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "usher", &mut script);
            assert!(String::from_utf8(script).unwrap().contains("signups"), "{shell}");
        }
    }
}
